"""`nets-deap doctor`: what this machine gives, and what to do about each lack."""

from __future__ import annotations

import os

import click

from . import json_out
from .options import command, dashed, printable


@command()
@click.option(
    "--data-dir", metavar="DIR", envvar="NETS_DATA_DIR", default="data", help="Where data sets lie. [data]"
)
@click.option("--json", "as_json", is_flag=True, callback=json_out.aside, help="As a JSON array.")
def doctor(data_dir: str, as_json: bool) -> int:
    """Look at versions, kernels, devices, memory and data, and train for five seconds.

    Exit code 1 if something does not work.
    """
    from nets_deap.front.doctor import FAULT, findings

    told = []
    for finding in findings(os.path.expanduser(data_dir)):
        told.append(finding)
        if not as_json:
            click.echo(printable(f"{finding.state:6} {finding.what + ':':17} {finding.told}"))
            if finding.remedy:
                click.echo(printable(f"{'':24} → {dashed(finding.remedy)}"))
    if as_json:
        json_out.tell([finding._asdict() for finding in told])
    return int(any(finding.state == FAULT for finding in told))
