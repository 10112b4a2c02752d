"""`nets-deap export`: write a ticket for plain PyTorch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import tickets
from .options import command, option

if TYPE_CHECKING:
    from nets_deap.problem.ticket import Ticket


@command()
@click.argument("ticket", metavar="TICKET")
@option("--out", metavar="DIR", help="Where to. [export/ beside the ticket]", group="output")
@option("--smaller", is_flag=True, help="Leave out the nodes that the mask has cut off.", group="output")
@option(
    "--trained",
    metavar="DIR",
    help="Take the weights of this folder of `nets-deap train`, at early stop.",
    group="output",
)
@option(
    "--model",
    metavar="NAME",
    help="The network of your own that the ticket is for, module:factory; --smaller needs it.",
    group="network",
)
@option("--dense", is_flag=True, help="Keep the dormant weights in weights.safetensors too.", group="output")
def export(
    ticket: str,
    out: str | None,
    smaller: bool | None,
    trained: str | None,
    model: str | None,
    dense: bool | None,
) -> None:
    """Write TICKET for plain PyTorch.

    As weights.safetensors, a plain state_dict, and masks.safetensors. The weights are the initialisation
    θ₀ ⊙ M, or with --trained what a training has made of it. A mask goes to
    torch.nn.utils.prune.custom_from_mask. architecture.json has the sizes of the layers: with --smaller
    those of a physically smaller network with the same outputs.
    """
    import numpy as np

    from nets_deap.models.node_space import known
    from nets_deap.models.registry import handed_over
    from nets_deap.problem.ticket import load_ticket
    from nets_deap.util import files, json_text
    from nets_deap.util.tensors import write_safetensors

    path = tickets.file_of(ticket)
    loaded = load_ticket(path)
    if model is not None:
        loaded = replace(loaded, architecture=handed_over(loaded.architecture, model))
    if trained is not None:
        loaded = _trained(loaded, Path(trained))
    if smaller:
        loaded = loaded.smaller()
    name = "export" + ("-trained" if trained is not None else "") + ("-smaller" if smaller else "")
    folder = tickets.folder_of(path, name, out)
    theta = loaded.weights if dense else np.where(loaded.mask, loaded.weights, np.float32(0))
    named = loaded.architecture.named(theta, loaded.extras)
    weights = {name: np.ascontiguousarray(part) for name, part in named.items()}
    masks = {name: np.ascontiguousarray(part) for name, part in loaded.layout.split(loaded.mask)}
    sizes = json_text.dumps(loaded.architecture.description(), indent=2)
    with files.claimed_folder(folder):
        write_safetensors(folder / "weights.safetensors", weights, {"ticket": str(path)})
        write_safetensors(folder / "masks.safetensors", masks, {"ticket": str(path)})
        files.write_text(folder / "architecture.json", sizes + "\n")
    if smaller:
        nodes = known(loaded.architecture).nodes
        left = ", ".join(f"{name} {size}" for name, size in zip(nodes.names, nodes.sizes, strict=True))
        click.echo(f"nodes:   {left}")
    click.echo(f"weights: {folder / 'weights.safetensors'}\nmasks:   {folder / 'masks.safetensors'}")


def _trained(ticket: Ticket, place: Path) -> Ticket:
    """The ticket with the trained weights, biases and normalisations of its early stop."""
    import numpy as np

    from nets_deap.util.errors import DamagedError
    from nets_deap.util.tensors import read_safetensors

    path = place / "trained.safetensors" if place.is_dir() else place
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
