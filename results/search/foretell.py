"""What the fitness of a genome foretells of the ticket that its descendants become.

    python results/search/foretell.py [DATA_DIR]

One run of `nets-deap evolve --preset lth --dataset mnist --pop 16` for each density: 16 lineages from initial
weights of their own, each with minibatches of its own, without selection. Every last ticket is trained to the
end twice, by two seeds (20 epochs, early stop by validation loss). Writes foretell.csv beside it: per lineage
its validation loss in every generation, and of both trainings test accuracy and losses. Densities that are
there are not run again.
"""

import sys
from functools import partial
from pathlib import Path

import pandas as pd

from nets_deap.config import CompareConfig
from nets_deap.elites import measured
from nets_deap.evolution import Evolution
from nets_deap.final_training import train_ticket
from nets_deap.parallel import make_map
from nets_deap.problem import Problem
from nets_deap.settings import configure

DENSITIES = (0.02, 0.01, 0.005)
SEEDS = (1, 2)
PATH = Path(__file__).with_name("foretell.csv")


def verdict(evolution: Evolution, problem: Problem, item: tuple[int, int]) -> tuple[float, float, float]:
    """Test accuracy and loss, and validation loss, of the ticket in one place, trained by one seed."""
    place, seed = item
    ticket = evolution.ticket(evolution.population[place])
    run = train_ticket(ticket, problem, seed, 100, track_test=False)
    return 100 * run.test.accuracy, run.test.loss, run.early_stop["val_loss"]


def main(data_dir: str = "data") -> None:
    rows = pd.read_csv(PATH).to_dict("records") if PATH.exists() else []
    place = {"dataset": "mnist", "data_dir": data_dir}
    problem = configure(CompareConfig, "lth", epochs=20, **place).problem()
    for density in DENSITIES:
        if any(row["density"] == density for row in rows):
            continue
        config = configure(
            preset="lth", mutate="reorder,flip,prune-increase", pop=16, target_density=density, **place
        )
        with make_map("multiprocess", None, "cpu") as engine:
            evolution = Evolution(config, engine)
            lineages: list[dict[str, float]] = [{"density": density, "lineage": i} for i in range(config.pop)]
            for generation in range(config.gens + 1):
                evolution.advance()
                for row, genome in zip(lineages, evolution.population, strict=True):
                    row[f"val_loss_{generation}"] = measured(genome).val_loss
            trained = [(place, seed) for place in range(config.pop) for seed in SEEDS]
            for (place_, seed), told in zip(
                trained, engine(partial(verdict, evolution, problem), trained), strict=True
            ):
                names = (f"test_acc_{seed}", f"test_loss_{seed}", f"final_val_loss_{seed}")
                lineages[place_] |= dict(zip(names, told, strict=True))
        rows += lineages
        pd.DataFrame(rows).to_csv(PATH, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
