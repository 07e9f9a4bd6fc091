"""Slides: pyramidal images of billions of pixels, tiled, scored in parallel, and learnt from."""
