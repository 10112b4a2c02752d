"""Sparse networks as estimators of scikit-learn: found by any search method, trained, and ready to
predict.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from nets_deap.data.dataset import Data
from nets_deap.front.find import find_ticket
from nets_deap.front.problems import problem_of
from nets_deap.models.plain import apply
from nets_deap.problem.recipe import Recipe
from nets_deap.training import final

LEAST = 50  # samples, below which training samples serve as validation samples, too


class _Ticket(BaseEstimator):
    """What both estimators share.

    density: share of the weights that stays
    method: the search, as on the command line
    model: a factory of a `torch.nn.Module`, an instance, or a name; None is a perceptron with `hidden` units
    epochs, lr, batch_size: of the training to the end, with Adam; a search may take shorter ones
    validation: share of the samples that decides in the search, and when to stop the training

    After `fit`: `ticket_`, the sparse initialisation; `module_`, the trained network; `training_`, a table
    Samples are standardised, column by column.
    """

    def __init__(
        self,
        density: float = 0.05,
        *,
        method: str = "imp:epochs=20",
        model: Any = None,
        hidden: tuple[int, ...] = (100, 100),
        epochs: int = 100,
        lr: float = 5e-3,
        batch_size: int = 60,
        validation: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.density = density
        self.method = method
        self.model = model
        self.hidden = hidden
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.validation = validation
        self.random_state = random_state

    def _fit(self, x: np.ndarray, y: np.ndarray, outputs: int, loss: str) -> None:
        seed = self._seed()
        self.mean_, self.scale_ = x.mean(axis=0), x.std(axis=0)
        self.scale_[self.scale_ < 1e-12] = 1
        pair = (self._scaled(x), y)
        if len(x) < LEAST:
            data = Data.of({"train": pair, "validation": pair, "test": pair})
        else:
            data = Data.of(pair, validation=self.validation, test_share=0)
        model = self.model
        if model is None:
            widths = "-".join(map(str, (x.shape[1], *self.hidden, outputs)))
            model = f"mlp:{widths},bias=yes"
        recipe = Recipe("adam", lr=self.lr, batch_size=self.batch_size, epochs=self.epochs)
        problem = problem_of(model, data, recipe=recipe, loss=loss)
        self.ticket_ = find_ticket(problem, None, self.density, self.method, seed=seed, show=False)
        run = final.train_ticket(self.ticket_, problem, seed, track_test=False)
        architecture = problem.architecture
        module = architecture.module()
        apply(module, architecture, run.early_stop_weights, self.ticket_.mask, run.early_stop_extras)
        self.module_ = _in_float64(module.eval(), pair[0][:1])
        self.training_ = run.frame

    def _seed(self) -> int:
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31))
        return 1 if self.random_state is None else int(self.random_state)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean_) / self.scale_

    def _outputs(self, x: Any) -> np.ndarray:
        check_is_fitted(self)
        x = self._scaled(validate_data(self, x, reset=False, dtype=np.float64))
        kind = next(self.module_.parameters()).dtype
        with torch.no_grad():
            return np.asarray(self.module_(torch.from_numpy(x).to(kind)).double().numpy())


def _in_float64(module: nn.Module, x: np.ndarray) -> nn.Module:
    """The module in float64, so that a prediction does not depend on the others that are made with it; as it
    is if it computes in float32 alone. x: [1, columns]"""
    exact = copy.deepcopy(module).double()
    try:
        with torch.no_grad():
            exact(torch.from_numpy(x))
    except (RuntimeError, TypeError):
        return module
    return exact


class TicketClassifier(ClassifierMixin, _Ticket):
    """A sparse network that tells classes apart; see `_Ticket` for its parameters.

    >>> TicketClassifier(density=0.05).fit(X, y).predict(X)  # doctest: +SKIP
    """

    def fit(self, X: Any, y: Any) -> TicketClassifier:
        """X: [n, columns]; y: [n], classes of any names. Raises ValueError as scikit-learn's estimators
        do.
        """
        x, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("TicketClassifier needs samples of two classes, and there is one class only")
        self._fit(x, places.astype(np.int64), len(self.classes_), "cross-entropy")
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """float64[n, classes]: the probability of each class."""
        outputs = self._outputs(X)
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sample, [n]."""
        places = self._outputs(X).argmax(axis=1)  # says first whether it is fitted
        return np.asarray(self.classes_[places])


class TicketRegressor(RegressorMixin, _Ticket):
    """A sparse network that predicts numbers, which are standardised in training; see `_Ticket`."""

    def fit(self, X: Any, y: Any) -> TicketRegressor:
        """X: [n, columns]; y: [n]. Raises ValueError as scikit-learn's estimators do."""
        x, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        y = y.astype(np.float64)
        self.level_, self.spread_ = y.mean(), y.std() or 1.0
        self._fit(x, ((y - self.level_) / self.spread_).astype(np.float32), 1, "mse")
        return self

    def predict(self, X: Any) -> np.ndarray:
        """float64[n]"""
        return self._outputs(X).reshape(-1) * self.spread_ + self.level_
