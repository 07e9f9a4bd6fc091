"""Reviews: the queue of what people are to look at, and what they have said."""
