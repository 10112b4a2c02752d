"""Helpers that are not about networks: errors, files, random streams, statistics, tables, threads."""
