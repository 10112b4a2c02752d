"""The names of the search methods, and what each does. Without torch, for completion in a shell."""

from __future__ import annotations

METHODS: dict[str, str] = {
    "dense": "the dense network, whatever the density",
    "random": "a random mask, every layer of the same density",
    "random-erk": "a random mask of Erdős–Rényi layer densities",
    "random-paper": "the NeTS paper's random tickets: density from N(d, 0.05²)",
    "magnitude": "the largest |θ₀|",
    "snip": "the largest |θ₀ · gradient|",
    "grasp": "what the gradient's norm needs",
    "synflow": "what carries the flow, in 100 rounds, without data",
    "imp": "iterative magnitude pruning with rewinding",
    "imp-short": "the same with one epoch per cycle",
    "edge-popup": "a strong ticket: scores are trained, ± constant weights are not",
    "gem-miner": "the same, pruned globally bit by bit: good before training and after it",
    "cts": "a mask of learned probabilities that imitates the dense network",
    "nets": "evolution, as `nets-deap evolve` does it",
    "nets-paper": "evolution as in the NeTS paper",
    "weedout": "random search in node space: whole units or channels",
    "node-evolution": "evolution in node space",
    "random-nodes": "one random node mask",
    "es": "iterative pruning where an evolution strategy does the training",
    "es-paper": "the same at the size of its paper, for a GPU",
    "set": "trained sparse, the mask moves at random: no ticket",
    "rigl": "trained sparse, the mask follows gradients: no ticket",
}
