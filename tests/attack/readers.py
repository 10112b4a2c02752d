"""Every reader of a file, with a whole file for it: anything but a result or a NetsError is a finding."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nets_deap.config import run_folder
from nets_deap.config.layers import configure, read_config_file, validate
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.experiments import comparison_folder, connectivity, resumed, trained, transfer, trial, verdict
from nets_deap.experiments.config import CompareConfig
from nets_deap.models.registry import build
from nets_deap.problem.budget import Cost
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.report import reading
from nets_deap.report.rows import Birth
from nets_deap.search import cycle_files
from nets_deap.search.registry import parse
from nets_deap.tracking import tracker
from nets_deap.training.standing import Standing
from nets_deap.util import digests, files
from nets_deap.util.tables import read_csv, write_csv
from tests.attack import interrupted
from tests.attack.attacking import Reader
from tests.attack.interrupted import SMALL
from tests.attack.mutations import mutated_bytes, mutated_json, mutated_tensors


def _ticket(name: str, shape: tuple[int, ...], path: Path) -> None:
    architecture, rng = build(name, shape, 2), np.random.default_rng(0)
    weights = rng.standard_normal(architecture.layout.size, dtype=np.float32)
    config = {"dataset": "xor", "seed": 7, "densities": [0.1, 0.2]}
    info = {"method": "imp", "rewind": 0, "val_acc": 0.5}
    Ticket(weights, rng.random(weights.size) < 0.5, architecture, config, info).save(path)


TRIAL = trial.Trial(parse("random"), 0.2, 1)
ROW = {
    "method": "random",
    "asked": 0.2,
    "seed": 1,
    "density": 0.2,
    "early_stop_iteration": 3,
    "val_loss": 0.1,
    "val_acc": 0.9,
    "test_loss": 0.2,
    "test_acc": 0.8,
    **{
        f"{of}_{key}": 5
        for of in ("search", "train")
        for key in ("gradient_steps", "samples", "forward_passes")
    },
    "search_seconds": 0.5,
    "train_seconds": 0.25,
}


def _trial() -> None:
    kept = {"trial": ROW, "logbook": [{"gen": 0, "loss": 0.5}], "training": [{"epoch": 1, "val_loss": 0.5}]}
    files.write_text(Path("trials", f"{TRIAL.name}.json"), json.dumps(kept))


def _found() -> None:
    _ticket("mlp-10", (2,), trial.ticket_path(Path(), TRIAL))
    kept = {
        "logbook": [{"gen": 0}],
        "cost": {"gradient_steps": 1, "samples": 2, "forward_passes": 3, "seconds": 0.5},
    }
    files.write_text(trial.ticket_path(Path(), TRIAL).with_suffix(".json"), json.dumps(kept))


def _trials() -> None:
    rows = {trial.Trial.of(ROW | {"seed": seed}): ROW | {"seed": seed} for seed in (1, 2)}
    comparison_folder.write(Path(), rows, [], configure(CompareConfig))
    Path(digests.DIGESTS).unlink()


def _summary() -> None:
    figures = dict.fromkeys(
        ("density", "early_stop_iteration", "test_loss", "test_acc", "final_test_acc"), 0.5
    )
    files.write_text(
        Path("summary.json"), json.dumps({"training": "t", "ticket": figures, "random": [figures]})
    )


def _table(path: str, row: dict[str, Any]) -> None:
    write_csv(Path(path), [row, row])


def _rows(path: str, kind: type) -> list[Any]:
    return resumed.Rows(Path(path), order=str, kind=kind).known


def _control() -> None:
    figures = {
        "density": 0.5,
        "early_stop_iteration": 3,
        "test_loss": 0.1,
        "test_acc": 0.5,
        "final_test_acc": 0.5,
    }
    told = {"training": "this one", "rows": [{"iteration": 3, "val_loss": 0.5}], "summary": figures}
    files.write_text(Path("c.json"), digests.sealed(told))


BIRTH = {"number": 1, "generation": 1, "parent": 0, "mate": 0, "by": "flip"}
BIRTH |= {"fitness": 0.5, "val_loss": 0.5, "density": 0.5}
CONFIG = Path(run_folder.CONFIG)
JSON, TENSORS, TEXT = (mutated_bytes, mutated_json), (mutated_bytes, mutated_tensors), (mutated_bytes,)
TOML = b'dataset = "xor"\nmethods = "imp,random"\ndensities = [0.2, 0.1]\nlr = 1e-3 # a rate\nout = "x"\n'


def _config(kind: type, **options: Any) -> None:
    run_folder.write_config(Path(), configure(kind, **options))


READERS: dict[str, Reader] = {
    "ticket": Reader(
        partial(_ticket, "mlp-10", (2,), Path("t")), Path("t"), lambda: load_ticket("t"), TENSORS
    ),
    "ticket of a convolutional network": Reader(
        partial(_ticket, "cnn-8-16", (1, 8, 8), Path("t")), Path("t"), lambda: load_ticket("t"), TENSORS
    ),
    "ticket of a residual network": Reader(
        partial(_ticket, "wrn-10-1", (1, 8, 8), Path("t")), Path("t"), lambda: load_ticket("t"), TENSORS
    ),
    "checkpoint": Reader(
        interrupted.write_checkpoint, Path(run_folder.CHECKPOINT), interrupted.resume, TENSORS
    ),
    "checkpoint of weedout": Reader(
        interrupted.write_weedout, Path(run_folder.CHECKPOINT), interrupted.go_on_weeding, TENSORS
    ),
    "cycle": Reader(
        interrupted.write_cycle,
        cycle_files.path_of(Path(), 1),
        lambda: cycle_files.newest(Path(), interrupted.PROBLEM, None),
        TENSORS,
    ),
    "config.json of an evolution": Reader(
        partial(_config, EvolveConfig, **SMALL),
        CONFIG,
        lambda: validate(EvolveConfig, run_folder.read_config(Path())).fingerprint(),
        JSON,
    ),
    "config.json of a comparison": Reader(
        partial(_config, CompareConfig, methods="imp,snip:allocation=erk", until_half_width=0.5),
        CONFIG,
        lambda: comparison_folder.read_config(Path()).fingerprint(),
        JSON,
    ),
    "a config that an option names": Reader(
        partial(_config, EvolveConfig, **SMALL),
        CONFIG,
        lambda: configure(EvolveConfig, config=CONFIG).fingerprint(),
        JSON,
    ),
    "a free folder's config": Reader(
        partial(_config, EvolveConfig, **SMALL), CONFIG, lambda: run_folder.is_free(Path()), JSON
    ),
    "TOML": Reader(
        lambda: files.write_bytes(Path("c.toml"), TOML),
        Path("c.toml"),
        lambda: validate(CompareConfig, read_config_file(Path("c.toml"))),
        TEXT,
    ),
    "a table": Reader(
        partial(_table, "t.csv", {"gen": 1, "name": "a", "loss": 0.5}),
        Path("t.csv"),
        lambda: read_csv(Path("t.csv")),
        TEXT,
    ),
    "trials.csv": Reader(_trials, Path("trials.csv"), lambda: comparison_folder.read_rows(Path()), TEXT),
    "seconds.csv": Reader(_trials, Path("seconds.csv"), lambda: comparison_folder.read_rows(Path()), TEXT),
    "a trial": Reader(
        _trial,
        Path("trials", f"{TRIAL.name}.json"),
        lambda: comparison_folder.read_trial(Path(), TRIAL),
        JSON,
    ),
    "a search in a comparison": Reader(
        _found,
        trial.ticket_path(Path(), TRIAL).with_suffix(".json"),
        lambda: trial.found_already(TRIAL, Path()),
        JSON,
    ),
    "verify.csv": Reader(
        partial(
            _table,
            "v.csv",
            {
                "network": "dense",
                "seed": 1,
                "density": 1.0,
                "early_stop_iteration": 3,
                "val_loss": 0.1,
                "test_acc": 0.5,
            },
        ),
        Path("v.csv"),
        lambda: [verdict.order(row) for row in _rows("v.csv", verdict.Trained)],
        TEXT,
    ),
    "transfer.csv": Reader(
        partial(
            _table, "t.csv", {"ticket": "random", "seed": 1, "density": 0.5, "val_acc": 0.5, "test_acc": 0.5}
        ),
        Path("t.csv"),
        lambda: _rows("t.csv", transfer.Transferred),
        TEXT,
    ),
    "connectivity.csv": Reader(
        partial(_table, "c.csv", {"seed": 1, "alpha": 0.5, "test_error": 0.5}),
        Path("c.csv"),
        lambda: connectivity.barrier(_rows("c.csv", connectivity.Point) or [{"alpha": 0, "test_error": 0}]),
        TEXT,
    ),
    "summary.json": Reader(
        _summary, Path("summary.json"), lambda: trained.read_summary(Path("summary.json")), JSON
    ),
    "where a training stands": Reader(
        interrupted.write_standing,
        Path("s"),
        lambda: interrupted.train(Standing.load(Path("s"), "this one")),
        TENSORS,
    ),
    "a random ticket's training": Reader(
        _control, Path("c.json"), lambda: trained.read_control(Path("c.json")), JSON
    ),
    "lineage.csv": Reader(
        partial(_table, "l.csv", BIRTH), Path("l.csv"), lambda: reading.table(Path("l.csv"), Birth), TEXT
    ),
    "digests.json": Reader(
        lambda: digests.write_text(Path("t.csv"), "a,b\n1,2\n"),
        Path(digests.DIGESTS),
        lambda: digests.read_text(Path("t.csv")),
        JSON,
    ),
    "nets-deap.json of a tracker": Reader(
        lambda: tracker.State().write(Path(tracker.STATE)),
        Path(tracker.STATE),
        lambda: tracker.State.read(Path(tracker.STATE)),
        JSON,
    ),
    "cost.json": Reader(
        lambda: files.write_text(Path("cost.json"), '{"gradient_steps": 1, "samples": 2, "seconds": 0.5}'),
        Path("cost.json"),
        lambda: Cost.read(files.read_json(Path("cost.json")), "cost.json"),
        JSON,
    ),
}
