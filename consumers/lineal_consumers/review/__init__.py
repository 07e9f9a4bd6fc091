"""The review stage: asks people, and brings what they say into what follows."""
