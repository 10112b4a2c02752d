"""A network of torchvision's on a folder of images, on the command line."""

from pathlib import Path

import numpy as np
from journey import export, nets_deap, train_sparse
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn
from torchvision.models import shufflenet_v2_x0_5

import nets_deap as nd


def write_images(folder):
    """train/<digit>/… and test/<digit>/…: 100 images of 32 × 32 pixels of three digits."""
    images, labels = load_digits(n_class=3, return_X_y=True)
    for i, (image, label) in enumerate(zip(images[:100], labels[:100], strict=True)):
        path = folder / ("test" if i % 5 == 0 else "train") / str(label) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.kron(image.reshape(8, 8) * 15, np.ones((4, 4))).astype(np.uint8)
        Image.fromarray(pixels).save(path)


def main(folder=Path("torchvision-example")):
    write_images(folder / "images")
    problem = ["--dataset", f"folder:{folder}/images", "--arch", "torchvision:shufflenet_v2_x0_5"]
    recipe = ["--optimizer", "adam", "--lr", "1e-3", "--batch-size", "16", "--epochs", "1"]
    evolve, imp = str(folder / "evolve"), str(folder / "imp")
    small = ["--pop", "2", "--gens", "1", "--map", "serial"]
    nets_deap("evolve", *problem, *recipe, *small, "--density", "0.2", "--out", evolve)
    nets_deap("imp", *problem, *recipe, "--cycles", "1", "--density", "0.2", "--out", imp)
    nets_deap("train", imp, "--epochs", "2")
    nets_deap("verify", imp, "--seeds", "2", "--epochs", "1", "--map", "serial")
    export(folder / "imp" / "ticket.safetensors", folder / "export")

    ticket = nd.load_ticket(folder / "imp" / "ticket.safetensors")
    model = ticket.apply_to(shufflenet_v2_x0_5(num_classes=3))
    problem = nd.problem_of("torchvision:shufflenet_v2_x0_5", f"folder:{folder}/images")
    train_sparse(ticket, model, problem.data, nn.functional.cross_entropy)
    return ticket


if __name__ == "__main__":
    main()
