"""Recognises the services on images of architectures."""
