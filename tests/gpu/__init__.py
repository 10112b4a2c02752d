"""What needs a GPU: tests, which skip where there is none, and measurements for results/gpu (`make gpu`)."""
