"""What puts events on the bus."""
