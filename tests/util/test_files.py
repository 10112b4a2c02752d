"""Folders that one run at a time writes to, and files that are whole or not there."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import PIPE

import pytest

from nets_deap.util import files, locks
from nets_deap.util.errors import LONGEST, NetsError
from nets_deap.util.files import claimed_folder

HOLD = (
    "import sys, os\nfrom pathlib import Path\nfrom nets_deap.util.files import claimed_folder\n"
    "{before}\n"
    "with claimed_folder(Path('run')):\n    print('mine', flush=True)\n    sys.stdin.read()\n"
)
NO_LOCKS = (
    "import fcntl, errno\ndef none(*a): raise OSError(errno.ENOLCK, 'No locks available')\nfcntl.lockf = none"
)


def hold(before: str = "") -> subprocess.Popen[str]:
    """A process that has claimed `run`, until it is killed or its stdin is closed."""
    command = [sys.executable, "-c", HOLD.format(before=before)]
    process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def refused() -> str:
    with pytest.raises(NetsError) as raised, claimed_folder(Path("run")):
        pass
    return str(raised.value)


def test_a_lock_that_another_run_has_removed_lets_nobody_in_beside_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that opened the lock file before it was removed would hold a lock that nobody else sees."""
    other, lock = [], fcntl.lockf

    def late(descriptor: int, how: int) -> None:
        if not other:  # between opening and locking, the holder goes and another run comes
            Path("run", files.LOCK).unlink()
            other.append(hold())
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "lockf", late)
    assert "another process is at work in run" in refused()
    other[0].communicate("")


def test_a_lock_that_stands_in_another_place_is_not_removed() -> None:
    with claimed_folder(Path("run")):
        Path("run", files.LOCK).rename("run/gone")
        Path("run", files.LOCK).write_text("of another run", encoding="utf-8")
    assert Path("run", files.LOCK).read_text(encoding="utf-8") == "of another run"


def test_two_threads_of_one_process_do_not_share_a_folder() -> None:
    told: list[str] = []
    with claimed_folder(Path("run")):
        Path("linked").symlink_to("run")
        for place in ("run", "run/../run", "linked"):

            def again(place: str = place) -> None:
                try:
                    with claimed_folder(Path(place)):
                        told.append("claimed")
                except NetsError as error:
                    told.append(str(error))

            thread = threading.Thread(target=again)
            thread.start()
            thread.join()
        assert len(told) == 3
        assert all("another thread of this process is at work" in text for text in told)
        check = "from pathlib import Path\nfrom nets_deap.util.files import claimed_folder\n" \
                "with claimed_folder(Path('run')): pass"  # fmt: skip
        assert subprocess.run([sys.executable, "-c", check], capture_output=True, check=False).returncode
    with claimed_folder(Path("run")):
        pass


