"""Short names of methods."""

import pytest

from nets_deap.util.labels import labels


@pytest.mark.parametrize(
    ("texts", "short"),
    [
        (["imp:budget=3000", "snip"], ["imp", "snip"]),
        (["nets:gens=9,pop=1", "nets:gens=9,pop=5"], ["nets:pop=1", "nets:pop=5"]),
        (["nets", "nets:pop=1"], ["nets", "nets:pop=1"]),
        (["nets:a=1,b=1", "nets:a=2,b=1", "nets:a=1,b=2"], [None, "nets:a=2", "nets:b=2"]),
        (["imp:a=1", "imp:a=1+random", "imp:a=2"], ["imp:a=1", "imp+random", "imp:a=2"]),
        (["an arm of ours", "imp:cycles=3"], ["an arm of ours", "imp"]),
    ],
)  # fmt: skip
def test_a_method_keeps_the_fewest_options_that_tell_it_apart(texts: list[str], short: list[str]) -> None:
    assert list(labels(texts).values()) == [label or text for text, label in zip(texts, short, strict=True)]
    assert list(labels(texts)) == texts
