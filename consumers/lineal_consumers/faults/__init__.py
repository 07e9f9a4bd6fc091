"""Recognises kinds of faults by what people have marked."""
