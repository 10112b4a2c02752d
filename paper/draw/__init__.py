"""The figures of our own results."""
