"""Regions: installations of lineal with a bus and a ledger of their own, the links between them,
and jobs that are sent to them."""
