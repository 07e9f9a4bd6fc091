"""Effects: the changes of the store that a step makes, as frozen data."""
