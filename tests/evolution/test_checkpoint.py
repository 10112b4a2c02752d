from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from nets_deap.evolution import folder
from nets_deap.evolution.checkpoint import State, load_state, save_state
from nets_deap.evolution.folder import evolve
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.evaluation import Evaluation, MinimisedFitness
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.parallel.serial import SerialMap
from nets_deap.util import files
from nets_deap.util.errors import NetsError
from nets_deap.util.files import claimed_folder
from nets_deap.util.tables import read_csv, write_csv

Config = Callable[..., EvolveConfig]


def state(count: int, size: int = 1001) -> State:
    rng = np.random.default_rng(0)
    genomes = []
    for i in range(count):
        genome = initGenome(np.ones(size, dtype=np.float32), 0.3, rng=rng)
        genome.measured = Evaluation(0.1 * i + 1 / 3, 0.5, genome.density, (0.1, 0.2), 2, 0.1 * i, (0.1 * i,))
        genome.fitness.values = (0.1 * i,)
        genomes.append(genome)
    elsewhere = genomes.pop()
    return State(genomes, [genomes[0], elsewhere], elsewhere, [{"gen": 2, "elapsed_s": 1 / 7}], "abc")


def test_a_checkpoint_gives_back_what_was_put_in() -> None:
    before = state(4)
    save_state(Path("c"), before)
    after = load_state(Path("c"), MinimisedFitness)
    for genomes in zip(before.population + before.hall, after.population + after.hall, strict=True):
        a, b = genomes
        assert a.same_genes(b)
        assert a.fitness.values == b.fitness.values
        assert a.evaluation == b.evaluation
    assert after.best.identical(before.best)
    assert (after.logbook, after.checksum) == (before.logbook, "abc")


def test_elites_in_the_population_are_not_stored_twice() -> None:
    size = 80_000
    save_state(Path("c"), state(5, size))
    per_genome = 4 * size + size / 8
    assert Path("c").stat().st_size == pytest.approx(5 * per_genome, rel=0.01)


def test_the_same_state_gives_the_same_bytes() -> None:
    save_state(Path("a"), state(3))
    save_state(Path("b"), state(3))
    assert Path("a").read_bytes() == Path("b").read_bytes()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "foreign"])
def test_a_damaged_checkpoint_is_one_line(damage: str) -> None:
    path = Path("c")
    save_state(path, state(3))
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-100], "empty": b"", "text": b"hello", "foreign": content}[damage])
    if damage == "foreign":
        path.write_bytes(content.replace(b"nets-deap checkpoint", b"some-other checkpoint"))
    with pytest.raises(NetsError, match=r"checkpoint") as raised:
        load_state(path, MinimisedFitness)
    assert "\n" not in str(raised.value)


def test_a_write_that_fails_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(Path("c"), state(2))
    before = Path("c").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NetsError, match="No space left"):
        save_state(Path("c"), state(3))
    assert Path("c").read_bytes() == before


def test_the_run_folder_holds_what_the_readme_says(config: Config) -> None:
    evolve(config(), Path("run"), SerialMap())
    assert {p.name for p in Path("run").iterdir()} == {
        "config.json", "logbook.csv", "ticket.safetensors",
        "checkpoint.safetensors", "checkpoint.previous.safetensors", "data.crc32", "version.txt",
        "lineage.csv", "survival.csv",
    }  # fmt: skip
    with Path("run/logbook.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "gen",
        "nevals",
        "gradient_steps",
        "fitness_min",
        "fitness_avg",
        "fitness_std",
        "fitness_max",
        "density_best",
        "density_avg",
        "val_loss_best",
        "val_acc_best",
        "elapsed_s",
    ]
    assert [row["gen"] for row in rows] == ["0", "1", "2", "3"]


def test_derived_files_come_back_on_resuming(config: Config) -> None:
    evolve(config(), Path("run"), SerialMap())
    before = {p.name: p.read_bytes() for p in Path("run").iterdir()}
    for name in ("logbook.csv", "ticket.safetensors"):
        Path("run", name).unlink()
    evolve(config(), Path("run"), SerialMap())
    assert {p.name: p.read_bytes() for p in Path("run").iterdir()} == before


def test_a_run_is_not_resumed_on_other_data(config: Config) -> None:
    evolution = Evolution.of(config())
    evolution.advance()
    other = evolution.state()
    other.checksum = "00000000"
    with pytest.raises(NetsError, match="other data"):
        Evolution.of(config()).restore(other)


