"""An exported module computes what the ticket does, without nets-deap."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nets_deap.data.preparation import AS_GIVEN
from nets_deap.export import write_python
from nets_deap.models.catalogue import FAMILIES, FORMS, MODELS
from nets_deap.models.node_space import live_nodes
from nets_deap.models.registry import Model, build, handed_over
from nets_deap.problem.ticket import Ticket
from nets_deap.util.errors import NetsError
from tests.export.networks import LARGE, NAMED, TOKENS, Case, case, ours

# Runs in another process: what each exported module puts out for the raw samples
ALONE = """
import importlib, pathlib, sys, torch
sys.modules |= dict.fromkeys(["nets_deap", "nets_deap_cli", "safetensors"])  # cannot be imported
torch.set_num_threads(1)
outputs = {}
for stem, x in torch.load("samples.pt").items():
    file = importlib.import_module(stem)
    model = file.load()
    before = {name: model.get_parameter(name).clone() for name in file.masks()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
        file.prune(model)
        for name, mask in file.masks().items():
            assert torch.equal(model.get_parameter(name) == 0, ~mask & (before[name] == 0)), name
        outputs[stem] = file.load()(file.prepare(x))
torch.save(outputs, "outputs.pt")
"""


def alone(samples: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of exported modules in this folder, by a process that has torch and no nets-deap."""
    torch.save(dict(samples), "samples.pt")
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outputs: dict[str, Tensor] = torch.load("outputs.pt")
    return outputs


def check(cases: Mapping[str, Case]) -> None:
    for stem, one in cases.items():
        write_python(Path(f"{stem}.py"), one.ticket, one.preparation)
    found = alone({stem: one.x for stem, one in cases.items()})
    for stem, one in cases.items():
        torch.testing.assert_close(found[stem], one.outputs, rtol=1e-5, atol=1e-5, msg=stem)


def stem(name: str) -> str:
    return "net_" + re.sub(r"\W", "_", name)


def test_every_kind_of_name_is_tried() -> None:
    tried = [*NAMED, *TOKENS]
    assert set(MODELS) <= set(tried)
    for form in FORMS:
        kind = form.partition(":")[0] + ":"
        pattern = FAMILIES[form][0] if form in FAMILIES else re.compile(re.escape(kind) + ".*")
        assert form in MODELS or form == "module:function" or any(map(pattern.fullmatch, tried)), form


SMALLER = ("lenet-5", "resnet-8", "mlp:64-12-9-10,activation=tanh,bias=yes")


def test_every_network_computes_the_same_without_nets_deap() -> None:
    cases = {stem(name): case(name) for name in [*NAMED, *TOKENS] if name not in LARGE}
    for name in SMALLER:
        whole = cases[stem(name)]
        assert not live_nodes(whole.ticket.architecture, whole.ticket.mask).all()
        cases[f"{stem(name)}_smaller"] = whole._replace(ticket=whole.ticket.smaller())
    check(cases)


@pytest.mark.slow
def test_the_largest_networks_compute_the_same_without_nets_deap() -> None:
    check({stem(name): case(name) for name in LARGE})


def own(text: str, model: str, shape: tuple[int, ...] = (6,)) -> Ticket:
    Path("own_net.py").write_text(text, encoding="utf-8")
    made = build(model, shape, 3)
    weights, extras = made.known().draw(np.random.default_rng(0))
    return Ticket(weights, np.arange(weights.size) % 3 > 0, made, extras=extras)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has an own_net of its own."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.delitem(sys.modules, "own_net", raising=False)
    from nets_deap.models import registry

    registry._built.cache_clear()


# A buffer called mask, names of ours, arguments of every kind
OWN = """
import torch
from torch import nn

class load(nn.Module):
    def __init__(self, width, outputs, kind):
        super().__init__()
        self.inner, self.outer = nn.Linear(6, width), nn.Linear(width, outputs)
        self.register_buffer("mask", torch.full((width,), 0.5))
        assert kind == "it's"

    def forward(self, x):
        return self.outer(self.inner(x).tanh() * self.mask)

def make(outputs, width=4, kind=""):
    return load(width, outputs, kind)
"""


def test_a_network_of_ones_own_is_imported_whatever_was_prunable_in_it() -> None:
    model = "own_net:make:width=5,kind=it's"
    ticket, x = own(OWN, model), torch.rand(4, 6)
    made = build(model, (6,), 3, prunable=lambda name, _: name.startswith("outer"))
    told = replace(made, template=None)  # as it is read from a ticket
    weights, extras = made.known().draw(np.random.default_rng(0))
    mask = np.arange(weights.size) % 2 > 0
    chosen = Ticket(weights, mask, handed_over(told, model), extras=extras)
    check({name: Case(each, AS_GIVEN, x, ours(each, x)) for name, each in {"a": ticket, "b": chosen}.items()})
    text = Path("a.py").read_text(encoding="utf-8")
    assert "from own_net import make as factory" in text
    assert "It imports own_net, torch." in str(ast.get_docstring(ast.parse(text)))


def lenient() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 3))


def test_what_no_file_can_import_is_refused_and_leaves_nothing() -> None:
    def inner() -> nn.Module:
        return lenient()

    for model in (inner, lenient(), lambda outputs: lenient()):
        made = build(Model.of(model), (6,), 3)
        ticket = Ticket(np.ones(18, np.float32), np.ones(18, bool), made)
        with pytest.raises(NetsError, match="model"):
            write_python(Path("m.py"), ticket, None)
    assert list(Path().iterdir()) == []


def test_files_that_would_hide_or_replace_others_are_refused() -> None:
    ticket = own(OWN, "own_net:make:kind=it's")
    for name in ("own_net", "torch", "json"):
        with pytest.raises(NetsError, match="would hide"):
            write_python(Path(f"elsewhere/{name}.py"), ticket, None)
    Path("mine.py").write_text("print(1)", encoding="utf-8")
    with pytest.raises(NetsError, match="not written by an export"):
        write_python(Path("mine.py"), ticket, None)
    assert sorted(path.name for path in Path().iterdir() if path.is_file()) == ["mine.py", "own_net.py"]
    for _ in range(2):  # one of ours is replaced
        write_python(Path("new.py"), ticket, None)
    Path("new.py").unlink()
    with pytest.raises(NetsError, match="is there, without new"):
        write_python(Path("new.py"), ticket, None)


@pytest.mark.parametrize("text", ['"""\nimport evil', "\\", '\\"""', "\n\n", "\u202e", "'" * 3])
def test_text_from_a_ticket_stays_in_the_docstring(text: str) -> None:
    ticket = replace(case("mlp-10").ticket, config={"dataset": text, "seed": text})
    write_python(Path("m.py"), ticket, None, origin=text, state=text)
    tree = ast.parse(Path("m.py").read_text(encoding="utf-8"))
    shown = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "evil" not in {name.name for node in shown for name in node.names}
    assert ast.get_docstring(tree)


def test_dormant_weights_are_kept_in_the_file_on_demand() -> None:
    from safetensors.torch import load_file

    ticket = case("mlp-10").ticket
    for dense in (False, True):
        write_python(Path("m.py"), ticket, None, dense=dense)
        (stored,) = (
            part for name, part in load_file("m.weights.safetensors").items() if name == "fc1.weight"
        )
        dormant = ~torch.from_numpy(ticket.mask[: stored.numel()]).reshape(stored.shape)
        assert bool((stored[dormant] != 0).any()) == dense
