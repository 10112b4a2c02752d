"""What a command does, in lines: in log.txt of the folder that it writes to, and by --verbose on stderr."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from nets_deap.util import journal
from nets_deap.util.journal import LIBRARY

if TYPE_CHECKING:
    from nets_deap.config.base import Settings

LOG = logging.getLogger("nets_deap.cli")
SHOWN = {"shown": True}  # marks what the terminal shows anyway


class Lines(journal.Lines):
    def worded(self, text: str) -> str:
        from .options import dashed, printable

        return printable(dashed(text))


class Journal(journal.Journal):
    """The same, and on stderr if that is asked for."""

    def __init__(self) -> None:
        super().__init__(Lines())
        self.verbose = False

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self.verbose and not getattr(record, "shown", False):
            self._tell(record)

    def _tell(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)  # click.echo would write into a progress bar

    def show(self) -> None:
        """From now on show lines on stderr, too."""
        self.verbose = True
        for record in self.head():
            self._tell(record)


@contextmanager
def kept(words: Sequence[str]) -> Iterator[None]:
    """Keep a journal of the command that these words are."""
    handler, level, start = Journal(), LIBRARY.level, time.monotonic()
    LIBRARY.addHandler(handler)
    LIBRARY.setLevel(logging.INFO)
    try:
        LOG.info("%s", shlex.join(["nets-deap", *words]))
        yield
    except BaseException as error:
        LOG.error("%s", type(error).__name__, exc_info=not isinstance(error, KeyboardInterrupt), extra=SHOWN)
        raise
    finally:
        LOG.info("ended after %.1f s", time.monotonic() - start)
        LIBRARY.setLevel(level)
        LIBRARY.removeHandler(handler)


def _show(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    for handler in LIBRARY.handlers if wanted else ():
        if isinstance(handler, Journal):
            handler.show()


def verbose_option(function: Any) -> Any:
    """The option that shows the journal."""
    from .options import Option

    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        cls=Option,
        expose_value=False,
        callback=_show,
        help="Show on stderr what log.txt in the folder holds.",
        group="output",
        common=False,
    )(function)


def settings(config: Settings) -> None:
    """Note the settings that are not the defaults."""
    from nets_deap.util.tables import in_words

    values: dict[str, Any] = config.model_dump(mode="json")
    plain = {
        name: field.get_default(call_default_factory=True)
        for name, field in type(config).model_fields.items()
    }
    LOG.info("settings: %s", in_words({key: value for key, value in values.items() if value != plain[key]}))
