"""What the flywheel asks of everything that is learnt: learners, datasets without leaks, gates."""
