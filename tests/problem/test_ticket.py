from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from nets_deap import __version__
from nets_deap.models.registry import build
from nets_deap.problem.old_tickets import in_our_order
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.util.errors import NetsError


def ticket() -> Ticket:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(30, dtype=np.float32)
    return Ticket(
        weights, rng.random(30) < 0.5, build("mlp-10", (2,), 2), {"dataset": "xor", "seed": 7}, {"a": 1}
    )


def test_a_ticket_gives_back_what_was_put_in() -> None:
    ticket().save(Path("t"))
    loaded = load_ticket(Path("t"))
    assert (loaded.weights == ticket().weights).all()
    assert (loaded.mask == ticket().mask).all()
    assert loaded.architecture == ticket().architecture
    assert (loaded.config, loaded.info) == ({"dataset": "xor", "seed": 7}, {"a": 1})


def test_its_metadata_can_be_read_without_us() -> None:
    ticket().save(Path("t"))
    with safe_open("t", framework="numpy") as file:
        metadata = file.metadata()
    assert (metadata["dataset"], metadata["seed"], metadata["version"]) == ("xor", "7", __version__)
    assert float(metadata["density"]) == ticket().density
    assert json.loads(metadata["architecture"])["model"] == "mlp-10"
    assert json.loads(metadata["config"]) == {"dataset": "xor", "seed": 7}


def test_the_same_ticket_gives_the_same_bytes() -> None:
    for name in "ab":
        ticket().save(Path(name))
    assert Path("a").read_bytes() == Path("b").read_bytes()


def damaged(content: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "text": b"not a ticket at all",
        "cut in the header": content[:50],
        "cut in the weights": content[:-40],
        "other format": content.replace(b"nets-deap ticket 2", b"nets-deap ticket 9"),
        "other size": content.replace(b'\\"fc1.weight\\": [10, 2]', b'\\"fc1.weight\\": [11, 2]'),
        "architecture of words": content.replace(b'\\"outputs\\": 1', b'\\"outputs\\": \\"1\\"'),
        "config is no table": content.replace(b'{\\"dataset\\": \\"xor\\", \\"seed\\": 7}', b"[1]"),
        "not a number": content[:-150] + np.float32(np.nan).tobytes() + content[-146:],
        "no architecture": content.replace(b'"architecture"', b'"architectura"'),
    }


@pytest.mark.parametrize("damage", damaged(b""))
def test_a_damaged_or_foreign_file_is_one_line(damage: str) -> None:
    ticket().save(Path("t"))
    content = Path("t").read_bytes()
    changed = damaged(content)[damage]
    assert changed != content
    Path("t").write_bytes(changed)
    with pytest.raises(NetsError, match=r"ticket|damaged") as raised:
        load_ticket(Path("t"))
    assert "\n" not in str(raised.value)


def test_a_ticket_that_is_not_there() -> None:
    with pytest.raises(NetsError, match="cannot read ticket nowhere"):
        load_ticket(Path("nowhere"))


def test_extras_of_an_old_wide_resnets_ticket_find_their_places() -> None:
    made = build("wrn-10-1", (1, 8, 8), 3)
    norms = ["norm", *(f"stage{s}.1.norm{i}" for s in (1, 2, 3) for i in (1, 2))]
    old = ["fc.bias"]  # version 0.2: the last layers' first, then block by block
    for kinds in (("weight", "bias"), ("running_mean", "running_var")):
        old += [f"{norm}.{kind}" for norm in norms for kind in kinds]
    sizes = {extra.name: extra.size for extra in made.extras}
    numbers = np.concatenate(
        [np.full(sizes[name], place, dtype=np.float32) for place, name in enumerate(old)]
    )
    named = made.named(np.zeros(made.layout.size), in_our_order(numbers, made))
    assert all((named[name] == place).all() for place, name in enumerate(old))
    plain = build("cnn-8-16", (1, 8, 8), 3)
    assert (in_our_order(numbers, plain) == numbers).all()
