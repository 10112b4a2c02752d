"""Small problems and genomes that the tests share."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from nets_deap.evolution.settings import EvolveConfig, configure
from nets_deap.individuals.genome import Genome, initGenome

MNIST_DIR = Path(os.environ.get("NETS_DATA_DIR", "data")).absolute()
needs_mnist = pytest.mark.skipif(
    not (MNIST_DIR / "MNIST" / "raw" / "train-images-idx3-ubyte").exists(),
    reason=f"no MNIST files under {MNIST_DIR}: set NETS_DATA_DIR",
)


def needs_gpu(test: Any) -> Any:
    """Marks a test for `make gpu`, and skips it where there is no CUDA device."""
    import torch

    skip = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    return pytest.mark.gpu(skip(test))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    ran = "skipped" if needs_mnist.args[0] else "ran"
    terminalreporter.write_line(f"MNIST tests: {ran} ({MNIST_DIR.absolute()})")


@pytest.fixture(autouse=True)
def _seeded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test starts from one seed, in an empty folder, and keeps out of the user's cache."""
    random.seed(0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.parent / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Torch's threads would get in the way of the tests beside this one: they took eight times as long."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def heed_ctrl_c() -> Iterator[None]:
    """Whoever runs these tests in the background has told them to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def genome(rng: np.random.Generator) -> Genome:
    """1,000 genes, half of them active."""
    return initGenome(np.full(1000, 0.1, dtype=np.float32), 0.5, rng=rng)


@pytest.fixture
def config() -> Callable[..., EvolveConfig]:
    """A config whose evaluations take milliseconds: mlp-10 on the corners, for five steps."""

    def make(**options: Any) -> EvolveConfig:
        small = {"dataset": "xor-corners", "pop": 4, "gens": 3, "epochs": 5, "map": "serial"}
        return configure(**{**small, **options})

    return make


@contextmanager
def streams_stay() -> Iterator[None]:
    """Fail if the global random streams of Python, numpy or torch have moved at the end."""
    import torch

    def streams() -> tuple[Any, ...]:
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    before = streams()
    yield
    for name, was, is_ in zip(("random", "numpy.random", "torch"), before, streams(), strict=True):
        assert was == is_, f"{name} has moved"


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `nets-deap` with arguments in this process."""
    from nets_deap_cli.main import main

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["nets-deap", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capfd.readouterr()
        return Ran(int(exit_.value.code or 0), out, err)

    return run


def assert_refused(cli: Callable[..., Ran], invocations: Mapping[str, Sequence[str]]) -> None:
    """Each is told in one line with exit code 2, and leaves nothing behind."""

    def tree() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in Path().rglob("*")}

    before = tree()
    for name, arguments in invocations.items():
        result = cli(*arguments)
        assert result.code == 2, (name, result)
        assert result.err.startswith("Error: "), (name, result)
        assert len(result.err.splitlines()) == 1, (name, result)
        assert result.out == "", (name, result)
        assert tree() == before, name
