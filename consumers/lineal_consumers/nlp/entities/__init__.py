"""Recognisers of facts: links, addresses of machines, dates, sums, percentages, organisations."""
