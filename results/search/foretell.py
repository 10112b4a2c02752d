"""What the fitness of a genome foretells of the ticket that its descendants become.

    python results/search/foretell.py [DATA_DIR]

One run of `nets-deap evolve --preset lth --dataset mnist --pop 16 --mutate reorder,flip,prune-increase
--density-gens 16 --select-from 21` for each density: 16 lineages from initial weights of their own, each with
minibatches of its own, without selection. Every last ticket is trained to the end twice, by two seeds (20
epochs, early stop by validation loss). Writes foretell.csv beside it: per lineage its validation loss in
every generation, and of both trainings test accuracy and losses. Densities that are there are not run again.
"""

import sys
from functools import partial
from pathlib import Path

import pandas as pd

from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import configure
from nets_deap.experiments.config import CompareConfig
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.parallel.choice import make_map
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.training.final import train_ticket

DENSITIES = (0.005, 0.01, 0.02)
SEEDS = (1, 2)
PATH = Path(__file__).with_name("foretell.csv")


def verdict(problem: Problem, item: tuple[Ticket, int]) -> tuple[float, float, float]:
    """Test accuracy and loss, and validation loss, of a ticket trained by one seed."""
    ticket, seed = item
    run = train_ticket(ticket, problem, seed, 100, track_test=False)
    return 100 * run.test.accuracy, run.test.loss, run.early_stop["val_loss"]


def main(data_dir: str = "data") -> None:
    rows = pd.read_csv(PATH).to_dict("records") if PATH.exists() else []
    where = {"dataset": "mnist", "data_dir": data_dir}
    problem = configure(CompareConfig, "lth", epochs=20, **where).problem()
    for density in DENSITIES:
        if any(row["density"] == density for row in rows):
            continue
        apart = {"mutate": "reorder,flip,prune-increase", "pop": 16, "density_gens": 16, "select_from": 21}
        config = configure(preset="lth", target_density=density, **apart, **where)
        with make_map("multiprocess", None, "cpu") as engine:
            evolution = Evolution.of(config, engine)
            lineages: list[dict[str, float]] = [{"density": density, "lineage": i} for i in range(config.pop)]
            for generation in range(config.gens + 1):
                evolution.advance()
                for row, genome in zip(lineages, evolution.population, strict=True):
                    row[f"val_loss_{generation}"] = measured(genome).val_loss
            tickets = [evolution.ticket(genome) for genome in evolution.population]
            trained = [(place, seed) for place in range(config.pop) for seed in SEEDS]
            items = [(tickets[place], seed) for place, seed in trained]
            for (place, seed), told in zip(trained, engine(partial(verdict, problem), items), strict=True):
                names = (f"test_acc_{seed}", f"test_loss_{seed}", f"final_val_loss_{seed}")
                lineages[place] |= dict(zip(names, told, strict=True))
        rows += lineages
        pd.DataFrame(rows).to_csv(PATH, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
