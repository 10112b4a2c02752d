"""What a run does, in lines, in log.txt of the folder that it writes to."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nets_deap import __version__
from nets_deap.util.files import LOGS
from nets_deap.util.locks import NOFOLLOW

LIBRARY = logging.getLogger("nets_deap")
NEW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | NOFOLLOW


class Lines(logging.Formatter):
    """Time, level and message; a traceback below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = self.worded(record.message)
        return super().formatMessage(record)

    def worded(self, text: str) -> str:
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


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

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.setFormatter(lines)
        self.before: list[logging.LogRecord] = []
        self.path: Path | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if (folder := getattr(record, "held", None)) is not None:
            self.path = Path(folder) / LOGS[0]
            if not _ours(self.path):
                self.path = Path(os.devnull)
            self._write(self.head(), NEW)
        if self.path is None:
            self.before.append(record)
        else:
            self._write([record], NEW & ~os.O_CREAT)

    def _write(self, records: Sequence[logging.LogRecord], flags: int) -> None:
        assert self.path is not None
        text = "".join(f"{self.format(record)}\n" for record in records)
        with suppress(OSError), open(os.open(self.path, flags, 0o666), "ab") as file:
            file.write(text.encode("utf-8", "backslashreplace"))

    def head(self) -> list[logging.LogRecord]:
        """On what results and faults may depend, and what came before there was a folder."""
        import platform
        from importlib.metadata import version

        libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "deap"))
        system = f"Python {platform.python_version()}, {libraries}, {platform.platform()}"
        text = f"nets-deap {__version__}, {system}"
        record = LIBRARY.makeRecord(LIBRARY.name, logging.INFO, __file__, 0, text, (), None)
        if self.before:
            record.created = self.before[0].created
        return [record, *self.before]


class _Beside(Journal):
    """A journal that changes nothing for the program's own handlers: they get what they got before."""

    def __init__(self, least: int) -> None:
        super().__init__(Lines())
        self.least = least

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if (
            record.levelno >= self.least
            and not getattr(record, "raised", False)
            and LIBRARY.parent is not None
        ):
            LIBRARY.parent.callHandlers(record)


@contextmanager
def kept(told: str) -> Iterator[None]:
    """Keep a journal of a call of the library, which is `told` in its first line."""
    level, onwards, start = LIBRARY.level, LIBRARY.propagate, time.monotonic()
    journal = _Beside(LIBRARY.getEffectiveLevel() if onwards else logging.CRITICAL + 1)
    LIBRARY.addHandler(journal)
    LIBRARY.setLevel(min(logging.INFO, level or logging.INFO))
    LIBRARY.propagate = False
    try:
        LIBRARY.info("%s", told)
        yield
    except BaseException as error:
        LIBRARY.error(
            "%s",
            type(error).__name__,
            exc_info=not isinstance(error, KeyboardInterrupt),
            extra={"raised": True},
        )
        raise
    finally:
        LIBRARY.info("ended after %.1f s", time.monotonic() - start)
        LIBRARY.setLevel(level)
        LIBRARY.propagate = onwards
        LIBRARY.removeHandler(journal)
