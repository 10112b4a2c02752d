"""Pruning as score × allocation × schedule: what matters, how much stays where, in how many rounds."""
