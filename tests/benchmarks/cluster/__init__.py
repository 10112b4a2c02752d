"""How long a generation takes on a cluster: measured, by a formula, and simulated."""
