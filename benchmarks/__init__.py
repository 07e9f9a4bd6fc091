"""Side-by-side measurements against peers, in one run; never asserted in tests."""
