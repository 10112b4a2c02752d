"""The figures of the report's own results."""
