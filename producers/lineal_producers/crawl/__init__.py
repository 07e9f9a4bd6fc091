"""Images of crawled pages onto the bus."""
