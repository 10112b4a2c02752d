"""Values from disk, checked against a type."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from nets_deap.util.errors import DamagedError, shortened

FORMULA = ("=", "+", "-", "@")  # the first character of a cell that spreadsheets compute


def is_plain(text: str) -> bool:
    """Do spreadsheets and terminals show this text and do nothing else?"""
    return text.isprintable() and not text.startswith(FORMULA)


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("is no plain text")
    return text


# Names of columns and texts in a table: a spreadsheet or a terminal shows them and does nothing else.
Text = Annotated[str, StringConstraints(strict=True, max_length=10_000), AfterValidator(_plain)]
Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**64)]
Real = Annotated[float, Field(strict=True)]
Number = bool | Whole | Real
Cells = dict[Text, Number | Text | None]  # a row of a table


def among(names: Collection[str]) -> AfterValidator:
    """Let a text be only one of these names."""

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"is none of {', '.join(names)}")
        return name

    return AfterValidator(check)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def checked(kind: Any, value: Any, what: object) -> Any:
    """`value` as a `kind`. Raises DamagedError, which names it as `what`, if it is none."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"][:3]))
        raise DamagedError(f"{what} is damaged ({shortened(place, 60)}: {first['msg']})") from error
    except (RecursionError, OverflowError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedError(f"{what} is damaged ({shortened(str(error), 100)})") from error
