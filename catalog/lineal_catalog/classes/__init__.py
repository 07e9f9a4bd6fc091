"""Classes of documents: teaching them by examples, and what was taught."""
