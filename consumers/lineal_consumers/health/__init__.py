"""Encodes de-identified FHIR records as rows of a table, from which models learn."""
