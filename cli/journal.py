"""What a command does, in lines: in log.txt of the folder that it writes to, and by --verbose on stderr."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nets_deap import __version__
from nets_deap.util.locks import NOFOLLOW

if TYPE_CHECKING:
    from nets_deap.config.base import Settings

LIBRARY = logging.getLogger("nets_deap")
LOG = logging.getLogger("nets_deap.cli")
SHOWN = {"shown": True}  # marks what the terminal shows anyway
NEW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | NOFOLLOW


class Lines(logging.Formatter):
    """Time, level and message; a traceback below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        from .options import dashed, printable

        record.message = printable(dashed(record.message))
        return super().formatMessage(record)


def _ours(path: Path) -> bool:
    """Is it a log of ours, or free for one? A user's own file of that name stays as it is."""
    try:
        with path.open("rb") as file:
            return b" nets-deap " in file.readline(200)
    except FileNotFoundError:
        return True
    except OSError:
        return False


class Journal(logging.Handler):
    """Writes into log.txt of the run's folder, from when that is the run's; what came before comes first.

    A file that cannot be written, or that is gone with a run that came to nothing, ends no run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Lines())
        self.before: list[logging.LogRecord] = []
        self.path: Path | None = None
        self.verbose = False

    def emit(self, record: logging.LogRecord) -> None:
        from nets_deap.util.files import LOGS

        if (folder := getattr(record, "held", None)) is not None:
            self.path = Path(folder) / LOGS[0]
            if not _ours(self.path):
                self.path = Path(os.devnull)
            self._write(self._head(), NEW)
        if self.path is None:
            self.before.append(record)
        else:
            self._write([record], NEW & ~os.O_CREAT)
        if self.verbose and not getattr(record, "shown", False):
            self._tell(record)

    def _write(self, records: Sequence[logging.LogRecord], flags: int) -> None:
        assert self.path is not None
        text = "".join(f"{self.format(record)}\n" for record in records)
        with suppress(OSError), open(os.open(self.path, flags, 0o666), "ab") as file:
            file.write(text.encode("utf-8", "backslashreplace"))

    def _tell(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)  # click.echo would write into a progress bar

    def show(self) -> None:
        """From now on show lines on stderr, too."""
        self.verbose = True
        for record in self._head():
            self._tell(record)

    def _head(self) -> list[logging.LogRecord]:
        """On what results and faults may depend, and what came before there was a folder."""
        import platform
        from importlib.metadata import version

        libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "deap"))
        system = f"Python {platform.python_version()}, {libraries}, {platform.platform()}"
        text = f"nets-deap {__version__}, {system}"
        record = LOG.makeRecord(LOG.name, logging.INFO, __file__, 0, text, (), None)
        record.created = self.before[0].created
        return [record, *self.before]


@contextmanager
def kept(words: Sequence[str]) -> Iterator[None]:
    """Keep a journal of the command that these words are."""
    journal, level, start = Journal(), LIBRARY.level, time.monotonic()
    LIBRARY.addHandler(journal)
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
        LIBRARY.removeHandler(journal)


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
