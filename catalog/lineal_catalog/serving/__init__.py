"""What is known of models that are served."""
