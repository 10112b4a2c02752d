"""A module that another thread imports at this moment is there when it is complete."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from pathlib import Path

import pytest

from nets_deap.util.lazy import loaded


def test_a_module_is_complete_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\nLAST = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert loaded("slow_to_import") is None
    thread = threading.Thread(target=importlib.import_module, args=("slow_to_import",))
    thread.start()
    while "slow_to_import" not in sys.modules:
        time.sleep(0.001)
    assert not hasattr(sys.modules["slow_to_import"], "LAST")
    assert loaded("slow_to_import").LAST == 1
    thread.join()
    del sys.modules["slow_to_import"]