def test_without_locks_a_folder_is_claimed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", none)
        other = hold(NO_LOCKS)
        assert f"process {other.pid} on" in refused()
        other.kill()
        other.wait()
        assert Path("run", locks.OWNER).exists()
        with claimed_folder(Path("run")):  # its owner is dead
            assert str(os.getpid()) in Path("run", locks.OWNER).read_text(encoding="utf-8")
        Path("run").mkdir(exist_ok=True)
        Path("run", locks.OWNER).write_text(f"elsewhere {os.getpid()} 1\n", encoding="utf-8")
        assert "on elsewhere" in refused()
        Path("run", locks.OWNER).unlink()
    with claimed_folder(Path("run")):
        assert not Path("run", locks.OWNER).exists()


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_what_keeps_a_folder_from_being_claimed_is_said(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: object, *arguments: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        text = refused()
    assert os.strerror(code) in text
    assert "another process" not in text
    assert not Path("run").exists()


def test_nothing_is_written_through_a_symbolic_link() -> None:
    Path("mine").write_text("precious", encoding="utf-8")
    Path("run").mkdir()
    Path("run", files.LOCK).symlink_to("../mine")
    assert "is not a lock of ours" in refused()
    Path("run", files.LOCK).unlink()
    Path("run", f".config.json.{os.getpid()}.nets-deap-tmp").symlink_to("../mine")
    Path("run/config.json").symlink_to("../mine")
    files.write_text(Path("run/config.json"), "new")
    assert (
        Path("mine").read_text(encoding="utf-8"),
        Path("run/config.json").read_text(encoding="utf-8"),
    ) == ("precious", "new")
    assert not Path("run/config.json").is_symlink()


@pytest.mark.parametrize("part", files.PARTS)
def test_nothing_is_deleted_in_a_folder_that_is_linked(part: str) -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/.a.1234.nets-deap-tmp").touch()
    Path("run").mkdir()
    Path("run", part).symlink_to("../elsewhere")
    assert "is a symbolic link" in refused()
    assert Path("elsewhere/.a.1234.nets-deap-tmp").exists()


def test_what_a_kill_left_is_swept_at_the_next_start_and_nothing_else() -> None:
    Path("run/trials").mkdir(parents=True)
    Path("run/train-1").mkdir()
    left = [".ticket.safetensors.10681.nets-deap-tmp", ".a.0123456789abcdef.nets-deap-tmp", files.LOCK]
    for name in (*left, "trials/.x.json.77.nets-deap-tmp"):
        Path("run", name).touch()
    Path("mine").touch()
    Path("run/.link.77.nets-deap-tmp").symlink_to("../mine")
    kept = ["notes.nets-deap-tmp", ".notes", "train-1/.x.77.nets-deap-tmp"]  # whoever trains there sweeps it
    for name in kept:
        Path("run", name).touch()
    with claimed_folder(Path("run")):
        pass
    there = {str(path.relative_to("run")) for path in Path("run").rglob("*") if not path.is_dir()}
    assert there == {*kept, ".link.77.nets-deap-tmp"}
    assert Path("mine").exists()


@pytest.mark.parametrize("name", [".DS_Store", "._x", "Thumbs.db", "desktop.ini", ".nfs0001", "lost+found"])
def test_what_a_system_puts_into_folders_makes_none_a_strangers(name: str) -> None:
    Path("run").mkdir()
    Path("run", name).touch()
    assert not files.strangers(Path("run"))
    Path("run/thesis.tex").touch()
    assert files.strangers(Path("run"))


def test_folders_made_on_the_way_go_too() -> None:
    Path("a").mkdir()
    with pytest.raises(NetsError, match="no"), claimed_folder(Path("a/b/c/d")):
        raise NetsError("no")
    assert list(Path("a").iterdir()) == []
    with claimed_folder(Path("a/b/c")):
        Path("a/b/c/kept").touch()
    assert Path("a/b/c/kept").exists()
    Path("file").touch()
    with pytest.raises(NetsError, match="cannot create"), claimed_folder(Path("a/x/../../file/y")):
        pass
    assert not Path("a/x").exists()


def test_a_renaming_is_made_to_last(monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync

    def watch(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    files.write_text(Path("f"), "x")
    assert synced[-1] == str(Path.cwd())


def test_text_is_utf_8_whatever_the_locale() -> None:
    code = (
        "from pathlib import Path\nfrom nets_deap.util import files, tables\n"
        "files.write_text(Path('t'), 'k\\u00fche')\nassert files.read_text(Path('t')) == 'k\\u00fche'\n"
        "tables.write_csv(Path('c'), [{'a': 'k\\u00fche'}])\n"
        "assert tables.read_csv(Path('c')) == [{'a': 'k\\u00fche'}]\n"
    )
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert Path("t").read_bytes() == "kühe".encode()


def test_a_message_is_one_line_of_a_bounded_length() -> None:
    text = str(NetsError(f"a\nb {'x' * 10_000} end"))
    assert len(text) <= LONGEST
    assert text.startswith("a b")
    assert text.endswith("end")
