from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from nets_deap_cli.commands import COMMANDS
from torch.nn.utils import prune

TINY = ("evolve", "--dataset", "xor-corners", "--pop", "4", "--gens", "3", "--epochs", "5", "--map", "serial")


def rows_of(path: str) -> list[dict[str, str]]:
    """A csv without its time columns."""
    with Path(path).open(encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if not k.endswith("_s")} for row in csv.DictReader(file)]


def test_from_an_evolution_to_a_network_in_plain_pytorch(cli) -> None:
    assert cli(*TINY, "--out", "run").code == 0
    assert cli("info", "run").out.count("fc") == 2
    trained = cli("train", "run", "--epochs", "20", "--random", "2", "--out", "trained")
    assert trained.code == 0
    assert "mean of 2 random" in trained.out
    assert cli("export", "run", "--out", "export").code == 0

    from safetensors.torch import load_file

    net = torch.nn.Sequential()
    net.add_module("fc1", torch.nn.Linear(2, 10, bias=False))
    net.add_module("sigmoid1", torch.nn.Sigmoid())
    net.add_module("fc2", torch.nn.Linear(10, 1, bias=False))
    net.load_state_dict(load_file("export/weights.safetensors"))
    for name, mask in load_file("export/masks.safetensors").items():
        prune.custom_from_mask(net.get_submodule(name), "weight", mask)
    active = sum(int((p != 0).sum()) for p in (net.fc1.weight, net.fc2.weight))
    assert active == json.loads(cli("info", "run", "--json").out)["active"]


def test_the_training_csv_has_the_columns_of_the_readme(cli) -> None:
    cli(*TINY, "--out", "run")
    cli("train", "run", "--epochs", "3", "--out", "trained")
    with Path("trained/training.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == "epoch,iteration,train_loss,val_loss,val_acc,test_loss,test_acc,elapsed_s"
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {p.name for p in Path("trained").iterdir()} == {
        "config.json", "summary.json", "trained.safetensors", "training.csv", "data.crc32", "version.txt",
        "log.txt",
    }  # fmt: skip


def test_training_twice_does_nothing_and_says_so(cli) -> None:
    cli(*TINY, "--out", "run")
    first = cli("train", "run", "--epochs", "3", "--json")
    again = cli("train", "run", "--epochs", "3", "--json")
    assert json.loads(first.out) == json.loads(again.out)
    assert "is finished" in again.err
    assert cli("train", "run", "--epochs", "4", "--json").out != first.out


def test_a_folder_with_another_training_is_left_alone(cli) -> None:
    cli(*TINY, "--out", "run")
    cli("train", "run", "--epochs", "3", "--out", "trained")
    before = Path("trained/training.csv").read_bytes()
    assert cli("train", "run", "--epochs", "4", "--out", "trained").code == 2
    assert Path("trained/training.csv").read_bytes() == before


def test_a_finished_run_has_its_result_as_json_too(cli) -> None:
    first, again = (json.loads(cli(*TINY, "--out", "run", "--json").out) for _ in range(2))
    assert first == again


def test_random_controls_are_tickets_of_their_own_with_the_tickets_initialiser(cli) -> None:
    cli(*TINY, "--out", "run", "--init", "kaiming")
    summary = json.loads(
        cli("train", "run", "--preset", "lth", "--epochs", "3", "--random", "3", "--json", "--out", "t").out
    )
    assert json.loads(Path("t/config.json").read_text(encoding="utf-8"))["init"] == "kaiming"
    assert {c["density"] for c in summary["random"]} == {summary["ticket"]["density"]}
    assert len({c["final_test_loss"] for c in summary["random"]}) == 3


def test_a_strangers_config_beside_a_ticket_is_none_of_ours(cli) -> None:
    cli(*TINY, "--out", "run")
    Path("own").mkdir()
    Path("run/ticket.safetensors").rename("own/ticket.safetensors")
    Path("own/config.json").write_text("[1, 2]", encoding="utf-8")
    assert cli("train", "own/ticket.safetensors", "--epochs", "3", "--out", "t").code == 0


def test_a_ticket_says_nothing_about_the_machine_it_was_found_on(cli) -> None:
    cli(*TINY, "--out", "run", "--data-dir", "/home/me/secret")
    assert b"secret" not in Path("run/ticket.safetensors").read_bytes()
    assert json.loads(Path("run/config.json").read_text(encoding="utf-8"))["data_dir"] == "/home/me/secret"


def test_a_ticket_alone_can_be_trained(cli) -> None:
    cli(*TINY, "--out", "run", "--lr", "0.03")
    Path("run/ticket.safetensors").rename("lonely.safetensors")
    result = cli("train", "lonely.safetensors", "--epochs", "3", "--out", "trained")
    assert result.code == 0
    assert (
        json.loads(Path("trained/config.json").read_text(encoding="utf-8"))["lr"] == 0.03
    )  # the recipe it was found with


def test_finished_unfinished_and_longer(cli) -> None:
    unfinished = cli(*TINY, "--out", "run", "--time-limit", "1e-9")
    assert unfinished.code == 0
    assert "nets-deap evolve --out run" in unfinished.err
    again = cli(*TINY, "--out", "run")
    assert (again.code, "goes on after generation 0" in again.err) == (0, True)
    assert cli(*TINY, "--out", "run", "--resume").code == 0  # as scripts may have it
    before = Path("run/logbook.csv").read_bytes()
    finished = cli(*TINY, "--out", "run")
    assert finished.code == 0
    assert len(finished.out.splitlines()) == 1
    assert Path("run/logbook.csv").read_bytes() == before
    assert cli("evolve", "--out", "run", "--gens", "5").code == 0
    assert len(rows_of("run/logbook.csv")) == 6
    cli(*TINY, "--gens", "5", "--out", "other")
    assert rows_of("other/logbook.csv") == rows_of("run/logbook.csv")


def test_the_default_folder_is_named_after_the_run(cli) -> None:
    cli(*TINY, "--seed", "3")
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("xor-corners-mlp-10-3-")
    cli(*TINY, "--seed", "3", "--workers", "2", "--map", "multiprocess")  # the same run: finished
    assert len(list(Path("runs").iterdir())) == 1


def test_a_run_repeats_from_its_config_alone(cli) -> None:
    cli(*TINY, "--select", "lexicase", "--out", "a")
    assert cli("evolve", "--config", "a/config.json", "--out", "b").code == 0
    assert rows_of("a/logbook.csv") == rows_of("b/logbook.csv")
    assert Path("a/config.json").read_bytes() == Path("b/config.json").read_bytes()


def test_json_is_all_there_is_on_stdout(cli) -> None:
    result = json.loads(cli(*TINY, "--json").out)
    assert result["finished"] is True
    assert Path(result["ticket"]).exists()
    assert cli(*TINY, "--seed", "2", "--quiet").out == ""


def test_selections_are_listed(cli) -> None:
    out = cli("evolve", "--list-selections").out
    assert all(word in out for word in ("tournament:tournsize=3", "no selection pressure", "refused"))


def test_a_selection_without_pressure_says_so(cli) -> None:
    assert "no selection pressure" in cli(*TINY, "--select", "random").err


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nets_deap_cli.main", *arguments]

    def heed_ctrl_c() -> None:  # which whoever runs these tests in the background has told them to ignore
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509 (there are no threads here)
    )


