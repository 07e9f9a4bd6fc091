"""Recognisers of entities: links, network addresses, dates, money, percentages, organisations."""
