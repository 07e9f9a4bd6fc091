"""The register stage: bytes seen for the first time become a document."""
