"""Whether what a sentence mentions is there, was there, is somebody else's, or is only possible."""
