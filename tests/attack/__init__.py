"""Attacks on what is read from disk: small in the suite, large by `python -m tests.attack --cases 100000`."""
