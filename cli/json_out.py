"""`--json`: one JSON object on stdout, and nothing else."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import click

STDOUT = "nets_deap.stdout"


def aside(ctx: click.Context, param: click.Parameter, wanted: bool) -> bool:
    """The option's callback: what a network, a data set or a loss of the user's own prints goes to stderr."""
    if wanted:
        ctx.meta[STDOUT] = sys.stdout
        ctx.with_resource(redirect_stdout(sys.stderr))
    return wanted


def tell(value: Any) -> None:
    """Write a result as JSON."""
    from nets_deap.util import json_text

    click.echo(json_text.dumps(value), file=click.get_current_context().meta.get(STDOUT))
