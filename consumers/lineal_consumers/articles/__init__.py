"""Articles are read aloud: text comes, audio with marks to read along goes."""
