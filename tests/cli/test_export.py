"""`export` as a Python module and as ONNX: the same figures from raw data; bad input in one line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from nets_deap.data.loading import load
from nets_deap.problem.ticket import load_ticket
from tests.conftest import Ran, assert_refused
from tests.export.networks import ours

SHORT = ("--epochs", "1", "--density", "0.3", "--cycles", "1", "--out", "run")


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import an exported module from this folder."""
    monkeypatch.syspath_prepend(str(Path.cwd()))

    def take(name: str) -> Any:
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return take


def test_the_module_and_onnx_of_a_run_start_from_raw_samples(cli: Callable[..., Ran], imported: Any) -> None:
    from sklearn.datasets import load_digits

    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert cli("imp", "--data-limit", "200", *SHORT).code == 0
    assert cli("train", "run", "--epochs", "1", "--out", "trained").code == 0
    ran = cli("export", "run", "--trained", "trained", "--python", "--out", "net.py", "--onnx", "net.onnx")
    assert ran.code == 0, ran
    assert [line.partition(":")[0] for line in ran.out.splitlines()] == ["onnx", "module", "weights"]
    file, raw = imported("net"), torch.tensor(load_digits().images[:, None], dtype=torch.float32)
    right = (file.load()(file.prepare(raw)).argmax(1).numpy() == load_digits().target).mean()
    assert right > 0.3
    assert "of early stop" in str(file.__doc__)
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"samples": raw.numpy()})
    expected = file.load()(file.prepare(raw)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert cli("export", "run", "--python").out.startswith("module:  run/export/model.py\n")
    assert cli("export", "run", "--python", "--smaller").out.startswith("nodes: ")
    assert Path("run/export-smaller/model.py").exists()


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_image_files_are_read_as_the_run_read_them(cli: Any, imported: Any, deep: bool) -> None:
    rng, top = np.random.default_rng(0), f"images-{deep}"  # data of one name are loaded once
    folders = [Path(top, part, name) for part in ("train", "test") for name in "ab"]
    paths = [folder / f"{i}.png" for folder in folders for i in range(9)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        most, kind = (65535, np.uint16) if deep else (255, np.uint8)
        Image.fromarray(rng.integers(0, most, (8, 8) if deep else (8, 8, 3)).astype(kind)).save(path)
    assert cli("imp", "--dataset", f"folder:{top}", "--validation", "0.3", *SHORT).code == 0
    assert cli("export", "run", "--python", "--out", "net.py").code == 0
    file, data = imported("net"), load(f"folder:{top}", validation=0.3)
    raw = torch.cat([file.read_image(path) for path in paths if path.parts[1] == "test"])
    torch.testing.assert_close(file.prepare(raw), data.test.x)
    torch.testing.assert_close(
        file.load()(file.prepare(raw)), ours(load_ticket("run/ticket.safetensors"), data.test.x)
    )
    with pytest.raises(ValueError, match=r"expected samples \[n, 3, 8, 8\], got \[1, 3, 9, 9\]"):
        file.prepare(torch.zeros(1, 3, 9, 9))


def test_rows_of_a_table_become_samples(cli: Callable[..., Ran], imported: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(5, 2, 60),
            "it's": rng.choice(["red", "blue", 'gr"een'], 60),
            "old": rng.random(60) < 0.5,
            "count": rng.integers(0, 9, 60),
            "kind": np.arange(60) % 2,
        }
    )
    frame.to_csv("t.csv", index=False)
    assert cli("imp", "--dataset", "csv:t.csv?target=kind", *SHORT).code == 0
    assert cli("export", "run", "--python", "--out", "net.py").code == 0
    file, data = imported("net"), load("csv:t.csv?target=kind")
    samples = file.prepare(file.read_rows(pd.read_csv("t.csv").to_dict("records")))
    parts = torch.cat([part.x for part in (data.train, data.validation, data.test)])
    assert sorted(map(tuple, samples.tolist())) == sorted(map(tuple, parts.tolist()))


OWN = """
import numpy as np
from torch import nn

def make(input_shape, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[1] ** 2, outputs))

def bytes():
    x = np.random.default_rng(0).integers(0, 256, (60, 1, 6, 6), dtype=np.uint8)
    return x, np.arange(60) % 3
"""


def test_a_network_and_data_of_ones_own(cli: Callable[..., Ran], imported: Any) -> None:
    Path("own_both.py").write_text(OWN, encoding="utf-8")
    own = ("--model", "own_both:make", "--dataset", "own_both:bytes")
    assert cli("imp", *own, *SHORT).code == 0
    to = ("export", "run", "--python", "--out", "net.py")
    assert_refused(
        cli,
        {
            "a network that nobody names": to,
            "data that nobody names": [*to, *own[:2]],
            "another module": [*to, "--model", "own_bot:make", *own[2:]],
        },
    )
    assert "--trust" in cli(*to, *own[:2]).err
    for named in (own, ("--trust",)):
        assert cli(*to, *named).code == 0
        file = imported("net")
        raw = torch.arange(36).reshape(1, 1, 6, 6)
        assert torch.equal(file.prepare(raw), raw / 255)
        assert file.load()(file.prepare(raw)).shape == (1, 3)
    assert cli(*to, *own[:2], "--prepared").code == 0
    assert torch.equal(imported("net").prepare(raw), raw.float())
    assert "samples as the network takes them" in str(imported("net").__doc__)


def test_bad_input_of_an_export(cli: Callable[..., Ran]) -> None:
    assert cli("imp", "--data-limit", "200", *SHORT).code == 0
    ticket = Path("run/ticket.safetensors")
    Path("hurt.safetensors").write_bytes(ticket.read_bytes()[:-9])
    Path("folder.py").mkdir()
    Path("folder.onnx").mkdir()
    Path("mine.py").write_text("a = 1\n", encoding="utf-8")
    python = ("export", "run", "--python")
    assert_refused(
        cli,
        {
            "a damaged ticket": ["export", "hurt.safetensors", "--python"],
            "a module that is a folder": [*python, "--out", "folder.py"],
            "a folder for a module": [*python, "--out", "run"],
            "another suffix": [*python, "--out", "model.txt"],
            "a file of one's own": [*python, "--out", "mine.py"],
            "a name that hides torch": [*python, "--out", "torch.py"],
            "a name that no import can say": [*python, "--out", "my-net.py"],
            "a graph that is a folder": ["export", "run", "--onnx", "folder.onnx"],
            "a graph of another suffix": ["export", "run", "--onnx", "model.py"],
            "both to one place": [*python, "--out", "same.py", "--onnx", "same.py"],
            "dormant weights in a graph": ["export", "run", "--onnx", "m.onnx", "--dense"],
            "data that are not there": [*python, "--dataset", "mnist", "--data-dir", "nowhere"],
            "data of another shape": [*python, "--dataset", "xor"],
            "data that nobody knows": [*python, "--dataset", "digit"],
            "options without a normalisation": ["export", "run", "--prepared"],
            "a graph beside a module that cannot be": [*python, "--out", "mine.py", "--onnx", "m.onnx"],
            "two places for a graph": ["export", "run", "--onnx", "m.onnx", "--out", "m"],
        },
    )
    assert "--prepared" in cli(*python, "--dataset", "mnist", "--data-dir", "nowhere").err
