"""Minibatches whose samples lie side by side, and what kernels compute on them; autograd sees tensors."""
