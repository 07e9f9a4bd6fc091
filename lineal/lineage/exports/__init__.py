"""Lineage in the formats of other tools: OpenLineage and W3C PROV."""
