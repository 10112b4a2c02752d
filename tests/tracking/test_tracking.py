"""Trackers write what a run finds, once, and go on where an earlier part of the run has ended."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nets_deap.tracking import names
from nets_deap.tracking.log import tracked
from nets_deap.util import files
from nets_deap.util.errors import NetsError, NetsWarning
from tests.conftest import Ran

Cli = Callable[..., Ran]
Series = dict[str, list[tuple[int, float]]]  # name: (step, value), …
RUN = Path("run")
BLOCK = 1 << 15  # bytes
TINY = ("--dataset", "xor-corners", "--pop", 4, "--epochs", 2, "--map", "serial", "--out", RUN)


def of_tensorboard(folder: Path = RUN) -> Series:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def of_mlflow(folder: Path = RUN) -> Series:
    client, run = mlflow_run(folder)
    return {
        key: [(told.step, told.value) for told in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
    }


def mlflow_run(folder: Path = RUN) -> Any:
    """A client, and the newest run in the folder's database."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{(folder / 'mlflow' / 'mlflow.db').absolute()}")
    (experiment,) = [each for each in client.search_experiments() if each.name == "nets-deap"]
    return client, client.search_runs([experiment.experiment_id], order_by=["start_time DESC"])[0]


def records(path: Path) -> Iterator[bytes]:
    """Of a file of wandb's, like a log of LevelDB: pieces in blocks, with checksum, length and kind."""
    content, whole, place = path.read_bytes(), b"", 7
    while place + 7 <= len(content):
        if (left := BLOCK - place % BLOCK) < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def whole(path: Path, read: Callable[[bytes], Any]) -> list[Any]:
    """The records, once wandb's own process has written the last one, of the end."""
    for _ in range(100):
        found = [read(data) for data in records(path)]
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.1)
    raise TimeoutError(path)


def of_wandb(folder: Path = RUN) -> Series:
    from wandb.proto.wandb_internal_pb2 import Record

    series: Series = {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        for record in whole(path, Record.FromString):
            items = {"".join(item.nested_key) or item.key: item for item in record.history.item}
            items |= {item.key: item for item in record.summary.update if item.key.startswith("ticket/")}
            step = record.history.step.num
            for key, item in items.items():
                if not key.startswith("_"):
                    series.setdefault(key, []).append((step, json.loads(item.value_json)))
    return series


READERS: dict[str, Callable[..., Series]] = {
    "tensorboard": of_tensorboard,
    "mlflow": of_mlflow,
    "wandb": of_wandb,
}
INSTALLED = [
    pytest.param(
        name,
        marks=[
            *[pytest.mark.slow] * (name != "tensorboard"),
            pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"no {name}: extra {name}"),
        ],
    )
    for name in names.TRACKERS
]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_MODE", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", INSTALLED)
def test_an_evolution_that_goes_on_is_one_log_without_double_rows(name: str, cli: Cli) -> None:
    first = cli("evolve", *TINY, "--gens", 1, "--log", name)
    assert (first.code, first.err) == (0, "")
    assert cli("evolve", "--gens", 3, "--out", RUN, "--quiet").code == 0  # the folder knows that it is logged
    told = READERS[name]()
    rows = (RUN / "logbook.csv").read_text(encoding="utf-8").splitlines()
    column = rows[0].split(",").index("fitness_min")
    values = [float(row.split(",")[column]) for row in rows[1:]]
    assert [step for step, _ in told["fitness_min"]] == [0, 1, 2, 3]
    assert [value for _, value in told["fitness_min"]] == pytest.approx(values)
    assert len(told["ticket/density"]) == 2
    assert "gen" not in told


@pytest.mark.parametrize("name", INSTALLED)
def test_what_was_not_logged_is_made_up_for_and_a_log_of_another_run_is_left(name: str) -> None:
    rows = [{"cycle": i, "val_acc": i / 10, "name": "x"} for i in range(1, 5)]
    RUN.mkdir()
    with tracked(name, RUN, {"lr": 0.1, "layers": [3, 2]}) as log:
        log.begin([])
        log.rows(rows[:1])
    with tracked(name, RUN, {"lr": 0.1}) as log:
        log.begin(rows[:3])  # two cycles ran without a log
        log.end(rows, {"density": 0.5, "method": "imp"})
    assert READERS[name]() == {
        "val_acc": [(i, pytest.approx(i / 10)) for i in range(1, 5)],
        "ticket/density": [(4 if name != "wandb" else 0, 0.5)],
    }
    if name == "tensorboard":
        time.sleep(1)  # it sorts its files by their second, and then by a number as text
    with tracked(name, RUN, {}) as log:
        log.begin([])  # begun anew
        log.rows([{"cycle": 1, "val_acc": 0.75}])
    if name == "wandb":  # another run, of its own id
        assert len({path.name for path in RUN.glob("wandb/offline-run-*/*.wandb")}) == 2
    else:
        assert READERS[name]()["val_acc"] == [(1, 0.75)]