def test_settle_takes_what_is_not_said_from_the_run(config: Config) -> None:
    evolve(config(pop=6, lr=0.01), Path("run"), SerialMap())
    settled, place = folder.settle({"out": "run", "workers": 2}, resume=True)
    assert (settled.pop, settled.lr, settled.workers, place) == (6, 0.01, 2, Path("run"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pop": 5}, "`pop` 4, not 5"),
        ({"gens": 2}, "`gens` 3, not 2"),
        ({"dataset": "digits"}, "`dataset` xor-corners, not digits"),
        ({"track_test": True}, "`track_test` False, not True"),
    ],
)
def test_settle_refuses_what_differs_by_name(given: dict, message: str, config: Config) -> None:
    evolve(config(), Path("run"), SerialMap())
    with pytest.raises(NetsError, match=message):
        folder.settle({"out": "run", **given}, resume=True)


def test_settle_lets_a_run_go_on_for_longer(config: Config) -> None:
    evolve(config(), Path("run"), SerialMap())
    assert folder.settle({"out": "run", "gens": 9}, resume=True)[0].gens == 9
    with pytest.raises(NetsError, match="add `resume` to continue to 9"):
        folder.settle(
            {**json.loads(Path("run/config.json").read_text(encoding="utf-8")), "out": "run", "gens": 9},
            resume=False,
        )


def test_a_longer_run_is_the_same_as_one_that_was_always_longer(config: Config) -> None:
    evolve(config(gens=2), Path("a"), SerialMap())
    evolve(config(gens=5), Path("a"), SerialMap())
    evolve(config(gens=5), Path("b"), SerialMap())
    assert Path("a/ticket.safetensors").read_bytes() == Path("b/ticket.safetensors").read_bytes()


def test_settle_knows_a_run_by_its_folder_alone(config: Config) -> None:
    evolve(config(), Path("run"), SerialMap())
    assert folder.settle({"out": "run"}, resume=False)[0].dataset == "xor-corners"


def test_settle_judges_options_together_with_the_run(config: Config) -> None:
    evolve(config(pop=30, elites=25, gens=0), Path("run"), SerialMap())
    assert folder.settle({"out": "run", "elites": 25, "gens": 2}, resume=True)[0].gens == 2


def test_a_file_that_was_being_written_does_not_make_a_strangers_folder() -> None:
    Path("run").mkdir()
    Path("run/.config.json.nets-deap-tmp").touch()
    folder.settle({"out": "run"}, resume=True)


def test_a_kill_between_two_files_loses_nothing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    evolve(config(), Path("whole"), SerialMap())
    write = files.write_bytes

    def die_at(name: str) -> None:
        def dying(path: Path, *pieces: bytes) -> None:
            if path.name == name:
                raise SystemExit("killed")
            write(path, *pieces)

        monkeypatch.setattr(files, "write_bytes", dying)

    for name in ("config.json", "logbook.csv", "ticket.safetensors", "checkpoint.safetensors"):
        die_at(name)
        with pytest.raises(SystemExit):
            evolve(config(), Path("run"), SerialMap())
    monkeypatch.setattr(files, "write_bytes", write)
    evolve(config(), Path("run"), SerialMap())
    assert Path("run/ticket.safetensors").read_bytes() == Path("whole/ticket.safetensors").read_bytes()


def test_two_processes_do_not_share_a_folder() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom nets_deap.util.files import claimed_folder\n"
        "with claimed_folder(Path('run')):\n    print('mine', flush=True)\n    sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "mine\n"
    with pytest.raises(NetsError, match="another process is at work"), claimed_folder(Path("run")):
        pass
    other.kill()  # its lock goes with it
    other.wait()
    with claimed_folder(Path("run")):
        Path("run/mine").touch()
    assert [p.name for p in Path("run").iterdir()] == ["mine"]


def test_settle_never_writes_into_a_strangers_folder() -> None:
    Path("mine").mkdir()
    Path("mine/thesis.tex").touch()
    for resume in (False, True):
        with pytest.raises(NetsError, match="not a run folder"):
            folder.settle({"out": "mine"}, resume)


def test_a_genome_of_a_checkpoint_can_be_varied() -> None:
    save_state(Path("c"), state(3))
    (genome, _) = load_state(Path("c"), MinimisedFitness).population
    genome.weights[0] = 1  # safetensors' own arrays may be read-only
    genome.mask[0] = True
    assert isinstance(genome, Genome)


def test_a_table_comes_back_as_it_was() -> None:
    rows = [
        {"name": "a,b", "n": 3, "x": 0.1 + 0.2, "none": math.nan},
        {"name": "é", "n": -1, "x": 1e-300, "none": 2.0},
    ]
    write_csv(Path("t.csv"), rows)
    again = read_csv(Path("t.csv"))
    assert math.isnan(again[0].pop("none"))
    assert again == [{"name": "a,b", "n": 3, "x": 0.1 + 0.2}, rows[1]]
    again[0]["none"] = math.nan
    write_csv(Path("again.csv"), again)
    assert Path("again.csv").read_bytes() == Path("t.csv").read_bytes()
    with pytest.raises(NetsError, match="cannot be read"):
        read_csv(Path("missing.csv"))
