"""The front of one two-objective run, against runs for one density each.

    python results/search/front.py SEEDS [DATA_DIR]

For each seed one `nets-deap evolve --preset lth --dataset mnist --select nsga2 --pop 16 --gens 40
--target-density 0.005`. Of its front the ticket of least validation loss that is no denser than asked is
trained to the end as in results/search/mnist (20 epochs, early stop by validation loss). Appends to front.csv
beside it: per seed and density asked, the ticket's density and test accuracy, and the gradient steps of the
whole run. Seeds that are there already are not run again.
"""

import sys
from pathlib import Path

import pandas as pd

from nets_deap.evolution.folder import evolve
from nets_deap.evolution.settings import configure
from nets_deap.experiments.config import CompareConfig
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.parallel.choice import make_map
from nets_deap.training.final import train_ticket

ASKED = (0.2, 0.05, 0.02, 0.01, 0.005)
HERE = Path(__file__).parent


def main(seeds: int, data_dir: str = "data") -> None:
    path = HERE / "front.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    place = {"dataset": "mnist", "data_dir": data_dir}
    problem = configure(CompareConfig, "lth", epochs=20, **place).problem()
    for seed in range(1, seeds + 1):
        if any(row["seed"] == seed for row in rows):
            continue
        config = configure(
            preset="lth", select="nsga2", pop=16, gens=40, target_density=0.005, seed=seed, **place
        )
        with make_map("multiprocess", None, "cpu") as engine:
            evolution = evolve(config, Path("runs") / f"front-{seed}", engine).evolution
        steps = sum(row["gradient_steps"] for row in evolution.logbook)
        for asked in ASKED:
            fits = [genome for genome in evolution.hall if genome.density <= asked + 0.5 / genome.mask.size]
            if not fits:
                continue  # the run has nothing as sparse
            best = min(fits, key=lambda genome: measured(genome).val_loss)
            run = train_ticket(evolution.ticket(best), problem, seed, 100, track_test=False)
            accuracy = 100 * run.test.accuracy
            rows.append({"seed": seed, "asked": asked, "density": best.density, "test_acc": accuracy})
            rows[-1] |= {"front": len(evolution.hall), "search_gradient_steps": steps}
            print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(path, index=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
