"""A table in a csv file, with numbers and words, on the command line."""

from pathlib import Path

from journey import export, nets_deap, train_sparse
from sklearn.datasets import load_wine
from torch import nn

import nets_deap as nd


def make(input_shape, outputs):
    """Networks may ask for the shape of a sample and for the number of outputs."""
    return nn.Sequential(nn.Linear(input_shape[0], 32), nn.Tanh(), nn.Linear(32, outputs))


def write_table(path):
    """scikit-learn's wines, with one column in words."""
    table = load_wine(as_frame=True).frame
    table["colour"] = ["deep" if value > 5 else "light" for value in table.pop("color_intensity")]
    table["cultivar"] = table.pop("target").map({0: "barolo", 1: "grignolino", 2: "barbera"})
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


def main(folder=Path("tabular-example")):
    write_table(folder / "wine.csv")
    dataset = f"csv:{folder}/wine.csv?target=cultivar"
    problem = ["--dataset", dataset, "--model", "tabular:make", "--loss", "cross-entropy:weights=balanced"]
    recipe = ["--optimizer", "adamw:weight_decay=0.01", "--lr", "0.01", "--batch-size", "20", "--epochs", "5"]
    evolve, imp = str(folder / "evolve"), str(folder / "imp")
    small = ["--pop", "2", "--gens", "3", "--map", "serial"]
    nets_deap("evolve", *problem, *recipe, *small, "--density", "0.2", "--out", evolve)
    nets_deap("imp", *problem, *recipe, "--cycles", "2", "--density", "0.2", "--out", imp)
    nets_deap("train", imp, "--model", "tabular:make", "--epochs", "10")
    nets_deap("verify", imp, "--model", "tabular:make", "--seeds", "2", "--epochs", "10", "--map", "serial")
    export(folder / "imp" / "ticket.safetensors", folder / "export")

    ticket = nd.load_ticket(folder / "imp" / "ticket.safetensors")
    data = nd.problem_of(make, dataset).data
    model = ticket.apply_to(make(data.input_shape, data.classes))
    train_sparse(ticket, model, data, nn.functional.cross_entropy)
    return ticket


if __name__ == "__main__":
    main()
