"""What rows and values in files must have for a page; they may have more."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from nets_deap.util.schema import Number, Text, Whole


class Told(BaseModel):
    """verdict.json, as far as it is shown."""

    verdict: Text
    conditions: dict[Text, bool | None]
    seeds: int


class Generation(BaseModel):
    """A row of an evolution's logbook, as far as a page needs it."""

    gen: Whole
    nevals: Whole
    gradient_steps: Whole = 0
    fitness_min: Number
    elapsed_s: Number


class Epoch(BaseModel):
    """The same of a training."""

    epoch: Number
    val_loss: Number


class Birth(BaseModel):
    """A row of lineage.csv."""

    generation: Whole
    by: Text
    fitness: Number
    val_loss: Number
    density: Number
    number: Whole
    parent: Number
    mate: Number


class Survival(BaseModel):
    """A row of survival.csv."""

    operator: Text
    born: Annotated[Whole, Field(gt=0)]
    survived: Annotated[Whole, Field(ge=0)]


class Point(BaseModel):
    """A row of front.csv, of a front of loss and density."""

    ticket: Text
    density: Number
    val_loss: Number
    val_acc: Number


class UntrainedPoint(Point):
    """The same of a front of the loss after and before the training."""

    untrained_loss: Number
    untrained_acc: Number
