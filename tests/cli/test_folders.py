"""Folders that other runs, other processes and kills have been in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nets_deap_cli.main import main

from nets_deap.config import run_folder
from nets_deap.config.layers import configure as layers_configure
from nets_deap.evolution import folder
from nets_deap.evolution.folder import evolve
from nets_deap.evolution.run import Evolution
from nets_deap.experiments import comparison
from nets_deap.experiments.config import CompareConfig
from nets_deap.parallel.serial import SerialMap
from nets_deap.search import run as search_run
from nets_deap.search.config import SearchConfig
from nets_deap.util import files
from nets_deap.util.errors import NetsError

TINY = ("evolve", "--dataset", "xor-corners", "--pop", 4, "--gens", 2, "--epochs", 2, "--map", "serial")
XOR = ("--dataset", "xor-corners", "--arch", "mlp-10", "--epochs", 3)


def in_another_process(words: tuple[object, ...], before: Callable[[], object]) -> int:
    """`nets-deap` in a child of this process, after `before`; its exit code, or minus its signal."""
    pid, here = os.fork(), Path.cwd()
    if pid == 0:
        try:
            with open(os.devnull, "w", encoding="utf-8") as null:
                os.dup2(null.fileno(), 1)
                os.dup2(null.fileno(), 2)
            before()
            os.chdir(here)
            sys.argv = ["nets-deap", *map(str, words)]
            main()
        except SystemExit as ended:
            os._exit(int(ended.code or 0))
        finally:
            os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(after: int, *words: object) -> None:
    """Run `nets-deap` until it has written so many files, and kill it then."""
    left, write = [after], files.write_bytes

    def dying(path: Path, *pieces: bytes) -> None:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        write(path, *pieces)

    assert in_another_process(words, lambda: setattr(files, "write_bytes", dying)) == -signal.SIGKILL


SEARCHED = {
    "evolve": (TINY, ("--seed", 2), 1),
    "imp": (("imp", *XOR, "--cycles", 2), ("--seed", 2), 1),
    "weedout": (
        ("weedout", *XOR, "--density", 0.5, "--pop", 2, "--gens", 1, "--steps", 2, "--map", "serial"),
        ("--seed", 2),
        1,
    ),
    "compare": (("compare", *XOR, "--methods", "random", "--seeds", 1, "--map", "serial"), ("--lr", 0.1), 2),
    "verify": (("verify", "t", *XOR[:2], "--epochs", 3, "--seeds", 2, "--map", "serial"), ("--lr", 0.1), 2),
    "transfer": (
        ("transfer", "t", "--to", "adam", "--lr", 0.01, "--epochs", 3, "--seeds", 1, "--map", "serial"),
        ("--lr", 0.1),
        2,
    ),
    "connectivity": (
        ("connectivity", "t", "--epochs", 3, "--seeds", 1, "--points", 3, "--map", "serial"),
        ("--lr", 0.1),
        2,
    ),
    "train": (("train", "t", "--epochs", 3), ("--lr", 0.1), 3),
}


@pytest.mark.parametrize("name", SEARCHED)
def test_what_was_never_computed_does_not_block_other_settings(name: str, cli: Callable[..., Any]) -> None:
    words, other, writes = SEARCHED[name]
    assert cli("random", *XOR, "--density", 0.5, "--out", "t").code == 0
    killed(writes, *words, "--out", "run")
    left = {path.name for path in Path("run").iterdir() if not path.name.endswith(files.TEMPORARY)}
    left.discard(run_folder.LOG)
    assert left  # the config at least
    if name == "evolve":
        assert left == {run_folder.CONFIG}
    again = cli(*words, *other, "--out", "run")
    assert (again.code, again.err) == (0, "")
    if name != "train":
        stored = json.loads(Path("run/config.json").read_text(encoding="utf-8"))
        assert str(stored[other[0].removeprefix("--")]) == str(other[1])


def test_a_strangers_config_json_is_not_overwritten(cli: Callable[..., Any]) -> None:
    for text in ("{}", "[]", "", '{"name": "my package"}', "\xff"):
        shutil.rmtree("run", ignore_errors=True)
        Path("run").mkdir()
        Path("run/config.json").write_text(text, encoding="latin-1")
        for words, _, _ in (SEARCHED["evolve"], SEARCHED["imp"], SEARCHED["compare"]):
            refused = cli(*words, "--out", "run")
            assert (refused.code, len(refused.err.splitlines())) == (2, 1), words
            assert "delete" not in refused.err
        assert Path("run/config.json").read_text(encoding="latin-1") == text


def test_settings_are_checked_again_under_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process fills the folder while this run loads its data."""
    config = layers_configure(
        folder.EvolveConfig, **{"dataset": "xor-corners", "pop": 4, "gens": 2, "epochs": 2}
    )
    make = Evolution.of

    def while_another_runs(*arguments: Any) -> Evolution:
        assert in_another_process((*TINY, "--seed", 2, "--out", "run"), monkeypatch.undo) == 0
        return make(*arguments)

    monkeypatch.setattr(Evolution, "of", while_another_runs)
    with pytest.raises(NetsError, match="holds a run with"):
        evolve(config, Path("run"), SerialMap())
    assert json.loads(Path("run/config.json").read_text(encoding="utf-8"))["seed"] == 2


def test_no_run_goes_on_with_one_that_began_meanwhile_unless_it_may_resume(cli: Callable[..., Any]) -> None:
    assert cli(*TINY, "--out", "run").code == 0
    config = layers_configure(folder.EvolveConfig, config="run/config.json")
    longer = config.model_copy(update={"gens": 5, "density_gens": config.resolved_density_gens})
    with pytest.raises(NetsError, match="add `resume`"):
        evolve(longer, Path("run"), SerialMap(), resume=False)
    assert evolve(longer, Path("run"), SerialMap()).finished


