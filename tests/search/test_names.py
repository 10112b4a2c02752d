from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets_deap.problem.budget import Budget
from nets_deap.search.controls import CONTROLS
from nets_deap.search.imp import IMP
from nets_deap.search.registry import METHODS, method_of, parse, parse_all
from nets_deap.search.sparse_training import SparseTraining
from nets_deap.search.spec import MethodSpec
from nets_deap.util.errors import NetsError
from tests.search.methods import DIGITS, RESULTS


def test_methods_as_people_write_them() -> None:
    choices = parse_all("imp:epochs=3,cycles=7, nets:pop=4 ,imp+reinit,random:allocation=erk")
    assert [str(choice) for choice in choices] == [
        "imp:cycles=7,epochs=3", "nets:pop=4", "imp+reinit", "random:allocation=erk",
    ]  # fmt: skip
    assert method_of(choices[0]) == IMP(cycles=7, epochs=3)
    assert method_of(choices[1]).options == {"pop": 4}
    assert (choices[2].control, str(choices[2].base)) == ("reinit", "imp")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("inp", "unknown method 'inp'"),
        ("imp:cycle=3", "unknown option of imp 'cycle'"),
        ("imp:cycles=x", "cycles=x"),
        ("imp:cycles", "not of the form KEY=VALUE"),
        ("imp+reinti", "unknown control 'reinti'"),
        ("set+reinit", "has no controls"),
        ("lrr+reinit", "has no controls"),
        ("prospr:score=snip", "unknown option of prospr 'score'"),
        ("nets:seed=7", "unknown option of nets 'seed'"),
        ("nets:arch=mlp-10", "unknown option of nets 'arch'"),
        ("nets:popp=3", "unknown option of nets 'popp'"),
        ("nets:pop=x", "pop=x"),
        ("", "no `methods` given"),
    ],
)
def test_names_that_are_none(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        parse_all(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("imp:scope=layer", "no scope"),
        ("imp:cycles=0", "expected 1 or more"),
        ("imp:exact=no", "needs a number of cycles"),
        ("imp:rewind=999", "cannot rewind to step 999"),
        ("imp:rewind=-1", "step 0 or later"),
        ("imp:epochs=0", "0 epochs: expected 1 or more"),
        ("imp:iterations=0", "0 iterations: expected 1 or more"),
        ("imp:epochs=1,iterations=3", "give one"),
        ("imp:rewind_share=1", "a share from 0 on, and below 1"),
        ("lrr:scope=layer", "lrr: no scope"),
        ("lrr:rewind=999", "lrr: cannot rewind to step 999"),
        ("prospr:steps=-1", "0 or more steps"),
        ("prospr:lr=nan", "a rate above 0"),
        ("prospr:steps=99999", "10,000 at most"),
        ("rigl:every=0", "expected 2 or more steps"),
        ("rigl:fraction=1.5", "shares from 0 to 1"),
        ("set:until=inf", "shares from 0 to 1"),
        ("rigl:allocation=global", "uniform or erk"),
        ("gmp:every=0", "expected 1 or more steps"),
        ("gmp:start=0.7", "gmp: .* the first below the second"),
        ("gmp:allocation=layer", "unknown allocation 'layer'"),
        ("granet:init_density=0.05", "no less than the density asked for, 0.1"),
        ("granet:fraction=2", "expected a share from 0 to 1"),
        ("snfs:momentum=1", "from 0 to below 1"),
        ("snfs:allocation=global", "uniform or erk"),
        ("rigl-itop:every=0", "expected 2 or more steps"),
        ("random-paper:spread=-1", "expected 0 or more"),
        ("snip:samples=0", "expected 1 or more"),
        ("snip:rounds=0", "expected 1 or more"),
        ("nets:pop=2,elites=3", "`elites` 3, `pop` 2"),
    ],
)
def test_what_cannot_be_is_seen_before_anything_is_run(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        method_of(parse(text)).check(DIGITS, 0.1)


FREE = {"dense", "random", "random-erk", "random-paper", "magnitude"}


@pytest.mark.parametrize("name", sorted(METHODS.keys() - FREE))
def test_a_budget_of_next_to_nothing_is_refused_before_anything_is_run(name: str) -> None:
    method = method_of(parse(name))
    method.check(DIGITS, 0.3)
    if isinstance(method, SparseTraining) or name == "synflow":
        method.check(DIGITS, 0.3, Budget(forward_passes=1))  # no search, and none that sees data
    else:
        with pytest.raises(NetsError, match="budget"):
            method.check(DIGITS, 0.3, Budget(forward_passes=1))


def specs() -> st.SearchStrategy[MethodSpec]:
    """Any method with any of its options, of their types, and a control of its ticket."""

    numbers = {int: st.integers(1, 9), float: st.floats(0.001, 0.999), bool: st.booleans()}
    named = {
        "mutate": ["flip,prune", "noise:0.2"],
        "select": ["best", "tournament:tournsize=2"],
        "scope": ["global"],
    }
    named |= {"allocation": ["erk", [0.1, 0.2]], "sparsity": [0.5, [0.8, 0.5]], "growth": ["random"]}

    def values(key: str, kind: Any) -> st.SearchStrategy[Any] | None:
        if key in named:
            return st.sampled_from([v for v in named[key] if kind is not str or isinstance(v, str)])
        kinds = [kind, *get_args(kind), *(inner for one in get_args(kind) for inner in get_args(one))]
        return next((numbers[one] for one in kinds if one in numbers), None)

    def options(name: str) -> st.SearchStrategy[MethodSpec]:
        kind = METHODS[name].kind
        known = {key: values(key, of) for key, of in kind.option_types().items()}
        chosen = st.fixed_dictionaries({}, optional={key: of for key, of in known.items() if of is not None})
        controls = st.sampled_from(["", *CONTROLS]) if kind.gives_ticket else st.just("")
        return st.builds(lambda o, c: MethodSpec(name).with_options(o).controlled(c), chosen, controls)

    return st.sampled_from(list(METHODS)).flatmap(options)


def test_values_that_text_cannot_hold_become_such_that_it_can() -> None:
    spec = MethodSpec("nets").with_options({"mutate": "flip,prune-increase", "awaken": None})
    assert str(spec) == "nets:mutate=flip/prune-increase"
    assert parse(str(spec)) == spec
    spec = MethodSpec("weedout").with_options({"sparsity": [0.8, 0.5]})
    assert (parse(str(spec)), hash(spec)) == (spec, hash(parse(str(spec))))


@given(specs())
def test_what_is_written_of_a_method_is_read_as_the_same(spec: MethodSpec) -> None:
    assert parse(str(spec)) == spec
    assert parse_all(f"{spec},dense") == ((spec, MethodSpec("dense")) if str(spec) != "dense" else (spec,))


@pytest.mark.parametrize("path", sorted(RESULTS.rglob("trials.csv")), ids=lambda path: path.parent.name)
def test_methods_in_our_results_are_written_as_they_were(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        methods = {row["method"] for row in csv.DictReader(file)}
    assert {str(parse(method)) for method in methods} == methods
