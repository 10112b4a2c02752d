from __future__ import annotations

import json

import numpy as np


def test_the_network_that_is_taken_for_own_data_is_told(cli) -> None:
    x = np.random.default_rng(0).standard_normal((60, 4), dtype=np.float32)
    np.savez("own.npz", x=x, y=np.arange(60) % 2)
    own = ("--dataset", "npz:own.npz", "--epochs", 1)
    note = "note: no network is given: lenet-300-100 is taken; --model names another\n"
    for words in (
        ("random", *own, "--out", "r"),
        ("compare", *own, "--methods", "random", "--seeds", 1, "--out", "c"),
        ("evolve", *own, "--pop", 1, "--gens", 1, "--map", "serial", "--out", "e"),
    ):
        assert note in (ran := cli(*words)).err, words
        assert "no network" not in ran.out
    json_one = cli("random", *own, "--out", "r", "--json")
    assert note in json_one.err
    assert json.loads(json_one.out)
    named = [cli("random", *own, "--model", "mlp:4-5-2", "--out", "m"), cli("random", "--out", "digits")]
    assert all(ran.code == 0 and "no network" not in ran.err for ran in named)
