"""How far running statistics lag in a brief training, and how many samples make them anew.

    python results/conv/lag.py DATA

DATA: the folder with cifar10/{train,test}/<class>/*.jpg. ResNet-20 under random masks of 10 %, 9,000 images,
SGD with momentum at 0.1: loss and accuracy on 1,000 validation images, three seeds each. Writes lag.csv.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from nets_deap.networks.backends import make_network
from nets_deap.networks.scoring import evaluate
from nets_deap.networks.statistics import recompute
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.method import initial
from nets_deap.training.loop import train
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.tables import write_csv

STEPS, SAMPLES, SEEDS, DENSITY = (20, 70, 140), (512, 1280, 5000), range(3), 0.1


def main(data: Path) -> None:
    recipe = Recipe("sgd:momentum=0.9,weight_decay=1e-4", 0.1, 128, augment=True)
    problem = Problem(f"folder:{data / 'cifar10'}", "resnet-20", recipe, init="module", data_limit=10_000)
    parts = problem.data.to("cpu", torch.float32)
    rows = []
    for steps in STEPS:
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            weights, extras = initial(problem, rng)
            mask = rng.random(weights.size) < DENSITY
            network = make_network(problem.architecture, weights, mask, recipe, extras=extras)
            whole = problem.recipe.part(0, steps, len(parts.train.y))
            train(network, parts.train, whole, generator(seed, 0, Role.MINIBATCHES))
            for samples in (0, *SAMPLES):
                if samples:
                    recompute(network, parts.train.x, recipe.batch_size, samples)
                score = evaluate(network, parts.validation, parts.cases)
                told = {"val_loss": score.loss, "val_acc": score.accuracy}
                rows.append({"steps": steps, "seed": seed, "anew_from": samples} | told)
                print(rows[-1], flush=True)
    write_csv(Path(__file__).with_suffix(".csv"), rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
