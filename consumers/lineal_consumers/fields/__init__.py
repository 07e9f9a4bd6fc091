"""Fields of documents: declared, extracted, checked by rules, learnt from corrections."""
