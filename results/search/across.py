"""Paired differences between trials of different folders, seed by seed.

    python results/search/across.py

Prints mean ± 95 % interval in points of test accuracy, and the p-value of the paired t-test.
"""

from pathlib import Path

import pandas as pd

from nets_deap.experiment import paired_difference

RESULTS = Path(__file__).parents[1]
LINEAGE, DEFAULT = ("search/budget-36000", "nets:pop=1"), ("search/mnist", "nets")
PAIRS = [
    (("search/budget-18000", "nets:gens=9,pop=1"), ("search/mnist", "imp"), (0.02, 0.01)),
    (LINEAGE, DEFAULT, (0.05, 0.02, 0.01)),
    (LINEAGE, ("lth", "imp:epochs=3"), (0.05, 0.02, 0.01)),
    (("search/mnist", "nets+imp"), ("lth", "imp-short"), (0.02, 0.01)),
    (("search/mnist", "nets+reinit"), ("lth", "imp:epochs=3+reinit"), (0.02, 0.01)),
    (("search/mnist", "nets+shuffle"), ("lth", "random-erk"), (0.02, 0.01)),
    (("search/mnist", "nets+dense"), ("lth", "dense"), (0.02, 0.01)),
]


def accuracies(folder: str, method: str, asked: float) -> pd.Series:
    """Test accuracy in %, by seed."""
    rows = pd.read_csv(RESULTS / folder / "trials.csv")
    return 100 * rows[(rows["method"] == method) & (rows["asked"] == asked)].set_index("seed")["test_acc"]


for ours, theirs, densities in PAIRS:
    for asked in densities:
        both = pd.concat([accuracies(*ours, asked), accuracies(*theirs, asked)], axis=1).dropna().to_numpy()
        told = paired_difference(both[:, 0], both[:, 1])
        names = f"{' '.join(ours)} minus {' '.join(theirs)}, {asked:.0%}"
        print(f"{names}: {told.mean:.2f} ± {told.half_width:.2f}, p = {told.p_value:.2g}, {len(both)} seeds")