@pytest.mark.parametrize("name", INSTALLED)
def test_a_search_and_a_training_are_logged(name: str, cli: Cli) -> None:
    short = ("--dataset", "xor-corners", "--log", name)
    assert cli("imp", *short, "--cycles", 2, "--epochs", 3, "--out", RUN).code == 0
    assert [step for step, _ in READERS[name]()["val_acc"]] == [1, 2]
    assert cli("train", RUN, "--epochs", 3, "--out", "trained", "--log", name).code == 0
    told = READERS[name](Path("trained"))
    assert [step for step, _ in told["val_loss"]] == [1, 2, 3]
    assert {"ticket/test_acc", "ticket/density"} <= told.keys()


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="no tensorboard")
def test_settings_are_hyperparameters_and_logs_make_no_stranger(cli: Cli) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert cli("evolve", *TINY, "--gens", 0, "--log", "tensorboard").code == 0
    events = EventAccumulator(str(RUN / "tensorboard")).Reload()
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"init_density" in content
    for path in RUN.iterdir():
        if path.name not in files.LOGS:
            path.unlink()
    assert cli("evolve", *TINY, "--gens", 1, "--seed", 2, "--log", "tensorboard").code == 0
    assert [step for step, _ in of_tensorboard()["fitness_min"]] == [0, 1]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="no mlflow: extra mlflow")
def test_settings_are_parameters_of_mlflow_and_the_run_is_over(cli: Cli) -> None:
    assert cli("evolve", *TINY, "--gens", 0, "--log", "mlflow").code == 0
    _, run = mlflow_run()
    assert (run.data.params["pop"], run.data.params["dataset"]) == ("4", "xor-corners")
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run")


def test_a_missing_package_and_an_unknown_tracker_are_one_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else find(name))
    for words in (("evolve", *TINY), ("imp", "--dataset", "xor-corners", "--out", RUN)):
        missing = cli(*words, "--log", "tensorboard,mlflow")
        assert (missing.code, missing.err) == (
            2, "Error: --log mlflow is not installed here: pip install 'nets-deap[mlflow]'\n",
        )  # fmt: skip
    unknown = cli("evolve", *TINY, "--log", "tensorbord")
    assert (unknown.code, "did you mean 'tensorboard'?" in unknown.err) == (2, True)
    assert not RUN.exists()


def test_a_tracker_that_fails_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    RUN.mkdir()
    Path("elsewhere").mkdir()
    (RUN / "tensorboard").symlink_to("../elsewhere")
    with tracked("tensorboard", RUN, {}) as log:
        log.begin([])
        with pytest.warns(NetsWarning, match="goes on without its log in tensorboard.*symbolic link"):
            log.rows([{"gen": 0, "loss": 1.0}])
        log.end([{"gen": 0, "loss": 1.0}], {"density": 0.5})
    assert not list(Path("elsewhere").iterdir())


def test_a_damaged_state_begins_a_new_log() -> None:
    if importlib.util.find_spec("tensorboard") is None:
        pytest.skip("no tensorboard")
    (RUN / "tensorboard").mkdir(parents=True)
    for text in ("", "{", '{"id": 3}', '{"id": "x", "rows": "2"}'):
        (RUN / "tensorboard" / "nets-deap.json").write_text(text, encoding="utf-8")
        with tracked("tensorboard", RUN, {}) as log:
            log.begin([])
            log.rows([{"gen": 0, "loss": 1.0}])
        assert of_tensorboard() == {"loss": [(0, 1.0)]}


def test_without_trackers_nothing_is_written() -> None:
    with tracked(None, RUN, {}) as log:
        log.begin([])
        log.end([{"gen": 0}], {})
    assert not RUN.exists()
    with pytest.raises(NetsError, match="unknown tracker"):
        names.check("tensorboard,excel")
    shutil.rmtree(RUN, ignore_errors=True)
