"""Readers of the folders of each command: what a `Held` tells beyond the settings that all have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nets_deap.config.measured import measure_in
from nets_deap.evolution.improvement import last_improvement
from nets_deap.util import digests, files, tables

Told = dict[str, Any]
Reader = Callable[[Path, Told], Told]
FINISHED = "finished"


def _rows(path: Path) -> list[tables.Row]:
    """The rows of a table; none if there is no such file."""
    return tables.parse(digests.read_text(path), path) if path.exists() else []


def evolution(folder: Path, config: Told) -> Told:
    rows = _rows(folder / "logbook.csv")
    told: Told = {"method": "nets", "density": config.get("target_density"), "unit": "generation"}
    told |= {"done": None, "total": config["gens"]}
    if not rows:
        return told
    last = rows[-1]
    over = _over(config, rows)
    return told | {
        "density": last["density_best"],
        "score": last["val_acc_best"],
        "of": "validation",
        "curve": tuple(row["val_acc_best"] for row in rows),
        "done": int(last["gen"]),
        "seconds": last["elapsed_s"],
        "state": FINISHED if over else None,
        "facts": {
            "stopped by": over or None,
            "last improvement": last_improvement(rows),
            "evaluations": int(sum(row["nevals"] for row in rows)),
            "gradient steps": int(sum(row.get("gradient_steps", 0) for row in rows)),
            "fitness": last["fitness_min"],
            "validation loss": last["val_loss_best"],
            "least untrained loss": last.get("untrained_loss_min"),
        },
    }


def _over(config: Told, rows: list[tables.Row]) -> str:
    """Why an evolution is over, or ""."""
    if int(rows[-1]["gen"]) >= config["gens"]:
        return f"{config['gens']} generations"
    if not config.get("patience"):
        return ""
    from nets_deap.config.layers import validate  # takes most of a second
    from nets_deap.evolution.record import finished
    from nets_deap.evolution.settings import EvolveConfig

    known = {key: value for key, value in config.items() if key in EvolveConfig.model_fields}
    return finished(validate(EvolveConfig, known), rows)


def search(folder: Path, config: Told) -> Told:
    rows = _rows(folder / "logbook.csv")
    told: Told = {"method": config["method"], "density": config.get("density"), "of": "validation"}
    last = rows[-1] if rows else {}
    unit = next((unit for unit in tables.COUNTED if unit in last), "row")
    score = "val_acc_best" if "val_acc_best" in last else "val_acc"
    density = "density_best" if "density_best" in last else "density"
    told |= {
        "unit": tables.COUNTED.get(unit, unit),
        "done": int(last.get(unit, len(rows))) if rows else None,
    }
    told |= {"score": last.get(score), "density": last.get(density, told["density"])}
    told |= {"seconds": last.get("elapsed_s"), "curve": tuple(r[score] for r in rows if score in r)}
    if (folder / "cost.json").exists():
        cost = files.read_json(folder / "cost.json")
        spent = {key.replace("_", " "): value for key, value in cost.items() if key != "seconds"}
        told |= {"state": FINISHED, "total": told["done"], "seconds": cost["seconds"], "facts": spent}
    return told


def training(folder: Path, config: Told) -> Told:
    rows = _rows(folder / "training.csv")
    told: Told = {"method": "train", "unit": "evaluation", "done": len(rows) or None}
    if rows:
        told |= {"score": rows[-1].get("test_acc", rows[-1]["val_acc"]), "seconds": rows[-1]["elapsed_s"]}
        told |= {"of": "test" if "test_acc" in rows[-1] else "validation"}
        told |= {"curve": tuple(row.get("test_acc", row["val_acc"]) for row in rows)}
    if not (folder / "summary.json").exists():
        return told
    ticket = files.read_json(folder / "summary.json")["ticket"]
    beside = files.read_json(folder / "summary.json").get("random") or []
    return told | {
        "state": FINISHED,
        "total": told["done"],
        "density": ticket["density"],
        "score": ticket["test_acc"],
        "of": "test",
        "facts": {
            "early stop at": ticket["early_stop_iteration"],
            "test loss": ticket["test_loss"],
            "random tickets beside it": len(beside) or None,
        },
    }


def verdict(folder: Path, config: Told) -> Told:
    seeds = range(config["seed"], config["seed"] + config["seeds"])  # a larger verdict may have left others
    rows = [row for row in _rows(folder / "verify.csv") if row["seed"] in seeds]
    ours = [row for row in rows if row["network"] == "ticket"]
    told: Told = {"method": "verify", "unit": "training", "done": len(rows) or None}
    if ours:
        told |= {"density": ours[0]["density"], "score": sum(r["test_acc"] for r in ours) / len(ours)}
    networks = Counter(row["network"] for row in rows)
    whole = rows and min(networks.values()) >= config["seeds"] and (folder / "verdict.json").exists()
    if not whole:
        return told
    judged = files.read_json(folder / "verdict.json")
    better = judged["accuracy_better"]
    measure = measure_in(folder, config)
    difference = f"{measure.between(better['mean'], better['half_width'], '+')} {measure.points}"
    facts = {"verdict": judged["verdict"], "better than dense": difference, "seeds": judged["seeds"]}
    return told | {"state": FINISHED, "total": len(rows), "facts": facts}


def transfer(folder: Path, config: Told) -> Told:
    rows = _rows(folder / "transfer.csv")
    told = _seeds(rows, config, "ticket") | {"method": f"transfer to {config['to']}"}
    facts = {
        f"{name}, test": _mean(rows, "ticket", name) for name in dict.fromkeys(r["ticket"] for r in rows)
    }
    told["density"] = next((row["density"] for row in rows if row["ticket"] == "the ticket"), None)
    return told | {"score": facts.get("the ticket, test"), "facts": facts}


def connectivity(folder: Path, config: Told) -> Told:
    return _seeds(_rows(folder / "connectivity.csv"), config, "alpha") | {"method": "connectivity"}


def _seeds(rows: list[tables.Row], config: Told, of: str) -> Told:
    """How far an experiment is that trains the same things, named by the column `of`, `seeds` times."""
    done = min(Counter(row[of] for row in rows).values(), default=0)
    whole = FINISHED if done >= config["seeds"] else None
    return {"unit": "seed", "done": done or None, "total": config["seeds"], "state": whole}


def _mean(rows: list[tables.Row], of: str, name: str) -> float:
    values = [row["test_acc"] for row in rows if row[of] == name]
    return float(sum(values) / len(values))


def comparison(folder: Path, config: Told) -> Told:
    methods, densities = split_methods(config["methods"]), config["densities"]
    rows = _rows(folder / "trials.csv")
    done = max(len(rows), sum(1 for _ in (folder / "trials").glob("*.json")))
    total = None if config.get("until_half_width") else len(methods) * len(densities) * config["seeds"]
    summary = _rows(folder / "summary.csv")
    best = measure_in(folder, config).best(summary, lambda row: row["test_acc"])
    told: Told = {"method": ", ".join(methods), "unit": "trial", "done": done or None, "total": total}
    told["state"] = FINISHED if summary and (total is None or done >= total) else None
    told["density"] = densities[0] if len(densities) == 1 else None
    facts: Told = {"densities": ", ".join(f"{each:g}" for each in densities), "seeds": config["seeds"]}
    if best:
        facts |= {"best": f"{best['method']} at {best['asked']:g}"}
        told["score"] = best["test_acc"] / 100
    return told | {"facts": facts}


def split_methods(text: str) -> list[str]:
    """The methods in a text like "imp:cycles=3,scope=global,snip": a comma also parts a method's options."""
    methods: list[str] = []
    for piece in text.split(","):
        if methods and "=" in piece.partition(":")[0]:
            methods[-1] += f",{piece}"
        else:
            methods.append(piece)
    return methods
