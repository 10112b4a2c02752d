from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch import Tensor, nn

from nets_deap import TicketClassifier, TicketRegressor

ESTIMATORS = TicketClassifier, TicketRegressor
QUICK = {"method": "snip", "epochs": 60, "lr": 0.02}


def checks(estimators: list[Any]) -> list[Any]:
    return [
        pytest.param(
            estimator, check, id=f"{type(estimator).__name__}-{getattr(check, 'func', check).__name__}-{i}"
        )
        for estimator in estimators
        for i, (estimator, check) in enumerate(estimator_checks_generator(estimator))
    ]


@pytest.mark.parametrize(
    ("estimator", "check"), checks([TicketClassifier(**QUICK), TicketRegressor(**QUICK)])
)
def test_scikit_learns_own_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), checks([kind() for kind in ESTIMATORS]))
def test_they_pass_with_the_default_search_too(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_is_sparse_and_learns() -> None:
    x, y = load_wine(return_X_y=True)
    fitted = TicketClassifier(density=0.1, **QUICK).fit(x, y)
    assert fitted.ticket_.density == pytest.approx(0.1, abs=1e-3)
    assert fitted.score(x, y) > 0.95
    assert fitted.predict_proba(x).sum(axis=1) == pytest.approx(np.ones(len(x)))
    weights = dict(fitted.module_.named_parameters())
    for name, (_, mask) in zip(
        fitted.ticket_.architecture.parameters, fitted.ticket_.layout.split(fitted.ticket_.mask), strict=True
    ):
        assert not weights[name].detach().numpy()[~mask].any()
    assert cross_val_score(clone(fitted), x, y, cv=3).mean() > 0.9


def test_a_network_of_ones_own_and_numbers_to_predict() -> None:
    x, y = load_diabetes(return_X_y=True)
    model = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 1))
    fitted = TicketRegressor(density=0.3, model=model, random_state=3, **QUICK).fit(x, y)
    assert fitted.score(x, y) > 0.4
    again = TicketRegressor(density=0.3, model=model, random_state=3, **QUICK).fit(x, y)
    assert (fitted.predict(x) == again.predict(x)).all()


class Constant(nn.Module):
    """It computes in float32 alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.factor = nn.Linear(13, 3), torch.full((3, 3), 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ self.factor


def test_a_network_that_computes_in_float32_alone() -> None:
    x, y = load_wine(return_X_y=True)
    fitted = TicketClassifier(density=0.5, model=Constant, **QUICK).fit(x, y)
    assert fitted.predict_proba(x).sum(axis=1) == pytest.approx(np.ones(len(x)))
