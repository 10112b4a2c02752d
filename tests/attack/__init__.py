"""Attacks: small in the suite, large on demand (`make attack`)."""
