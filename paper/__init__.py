"""The reproduction report: its figures, text and data."""