# About half a second a generation, of which the test below spends three or four before the last start.
SLOW = ("evolve", "--pop", "4", "--gens", "8", "--epochs", "15", "--data-limit", "600", "--workers", "2")


def await_next_generation(process: subprocess.Popen[str]) -> None:
    """Wait until a generation is complete, whichever it is."""
    assert process.stdout is not None
    assert process.stdout.readline().startswith("generation ")


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [pid for pid in pids if Path(f"/proc/{pid}/stat").exists()]
        if not any(
            Path(f"/proc/{p}/stat").read_text(encoding="utf-8").split(")")[1].split()[0] != "Z" for p in left
        ):
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_sigkill_and_a_dead_worker_change_nothing() -> None:
    process = start(*SLOW, "--out", "run")
    await_next_generation(process)
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nets-deap evolve --out run" in err
    assert len(err.splitlines()) == 1
    assert gone(workers)

    process = start("evolve", "--out", "run")
    await_next_generation(process)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    assert gone(workers)

    process = start("evolve", "--out", "run")
    await_next_generation(process)
    workers = children(process.pid)
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert err.startswith("note: the run in run goes on after generation")
    assert len(err.splitlines()) == 1
    assert gone(workers)

    undisturbed = start(*SLOW, "--out", "other")
    undisturbed.communicate(timeout=120)
    assert rows_of("run/logbook.csv") == rows_of("other/logbook.csv")
    assert Path("run/ticket.safetensors").read_bytes() == Path("other/ticket.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("compare --methods random --density 0.2 --seeds 200 --map serial --dataset digits",
         "finished trials are in run: the same command continues"),
        ("table1 --parts xor-corners-mlp-10 --map serial",
         "finished trials are in run: the same command continues"),
        ("imp --dataset digits --cycles 200 --density 0.001",
         "its cycles are saved: the same command continues"),
    ],
)  # fmt: skip
def test_ctrl_c_says_what_is_kept(command: str, said: str) -> None:
    process = start(*command.split(), "--out", "run")
    assert process.stdout is not None
    assert process.stdout.readline()  # a trial or a cycle is finished
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, f"interrupted; {said}\n")


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], ["torch", "sklearn", "pandas", "scipy", "numpy", "pydantic", "deap"]),
        *(([name, "--help"], ["torch", "torchvision", "sklearn", "pandas", "scipy"]) for name in COMMANDS),
    ],
)
def test_help_needs_no_heavy_imports(words: list[str], heavy: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['nets-deap', *{words}]\n"
        "from nets_deap_cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"heavy = set({heavy}) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


LOUD = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        print("I am made")
        self.layer, self.last = nn.Linear(64, 8), nn.Linear(8, 10)

    def forward(self, x):
        print("I see", x.shape)
        return self.last(self.layer(x.flatten(1)).relu())
"""


def test_json_stays_alone_whatever_a_network_prints(cli) -> None:
    Path("loud.py").write_text(LOUD, encoding="utf-8")
    own = ("--model", "loud:Net", "--iterations", 3, "--data-limit", 200)
    data = ("--dataset", "digits")
    first = cli("imp", *data, *own, "--cycles", 1, "--out", "imp", "--json")
    json.loads(first.out)
    assert "I see" in first.err
    commands = {
        "evolve": (*data, *own, "--pop", 2, "--gens", 1, "--map", "serial", "--out", "run"),
        "train": ("imp", *own),
        "verify": ("imp", *own, "--seeds", 2, "--map", "serial"),
        "transfer": ("imp", "--seeds", 1, "--map", "serial", *own),
        "connectivity": ("imp", "--seeds", 1, "--points", 3, "--map", "serial", *own),
        "compare": (*data, *own, "--methods", "snip", "--seeds", 1, "--map", "serial", "--out", "compared"),
        "info": ("imp",),
    }
    for name, words in commands.items():
        told = cli(name, *words, "--json")
        assert told.code == 0, told.err
        json.loads(told.out)
