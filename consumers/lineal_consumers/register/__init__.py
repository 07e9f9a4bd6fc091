"""The register stage: makes a document of new bytes."""
