"""A ticket as an ONNX file: its network for raw samples, checked by onnxruntime."""

from __future__ import annotations

import importlib.util
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nets_deap.data.preparation import Preparation
from nets_deap.problem.ticket import Ticket
from nets_deap.util import files
from nets_deap.util.errors import NetsError, raised
from nets_deap.util.random_streams import loading
from nets_deap.util.threads import as_usual

NEEDED = ("onnx", "onnxscript", "onnxruntime")
CLOSE = 1e-5  # how far outputs may differ, as a share of the largest, or of 1
SAMPLES = 5  # for the check


class Prepared(nn.Module):
    """A network for raw samples: they are scaled first."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, preparation: Preparation, dimensions: int) -> None:
        super().__init__()
        self.model, self.scale = model, preparation.scale
        of_channels = (1, -1, *[1] * (dimensions - 1))
        self.register_buffer("mean", torch.tensor(preparation.mean or (0.0,)).reshape(of_channels))
        self.register_buffer("std", torch.tensor(preparation.std or (1.0,)).reshape(of_channels))

    def forward(self, samples: Tensor) -> Tensor:
        return self.model((samples / self.scale - self.mean) / self.std)

    def raw(self, x: Tensor) -> Tensor:
        """The raw samples that are these when they are prepared."""
        return (x * self.std + self.mean) * self.scale


def write_onnx(
    path: Path | str, ticket: Ticket, preparation: Preparation | None, x: Tensor | None = None
) -> float:
    """Write the ticket's network, θ₀ ⊙ M in evaluation mode, and return how far onnxruntime is off.

    preparation: of the raw samples, put into the graph; None if they come prepared
    x: prepared samples for the check, of which a few are taken; random ones by default
    The graph takes `samples` [batch, *input_shape], float32 or int64, and gives `outputs`.
    Raises NetsError, before anything is written, if an extra is missing, if torch cannot export the network,
    and if onnxruntime computes something else.
    """
    path = Path(path)
    if path.suffix != ".onnx" or path.is_dir():
        raise NetsError(f"`onnx` {path}: expected a file that ends with .onnx")
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise NetsError(f"ONNX needs {', '.join(missing)}: pip install 'nets-deap[onnx]'")
    architecture = ticket.architecture
    with loading(), as_usual(), warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        model = ticket.apply_to(architecture.module()).eval()
        x = architecture.known().random_samples(SAMPLES) if x is None else x[:SAMPLES]
        if x.is_floating_point() and preparation and (preparation.scale != 1 or preparation.mean):
            model = Prepared(model, preparation, x.ndim - 1).eval()
            x = model.raw(x)
        content = _exported(architecture.name, model, x)
        off = max(_off(architecture.name, content, model, part) for part in (x, x[:1]))
    if not off <= CLOSE:
        raise NetsError(
            f"{architecture.name}: onnxruntime's outputs differ from torch's by {off:.1e}, and {CLOSE:.0e} "
            "is the most: nothing was written"
        )
    files.write_bytes(path, content)
    return off


def _exported(name: str, model: nn.Module, x: Tensor) -> bytes:
    batch = torch.export.Dim("batch")
    try:
        program: Any = torch.onnx.export(
            model, (x[:2],), dynamo=True, dynamic_shapes=({0: batch},), input_names=["samples"],
            output_names=["outputs"], verbose=False,
        )  # fmt: skip
        content: bytes = program.model_proto.SerializeToString()
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # exporters fail in many ways
        raise NetsError(f"torch cannot export {name} to ONNX: {raised(error.__cause__ or error)}") from error
    return content


def _off(name: str, content: bytes, model: nn.Module, x: Tensor) -> float:
    """The largest difference of outputs to torch's, as a share of the largest output, or of 1."""
    import onnxruntime

    with torch.no_grad():
        expected = model(x)
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        outputs = torch.from_numpy(session.run(None, {"samples": x.numpy()})[0])
    except Exception as error:  # a base class of its own that is not documented
        raise NetsError(f"onnxruntime does not run {name} on {len(x)} samples: {raised(error)}") from error
    if outputs.shape != expected.shape:
        return float("inf")
    return float((outputs - expected).abs().max() / expected.abs().max().clamp(min=1))
