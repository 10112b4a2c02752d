"""Learning rates over a training, against torch's schedulers and by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from nets_deap.problem.recipe import Recipe
from nets_deap.problem.schedule import SCHEDULES, parsed
from nets_deap.util.errors import NetsError

STEPS = 40
LR = 0.5


def torchs(make: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


THEIRS = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, 1.0),
    "multistep": lambda o: lr_scheduler.MultiStepLR(o, [20, 30], 0.1),
    "multistep:at=0.25/0.5/0.9,factor=0.2": lambda o: lr_scheduler.MultiStepLR(o, [10, 20, 36], 0.2),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "cosine:end=0.1": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, LR / 10),
    "linear": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, STEPS),
    "linear:end=0.2": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.2, STEPS),
}


@pytest.mark.parametrize("text", THEIRS)
def test_schedules_are_torchs(text: str) -> None:
    recipe = Recipe("sgd", LR, batch_size=10, epochs=4, schedule=text)
    assert recipe.steps(100) == STEPS
    ours = [recipe.rate(step, 100) for step in range(STEPS)]
    assert ours == pytest.approx(torchs(THEIRS[text]), abs=1e-12)


def test_one_cycle_is_torchs_but_for_its_end() -> None:
    # torch reaches the end in its last step, we after ours; its rise ends at step 41 · share − 1
    def theirs(optimizer: Any) -> Any:
        return lr_scheduler.OneCycleLR(optimizer, LR, total_steps=STEPS + 1, pct_start=21 / 41)

    recipe = Recipe("sgd", LR, iterations=STEPS, schedule="one-cycle:peak=0.5")
    ours = [recipe.rate(step, 100) for step in range(STEPS)]
    assert ours[20] == LR
    assert ours == pytest.approx(torchs(theirs), abs=1e-12)


def test_a_warm_up_in_epochs_and_as_a_share() -> None:
    for text in ("linear:warmup=1", "linear:warmup=0.25"):  # 10 of 40 steps
        recipe = Recipe("sgd", 1.0, batch_size=10, epochs=4, schedule=text)
        rates = [recipe.rate(step, 100) for step in range(STEPS)]
        assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
        assert rates[10:] == pytest.approx([1 - step / 30 for step in range(30)])


def test_a_warm_up_takes_half_of_a_training_at_most() -> None:
    recipe = Recipe("sgd", 1.0, iterations=4, schedule="constant:warmup=5")
    assert [recipe.rate(step, 600) for step in range(4)] == [0.5, 1, 1, 1]


@pytest.mark.parametrize("text", SCHEDULES)
def test_a_part_of_a_training_goes_on_in_its_schedule(text: str) -> None:
    whole = Recipe("sgd", LR, iterations=STEPS, schedule=f"{text}:warmup=0.1")
    part = whole.part(15, 25, 600)
    assert part.steps(600) == 25
    assert [part.rate(step, 600) for step in range(25)] == [whole.rate(step, 600) for step in range(15, 40)]


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "cosin": "did you mean 'cosine'",
        "cosine:at=0.5": "unknown argument of cosine 'at'",
        "multistep:at=2": "shares of the training, between 0 and 1",
        "cosine:end=-1": "end=-1: expected a number of 0 or more",
        "cosine:end=0.1/0.2": "expected a number of 0 or more",
        "linear:warmup=soon": "warmup=soon: expected a number of 0 or more",
        "one-cycle:peak=1": "shares of the training, between 0 and 1",
        "linear:warmup=inf": "expected a number of 0 or more",
    }.items(),
)
def test_bad_schedules_are_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(NetsError) as refused:
        parsed(text)
    assert told in str(refused.value)
