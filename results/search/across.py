"""Paired differences between trials of different folders, or to another reference, seed by seed.

    python results/search/across.py

Prints mean ± 95 % interval in points of test accuracy, and the p-value of the paired t-test.
"""

from pathlib import Path

import pandas as pd

from nets_deap.util.statistics import paired_difference

RESULTS = Path(__file__).parents[1]
LINEAGE, DEFAULT = ("search/budget-36000", "nets:pop=1"), ("search/mnist", "nets")
FRONT = ("search/front.csv", "no denser than that")
GAINS = (
    "nets:algorithm=mu-plus-lambda,elites=0,{},input_dropout=0,iterations=450,lr_factor=1,"
    "mutate=gains:{},seeding=random-erk"
)
EVOLVED = GAINS.format(
    "gens=160,init_density=0.2", "0.7/flip/prune-increase:0.05/grow,pop=1,reevaluate=no,restart_after=6"
)
DRAWN = GAINS.format("gens=1,init_density=0.2", "2/repair,offspring=160,pop=1,reevaluate=no")
PAIRS = [
    (("search/budget-18000", "nets:gens=9,pop=1"), ("search/mnist", "imp"), (0.02, 0.01)),
    (LINEAGE, DEFAULT, (0.05, 0.02, 0.01)),
    (FRONT, LINEAGE, (0.2, 0.05, 0.02, 0.01)),
    (FRONT, DEFAULT, (0.05, 0.02, 0.01, 0.005)),
    (LINEAGE, ("lth", "imp:epochs=3"), (0.05, 0.02, 0.01)),
    (("search/mnist", "nets+imp"), ("lth", "imp-short"), (0.02, 0.01)),
    (("search/mnist", "nets+reinit"), ("lth", "imp:epochs=3+reinit"), (0.02, 0.01)),
    (("search/mnist", "nets+shuffle"), ("lth", "random-erk"), (0.02, 0.01)),
    (("search/mnist", "nets+dense"), ("lth", "dense"), (0.02, 0.01)),
    (("search/ablation", "nets:pop=2"), DEFAULT, (0.02,)),
    *(
        (("search/paper-gains", f"{gains}+lineage"), ("search/paper-gains", f"{gains}{part}"), (0.2,))
        for gains in (EVOLVED, DRAWN)
        for part in ("+imp", "+scale-matched", "", "+dense")
    ),
]


def accuracies(folder: str, method: str, asked: float) -> pd.Series:
    """Test accuracy in %, by seed."""
    if (folder, method) == FRONT:
        rows = pd.read_csv(RESULTS / folder)
        return rows[rows["asked"] == asked].set_index("seed")["test_acc"]
    rows = pd.read_csv(RESULTS / folder / "trials.csv")
    return 100 * rows[(rows["method"] == method) & (rows["asked"] == asked)].set_index("seed")["test_acc"]


for ours, theirs, densities in PAIRS:
    for asked in densities:
        both = pd.concat([accuracies(*ours, asked), accuracies(*theirs, asked)], axis=1).dropna().to_numpy()
        told = paired_difference(both[:, 0], both[:, 1])
        names = f"{' '.join(ours)} minus {' '.join(theirs)}, {asked:.1%}"
        names = names.replace(EVOLVED, "evolved gains").replace(DRAWN, "drawn gains")
        print(f"{names}: {told.mean:.2f} ± {told.half_width:.2f}, p = {told.p_value:.2g}, {len(both)} seeds")
