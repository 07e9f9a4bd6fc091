"""The stage that matches sentences."""