def test_a_search_and_a_comparison_are_checked_under_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"dataset": "xor-corners", "arch": "mlp-10", "epochs": 3}
    search = layers_configure(SearchConfig, method="random", density=0.5, **small)
    compare = layers_configure(CompareConfig, methods="random", densities="0.5", seeds=1, **small)
    checks = {search_run: "check", comparison: "check"}
    others = {
        search_run: ("random", *XOR, "--density", 0.5, "--seed", 2, "--out"),
        comparison: (
            "compare",
            *XOR,
            "--methods",
            "random",
            "--seeds",
            1,
            "--lr",
            0.3,
            "--map",
            "serial",
            "--out",
        ),
    }
    for module, name in checks.items():
        check = getattr(module, name)

        def meanwhile(*arguments: Any, module: Any = module, check: Any = check) -> None:
            if not Path(module.__name__).exists():
                assert in_another_process((*others[module], module.__name__), monkeypatch.undo) == 0
            check(*arguments)

        monkeypatch.setattr(module, name, meanwhile)
    with pytest.raises(NetsError, match="holds a search with seed 2"):
        search_run.search(search, Path(search_run.__name__))
    with pytest.raises(NetsError, match=r"holds a comparison with lr 0\.3"):
        comparison.compare(compare, Path(comparison.__name__), SerialMap())


def test_two_trainings_do_not_share_a_folder(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nets_deap.training import final

    cli("random", *XOR, "--density", 0.5, "--out", "t")
    check = final.check_ticket

    def meanwhile(*arguments: Any) -> None:
        if not Path("run").exists():
            words = ("train", "t", "--epochs", 3, "--seed", 7, "--out", "run")
            assert in_another_process(words, monkeypatch.undo) == 0
        check(*arguments)

    monkeypatch.setattr(final, "check_ticket", meanwhile)
    refused = cli("train", "t", "--epochs", 3, "--out", "run")
    assert (refused.code, "holds another training" in refused.err) == (2, True)
    assert json.loads(Path("run/config.json").read_text(encoding="utf-8"))["seed"] == 7


def test_a_ticket_that_is_moved_away_leaves_a_search_that_is_over(cli: Callable[..., Any]) -> None:
    assert cli("random", *XOR, "--density", 0.3, "--out", "run").code == 0
    Path("run/ticket.safetensors").rename("mine")
    left = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    refused = cli("random", *XOR, "--density", 0.5, "--out", "run")
    assert (refused.code, "density 0.3" in refused.err) == (2, True)
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == left


def test_a_refused_search_changes_nothing(cli: Callable[..., Any]) -> None:
    assert cli("random", *XOR, "--density", 0.3, "--out", "run").code == 0
    Path("run/version.txt").write_text("0.0.1\n", encoding="utf-8")
    before = Path("run/config.json").read_bytes()
    assert cli("random", *XOR, "--density", 0.3, "--data-dir", "elsewhere", "--out", "run").code == 2
    assert Path("run/config.json").read_bytes() == before


def test_a_link_in_the_place_of_a_folder_beside_a_ticket_is_refused(cli: Callable[..., Any]) -> None:
    assert cli("random", *XOR, "--density", 0.3, "--out", "run").code == 0
    assert cli("train", "run", "--epochs", 3).code == 0
    (training,) = Path("run").glob("train-*")
    shutil.rmtree(training)
    Path("elsewhere").mkdir()
    for name, words in {"figures": "plot", "export": "export", training.name: "train --epochs 3"}.items():
        Path("run", name).symlink_to("../elsewhere")
        command, *options = words.split()
        refused = cli(command, "run", *options)
        assert (refused.code, "symbolic link" in refused.err) == (2, True), name
    assert not list(Path("elsewhere").iterdir())


@pytest.mark.parametrize("out", ["new", "a/b/c"])
def test_exit_code_2_leaves_nothing_behind(out: str, cli: Callable[..., Any], monkeypatch: Any) -> None:
    cli("random", *XOR, "--density", 0.5, "--out", "t")
    before = set(Path().rglob("*"))
    write = files.write_bytes

    def full_at(name: str) -> None:
        def full(path: Path, *pieces: bytes) -> None:
            if path.name == name:
                raise NetsError(f"cannot write {path}: No space left on device")
            write(path, *pieces)

        monkeypatch.setattr(files, "write_bytes", full)

    last = {
        "evolve": "checkpoint.safetensors",
        "imp": "cycle-001.safetensors",
        "weedout": "checkpoint.safetensors",
        "verify": "verify.csv",
        "transfer": "transfer.csv",
        "connectivity": "connectivity.csv",
        "train": "trained.safetensors",
    }
    for name, file in last.items():
        full_at(file)
        told = cli(*SEARCHED[name][0], "--out", out, "--quiet")
        assert (told.code, told.err.count("\n")) == (2, 1), told
        assert set(Path().rglob("*")) == before, name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights for a while")
def test_a_user_without_rights_gets_one_line(cli: Callable[..., Any]) -> None:
    cli(*TINY, "--out", "run")
    Path("run").chmod(0o755)
    Path("run/checkpoint.safetensors").chmod(0o600)
    pid = os.fork()
    if pid == 0:
        try:
            os.seteuid(12345)
            try:
                evolve(
                    layers_configure(folder.EvolveConfig, config="run/config.json"), Path("run"), SerialMap()
                )
            except NetsError as error:
                os._exit(3 if "damaged" in str(error) or "Permission denied" not in str(error) else 0)
        finally:
            os._exit(4)
    for _ in range(300):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    assert os.waitstatus_to_exitcode(status) == 0
