"""The types of config fields, and what the command line needs to know of a field."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic.config import JsonDict

from nets_deap.util.errors import unknown

Rate = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
# The largest numbers, checked before anything is allocated. Of what takes time alone: more would not end in a
# lifetime. Of what lies in memory, one by one: more would not fit, whatever its size.
MOST, MOST_KEPT, MOST_GENOMES = 10**9, 10**4, 10**6
LONGEST = 4096  # characters of a text
Positive = Annotated[int, Field(ge=1, le=MOST)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Genomes = Annotated[int, Field(ge=1, le=MOST_GENOMES)]
Several = Annotated[int, Field(ge=1, le=MOST_KEPT)]
Spent = Annotated[int, Field(ge=1, le=10**18)]  # of a budget
Seed = Annotated[int, Field(ge=0, lt=2**63)]

# Headings of a command's help, in this order
GROUPS = ("data", "network", "search", "evaluation", "training", "running", "output")


def one_of(kind: str, names: Collection[str]) -> AfterValidator:
    """Let a field hold only one of these names; errors call it a `kind`."""

    def check(name: str | None) -> str | None:
        if name is not None and name not in names:
            raise unknown(kind, name, names)
        return name

    return AfterValidator(check)


def setting(
    default: Any, says: str, group: str, metavar: str = "", common: bool = False, **limits: Any
) -> Any:
    """A field of a config, and the option that the command line makes of it.

    says:    its line of help; it ends with the default in brackets if that is not the field's own
    group:   the heading for it in the help, one of GROUPS
    metavar: the placeholder for its value; by default that of its type
    common:  shown by `--help`; other options are shown only by `--help-all`
    """
    option: JsonDict = {"group": group, "metavar": metavar, "common": common}
    return Field(default, description=says, json_schema_extra=option, **limits)
