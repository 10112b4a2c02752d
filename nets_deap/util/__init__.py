"""What knows nothing of networks: errors, files, random streams, statistics, tables, threads."""
