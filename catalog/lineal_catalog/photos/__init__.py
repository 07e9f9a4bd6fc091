"""What is known of photos: their scores, and what people said of them."""
