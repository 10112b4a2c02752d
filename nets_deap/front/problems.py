"""A network, data, a loss and a recipe of the user's own, as a problem."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

from nets_deap.config.base import RecipeSettings
from nets_deap.config.layers import validate
from nets_deap.data.dataset import Data
from nets_deap.models.catalogue import is_of_the_papers
from nets_deap.models.initialisers import MODULE
from nets_deap.models.losses import OF_NUMBERS, Loss
from nets_deap.models.metrics import Metric
from nets_deap.models.prunable import Predicate
from nets_deap.models.registry import Model
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.util import devices, imports
from nets_deap.util.errors import NetsError, shortened, unknown

# Adam at this rate trains most networks; 20 epochs are what commands take, too.
RECIPE = Recipe("adam", lr=1.2e-3, batch_size=60, epochs=20)


def problem_of(
    model: Any,
    data: Any = None,
    *,
    loss: str | Loss | Callable[..., Any] | None = None,
    metric: str | Metric | Callable[..., Any] | tuple[Callable[..., Any], str] | None = None,
    recipe: Recipe | Mapping[str, Any] | None = None,
    init: str | None = None,
    prunable: str | Predicate | None = None,
    validation: Any = 0.1,
    data_dir: str = "data",
    device: str | None = None,
) -> Problem:
    """A problem from what a user has.

    model: a factory of a `torch.nn.Module`, an instance, or a name; or a `Problem`, which has all the rest
    data: `Data`, what `Data.of` takes, or the name of a data set
    loss: a name, or a function of (outputs [n, …], targets [n, …]) that returns [n] losses
    metric: a name, or a function of all outputs and targets that returns a number; (function, "least") where
        less is better
    recipe: a `Recipe`, or those of its fields that differ from RECIPE
    init: initial weights; by default what the network's factory draws, for networks of the papers "glorot"
    prunable: says by (name, parameter) which parameters are prunable; "embeddings": what has two dimensions
    validation: the share of the training samples that is set apart for validation, or (x, y) for arrays
    device: where networks are trained: cpu, which is the default, cuda or auto

    Raises NetsError, in one line, for whatever does not fit together.
    """
    expect("device", device, "a name", str, functions=False)
    devices.check(device or "cpu")
    if isinstance(model, Problem):
        given_too = (data, loss, metric, recipe, init, prunable)
        if any(each is not None for each in given_too):
            raise NetsError(
                "a Problem has its own data, loss, metric, recipe, init and prunable: leave them out"
            )
        return replace(model, device=device) if device else model
    if data is None:
        raise NetsError("there are no data: pass (x, y), a torch data set, or the name of a data set")
    a_function = "a name, or a function"
    expect("loss", loss, a_function, str, Loss)
    expect("metric", metric, a_function, str, Metric, tuple)
    expect("prunable", prunable, a_function, str)
    expect("init", init, "a name", str, functions=False)
    network = Model.of(model)
    if isinstance(data, str | Data):
        expect("validation", validation, "a share of the training samples", Real, functions=False)
        given: str | Data = data
    else:
        given = Data.of(data, validation=validation, numbers=_of_numbers(loss))
    papers = isinstance(network, str) and is_of_the_papers(network)
    made = Problem(
        given,
        network,
        _recipe(recipe),
        init or ("glorot" if papers else MODULE),
        data_dir,
        validation=float(validation) if isinstance(validation, Real) else 0.0,
        loss=_loss(loss),
        metric=_metric(metric),
        prunable=prunable,
        device=device or "cpu",
    )
    _ = made.recipe.descent, made.recipe.constant, made.architecture  # raise NetsError for what does not fit
    return made


def given_problem(model: Any, data: Any, more: Mapping[str, Any]) -> Problem:
    """`problem_of` for a verb that hands keywords over. Raises NetsError for one that nobody takes."""
    known = list(inspect.signature(problem_of).parameters)
    for name in more:
        if name not in known:
            told = unknown("argument", name, known[2:])
            raise NetsError(f"{told}; options of a method stand in its name: method='nets:pop=1,gens=9'")
    return problem_of(model, data, **more)


def _of_numbers(loss: object) -> bool:
    """Is a loss one of numbers, whatever the targets look like?"""
    return isinstance(loss, str | Loss) and str(loss).partition(":")[0] in OF_NUMBERS


def expect(name: str, value: object, what: str, *kinds: type, functions: bool = True) -> None:
    """Raise NetsError for an argument of another kind; None, and functions where they may be, are right."""
    if value is None or (isinstance(value, kinds) and not isinstance(value, bool)):
        return
    if not (functions and callable(value)):
        raise NetsError(f"`{name}` {shortened(repr(value), 80)}: expected {what}")


def _recipe(told: Recipe | Mapping[str, Any] | None) -> Recipe:
    if not isinstance(told, Recipe):
        expect("recipe", told, "a Recipe, or a dictionary of its fields", Mapping, functions=False)
        known = sorted(RecipeSettings.model_fields)
        for name in told or {}:
            if name not in known:
                raise unknown("field of a recipe", str(name), known)
        told = replace(RECIPE, **(told or {}))
    values = {name: getattr(told, name) for name in RecipeSettings.model_fields}
    validate(RecipeSettings, {name: value for name, value in values.items() if not callable(value)})
    return told


def _loss(told: str | Loss | Callable[..., Any] | None) -> str | Loss | None:
    return (
        Loss(imports.name_of(told), function=told) if callable(told) and not isinstance(told, Loss) else told
    )


def _metric(told: Any) -> str | Metric | None:
    if isinstance(told, tuple):
        function, which = told
        if which not in ("greatest", "least"):
            raise unknown("direction of a metric", which, ("greatest", "least"))
        return Metric(imports.name_of(function), function, which == "greatest")
    if callable(told) and not isinstance(told, Metric):
        return Metric(imports.name_of(told), told)
    return told
