"""The doctor finds what is there and what is not, and says what to do about it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nets_deap.front import doctor
from nets_deap.front.doctor import FAULT, GOOD, LACK, Finding, findings
from nets_deap.networks.kernels import library


def found(what: str, **options) -> Finding:
    (finding,) = (each for each in findings(seconds=0, **options) if each.what == what)
    return finding


def test_on_this_machine_nothing_is_broken(cli) -> None:
    told = json.loads(cli("doctor", "--json").out)
    names = [each["what"] for each in told]
    assert names[:3] == ["versions", "torch", "kernels"]
    assert names[-1] == "speed"
    assert {each["state"] for each in told} <= {GOOD, LACK}
    assert torch.__version__.partition("+")[0] in told[1]["told"]
    assert "steps a second" in told[-1]["told"]


def test_each_lack_has_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "available", lambda: False)
    kernels = found("kernels")
    assert (kernels.state, "C compiler" in kernels.remedy) == (LACK, True)
    monkeypatch.setattr("nets_deap.util.memory.available", lambda: 1e9)
    assert found("memory").state == LACK
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'nets-deap[parquet]'" in found("extra parquet").remedy
    data = found("data", data_dir=tmp_path)
    assert data.told.endswith("mnist, fashion-mnist, kmnist, cifar10")
    assert "`download`" in data.remedy


def test_a_torch_and_a_torchvision_that_do_not_fit(monkeypatch: pytest.MonkeyPatch, cli) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)
    monkeypatch.setattr(doctor, "_speed", lambda seconds: Finding("speed", GOOD, ""))
    assert found("torch").state == FAULT
    ran = cli("doctor")
    assert ran.code == 1
    assert "→ install both anew" in ran.out


def test_the_package_is_a_command(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "nets_deap", "--version"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (ran.returncode, ran.stdout.split()[0]) == (0, "nets-deap")


def test_the_shell_completes_commands_and_options() -> None:
    def completed(words: str, at: int) -> set[str]:
        environment = {"_NETS_DEAP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        code = "import sys; sys.argv = ['nets-deap']; from nets_deap_cli.main import main; main()"
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
        )
        return {line.partition(",")[2] for line in ran.stdout.splitlines()}

    assert completed("nets-deap ex", 1) == {"export"}
    assert "--gens" in completed("nets-deap evolve --g", 2)
