"""Search methods, one file per kind: a problem in, a ticket out."""
