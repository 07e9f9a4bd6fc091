"""PDF/A-2b (ISO 19005-2): PDFs for long-term archives, with all fonts and colours embedded."""
