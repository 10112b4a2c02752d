"""`nets-deap export`: write a ticket for plain PyTorch, as a Python module, or for ONNX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import tickets
from .options import ENVIRONMENT, command, option, printable

if TYPE_CHECKING:
    from nets_deap.data.dataset import Data
    from nets_deap.problem.ticket import Ticket

UNTRAINED, TRAINED = "before any training", "of early stop in a training"


@command()
@click.argument("ticket", metavar="TICKET")
@option("--python", is_flag=True, help="Write a Python module that needs torch alone.", group="output")
@option("--onnx", metavar="FILE", help="Write an ONNX file, checked by onnxruntime.", group="output")
@option(
    "--out",
    metavar="PATH",
    help="Where to: a folder, with --python a file. [export/ beside the ticket, model.py in it]",
    group="output",
)
@option("--smaller", is_flag=True, help="Leave out the nodes that the mask has cut off.", group="output")
@option(
    "--trained",
    metavar="DIR",
    help="Take the weights of this folder of `nets-deap train`, at early stop.",
    group="output",
)
@option("--dense", is_flag=True, help="Keep the dormant weights in the file of weights too.", group="output")
@option(
    "--model",
    metavar="NAME",
    help="The network of your own that the ticket is for, module:factory; it is imported.",
    group="network",
)
@option(
    "--dataset",
    metavar="NAME",
    help="The data whose normalisation the file holds. [those of the ticket's run]",
    group="data",
)
@option(
    "--data-dir",
    metavar="DIR",
    help="The folder of the data sets. [that of the ticket's run]",
    envvar=ENVIRONMENT["data_dir"],
    group="data",
)
@option(
    "--prepared",
    is_flag=True,
    help="Samples come as the network takes them: put no normalisation into the file.",
    group="data",
)
@option("--trust", is_flag=True, help="Run code that the ticket names: for your own.", group="running")
def export(
    ticket: str,
    python: bool | None,
    onnx: str | None,
    out: str | None,
    smaller: bool | None,
    trained: str | None,
    dense: bool | None,
    model: str | None,
    dataset: str | None,
    data_dir: str | None,
    prepared: bool | None,
    trust: bool | None,
) -> None:
    """Write TICKET for plain PyTorch, as a Python module, or for ONNX.

    For plain PyTorch as weights.safetensors, a plain state_dict, and masks.safetensors. A mask goes to
    torch.nn.utils.prune.custom_from_mask. architecture.json has the sizes of the layers.

    The weights are the initialisation θ₀ ⊙ M, or with --trained what a training has made of it. With
    --smaller the network is physically smaller and has the same outputs. A Python module and an ONNX
    file hold the whole network, and the normalisation of the data.
    """
    from nets_deap.models.registry import handed_over
    from nets_deap.problem.ticket import load_ticket

    path = tickets.file_of(ticket)
    loaded = load_ticket(path)
    named = loaded.architecture.name if trust and _is_own(loaded) else None
    if (model := model or named) is not None:
        loaded = replace(loaded, architecture=handed_over(loaded.architecture, model))
    if trained is not None:
        loaded = _trained(loaded, Path(trained))
    if smaller:
        loaded = loaded.smaller()
    name = "export" + ("-trained" if trained is not None else "") + ("-smaller" if smaller else "")
    place = tickets.folder_of(path, name, out)
    if python or onnx is not None:
        if python and out is None:
            place /= "model.py"
        elif out is not None and not python:
            raise click.UsageError("--out is for --python or plain weights: --onnx names its own file")
        if onnx is not None and dense:
            raise click.UsageError("--dense is for weights with a mask beside them: an ONNX file has none")
        data = None if prepared else _data(path, loaded, dataset, data_dir, bool(trust))
        told = _whole(path, loaded, data, place if python else None, onnx, trained is not None, bool(dense))
    elif prepared or dataset is not None:
        raise click.UsageError("--prepared and --dataset are for the normalisation in --python and --onnx")
    else:
        told = _plain(path, loaded, place, bool(dense))
    if smaller:
        click.echo(_nodes(loaded))
    click.echo("\n".join(map(printable, told.split("\n"))))


def _is_own(ticket: Ticket) -> bool:
    from nets_deap.models.catalogue import is_own

    return is_own(ticket.architecture.name)


def _plain(path: Path, ticket: Ticket, folder: Path, dense: bool) -> str:
    """Write weights, masks and sizes; what was written, for the screen."""
    import numpy as np

    from nets_deap.util import files, json_text
    from nets_deap.util.tensors import write_safetensors

    theta = ticket.weights if dense else np.where(ticket.mask, ticket.weights, np.float32(0))
    named = ticket.architecture.named(theta, ticket.extras)
    weights = {name: np.ascontiguousarray(part) for name, part in named.items()}
    masks = {name: np.ascontiguousarray(part) for name, part in ticket.layout.split(ticket.mask)}
    sizes = json_text.dumps(ticket.architecture.description(), indent=2)
    with files.claimed_folder(folder):
        write_safetensors(folder / "weights.safetensors", weights, {"ticket": str(path)})
        write_safetensors(folder / "masks.safetensors", masks, {"ticket": str(path)})
        files.write_text(folder / "architecture.json", sizes + "\n")
    return f"weights: {folder / 'weights.safetensors'}\nmasks:   {folder / 'masks.safetensors'}"


def _data(path: Path, ticket: Ticket, dataset: str | None, data_dir: str | None, trust: bool) -> Data:
    """The data that the ticket was found on, or those of `dataset`."""
    from nets_deap.util.errors import NetsError

    from .options import worded

    try:
        data = tickets.data_of(path, ticket, trust, dataset=dataset, data_dir=data_dir)
    except NetsError as error:
        raise click.UsageError(
            f"the normalisation comes from the data (--prepared leaves it out): {worded(error)}"
        ) from error
    if data.input_shape != ticket.architecture.input_shape:
        raise click.UsageError(
            f"the ticket takes samples {list(ticket.architecture.input_shape)}, and {data.name} has "
            f"{list(data.input_shape)}: name the data that it was found on, by --dataset"
        )
    return data


def _whole(
    path: Path,
    ticket: Ticket,
    data: Data | None,
    module: Path | None,
    onnx: str | None,
    trained: bool,
    dense: bool,
) -> str:
    """Write the whole network with its normalisation; what was written, for the screen."""
    from nets_deap.export import write_onnx, write_python
    from nets_deap.export.python_file import checked_code

    preparation = None if data is None else data.normalisation
    told = []
    if module is not None:
        checked_code(module, ticket, preparation)  # before anything is written
    if onnx is not None:
        off = write_onnx(onnx, ticket, preparation, None if data is None else data.test.x)
        told.append(f"onnx:    {onnx} (onnxruntime agrees with torch to {off:.1e})")
    if module is not None:
        state = TRAINED if trained else UNTRAINED
        written, weights = write_python(module, ticket, preparation, str(path), state, dense)
        told.append(f"module:  {written}\nweights: {weights}")
    return "\n".join(told)


def _nodes(ticket: Ticket) -> str:
    from nets_deap.models.node_space import known

    nodes = known(ticket.architecture).nodes
    left = ", ".join(f"{name} {size}" for name, size in zip(nodes.names, nodes.sizes, strict=True))
    return f"nodes:   {left}"


def _trained(ticket: Ticket, place: Path) -> Ticket:
    """The ticket with the trained weights, biases and normalisations of its early stop."""
    import numpy as np

    from nets_deap.util.errors import DamagedError
    from nets_deap.util.tensors import read_safetensors

    path = place / "trained.safetensors" if place.is_dir() else place
    if place.is_dir() and not path.exists():
        raise click.UsageError(f"--trained {place}: expected a folder of `nets-deap train`")
    try:
        _, stored = read_safetensors(path)
        weights, mask = stored["early_stop_weights"], stored["mask"]
    except KeyError as error:
        raise click.UsageError(f"--trained {place}: expected a folder of `nets-deap train`") from error
    if not np.array_equal(mask, ticket.mask):
        raise click.UsageError(f"--trained {place}: that is the training of another ticket")
    extras = stored.get("early_stop_extras", ticket.extras)
    for ours, theirs in ((weights, ticket.weights), (extras, ticket.extras)):
        if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
            raise DamagedError(f"{path} does not fit the ticket's architecture: it is damaged")
    if not (np.isfinite(weights).all() and np.isfinite(extras).all()):
        raise click.UsageError(f"--trained {place}: that training diverged, its weights are not finite")
    return replace(ticket, weights=weights, extras=extras)
