"""Whether readings still come from where the training data came from."""
