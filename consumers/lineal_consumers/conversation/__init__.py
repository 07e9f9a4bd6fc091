"""Conversation: what people say is understood, asked back, confirmed, fulfilled and answered."""
