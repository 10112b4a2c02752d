"""An ONNX file computes what the ticket does, by onnxruntime and from raw samples."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nets_deap.export import onnx_file, write_onnx
from nets_deap.models.registry import Model, build
from nets_deap.problem.ticket import Ticket
from nets_deap.util.errors import NetsError
from tests.export.networks import NAMED, TOKENS, Case, case

FAST = "cnn-8-16"  # the others take seconds each
SLOW = pytest.mark.slow
onnxruntime = pytest.importorskip("onnxruntime", reason="no onnxruntime: pip install 'nets-deap[onnx]'")
pytest.importorskip("onnxscript", reason="no onnxscript: pip install 'nets-deap[onnx]'")


def check(one: Case) -> None:
    write_onnx(Path("m.onnx"), one.ticket, one.preparation)
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.shape[1:]) == ("samples", list(one.ticket.architecture.input_shape))
    for part in (one.x, one.x[:1], one.x.repeat(3, *[1] * (one.x.ndim - 1))):
        (found,) = session.run(["outputs"], {"samples": part.numpy()})
        expected = one.outputs[: len(part)] if len(part) <= len(one.x) else one.outputs.repeat(3, 1)
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[SLOW] * (name != FAST)) for name in [*NAMED, *TOKENS]]
)
def test_every_network_computes_the_same_in_onnxruntime(name: str) -> None:
    check(case(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet-300-100", "lenet-5", "resnet-8"])
def test_the_smaller_network_does_too_in_a_smaller_file(name: str) -> None:
    whole = case(name)
    write_onnx(Path("whole.onnx"), whole.ticket, whole.preparation)
    check(whole._replace(ticket=whole.ticket.smaller()))
    assert Path("m.onnx").stat().st_size < Path("whole.onnx").stat().st_size


class Fickle(nn.Module):
    """Decides by its samples, which no exporter can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) if x.sum().item() > 0 else self.linear(x).relu()


def test_what_torch_cannot_export_is_told_in_one_line() -> None:
    made = build(Model("tests:fickle", Fickle), (4,), 3)
    with pytest.raises(NetsError, match=r"torch cannot export tests:fickle to ONNX: ") as told:
        write_onnx(Path("m.onnx"), Ticket(np.ones(12, np.float32), np.ones(12, bool), made), None)
    assert len(str(told.value).splitlines()) == 1
    assert not Path("m.onnx").exists()


def test_outputs_that_differ_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = case("mlp-10"), case("mlp-10", seed=1).ticket
    exported = onnx_file._exported
    wrong = other.apply_to(other.architecture.module()).eval()
    monkeypatch.setattr(onnx_file, "_exported", lambda name, model, x: exported(name, wrong, x))
    with pytest.raises(NetsError, match="nothing was written"):
        write_onnx(Path("m.onnx"), one.ticket, None)
    assert not Path("m.onnx").exists()


@pytest.mark.parametrize("name", onnx_file.NEEDED)
def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [])  # nothing can be found any more
    with pytest.raises(NetsError, match=rf"ONNX needs .*{name}.*: pip install 'nets-deap\[onnx\]'"):
        write_onnx(Path("m.onnx"), case("mlp-10").ticket, None)


def test_samples_that_come_prepared_are_not_scaled_again() -> None:
    one = case("mlp-10")
    numbers = torch.tensor(one.preparation.mean).reshape(-1, 1, 1)
    prepared = (one.x / 16 - numbers) / numbers.flip(0)
    write_onnx(Path("m.onnx"), replace(one.ticket), None, prepared)
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"samples": prepared.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), one.outputs, rtol=1e-5, atol=1e-5)
