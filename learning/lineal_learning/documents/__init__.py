"""What training and use of document classes have in common: terms of a document, and the model."""
