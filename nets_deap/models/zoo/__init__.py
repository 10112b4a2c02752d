"""Networks by name: plain modules, on the same path as a user's own."""
