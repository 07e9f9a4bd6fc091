"""The index stage: an analysed document becomes findable."""
