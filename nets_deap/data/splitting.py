"""Split samples in two. Whatever is trained on has every class, and validation too where it can.

Where targets are numbers, or a class at each place, what is called a class here is another kind of them;
`named` says so in messages.
"""

from __future__ import annotations

import warnings

import numpy as np

from nets_deap.util.errors import NetsError, NetsWarning

CLASSES, PARTS = "classes", "kinds of targets"


def stratified(y: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split indices in two, the second part of `size` samples; each class in proportion, if large enough."""
    from sklearn.model_selection import train_test_split

    classes = len(np.unique(y))
    if min(size, len(y) - size) < classes or np.bincount(y).min() < 2:
        order = np.random.default_rng(seed).permutation(len(y))
        return order[size:], order[:size]
    rest, chosen = train_test_split(np.arange(len(y)), test_size=size, stratify=y, random_state=seed)
    return rest, chosen


def subset(y: np.ndarray, limit: int, seed: int, named: str = CLASSES) -> np.ndarray:
    """Indices of `limit` samples with every class among them. Raises NetsError if those are too few."""
    classes = len(np.unique(y))
    if limit < classes:
        raise NetsError(
            f"`data_limit` {limit} is less than a sample for each of {classes} {named}: allow more"
        )
    rest, chosen = stratified(y, limit, seed)
    _give(y, rest, chosen)
    return chosen


def apart(
    y: np.ndarray, share: float, seed: int, what: str, named: str = CLASSES
) -> tuple[np.ndarray, np.ndarray]:
    """Indices that stay, and of a share that is set apart; what: the share, for messages."""
    if not 0 < share < 1:
        raise NetsError(f"`{what}` {share:g}: expected a share between 0 and 1")
    size = round(share * len(y))
    if not 0 < size < len(y):
        raise NetsError(f"`{what}` {share:g} of {len(y)} samples leaves a part empty: take another share")
    if len(y) - size < (classes := len(np.unique(y))):
        raise NetsError(f"`{what}` {share:g} leaves {len(y) - size} samples for {classes} {named}: give more")
    rest, chosen = stratified(y, size, seed)
    _give(y, chosen, rest)
    return rest, chosen


def for_validation(
    y: np.ndarray, share: float, seed: int, named: str = CLASSES
) -> tuple[np.ndarray, np.ndarray]:
    """Indices for training, with every class among them, and for validation.

    Every class of two samples or more is in the validation part too, if that is large enough. Warns of
    classes that it lacks. Raises NetsError if there is nothing left for one of
    the parts.
    """
    size = round(share * len(y))
    if not 0 < size < len(y):
        raise NetsError(f"{len(y)} training samples cannot spare {share:.1%} for validation: too few")
    if len(y) - size < (classes := len(np.unique(y))):
        raise NetsError(
            f"a `validation` share of {share:.1%} leaves {len(y) - size} training samples for "
            f"{classes} {named}: take a smaller one"
        )
    train, validation = stratified(y, size, seed)
    _give(y, validation, train)
    _give(y, train, validation, leave=1)
    if named == CLASSES and (lacking := np.setdiff1d(y, y[validation]).tolist()):
        some = ", ".join(map(str, lacking[:10])) + ", …" * (len(lacking) > 10)
        warnings.warn(
            f"the {size} validation samples lack {len(lacking)} of {classes} classes ({some})",
            NetsWarning,
            stacklevel=3,
        )
    return train, validation


def _give(y: np.ndarray, giver: np.ndarray, taker: np.ndarray, leave: int = 0) -> None:
    """Swap samples, in place, until the taker has every class of which the giver has more than `leave`.

    The taker gives back of the class that it has most of, and keeps one of each. A split that already has
    every class does not change.
    """
    counts = np.bincount(y[taker], minlength=int(y.max()) + 1)
    for label in np.setdiff1d(y[giver], y[taker]):
        places = np.flatnonzero(y[giver] == label)
        commonest = int(counts.argmax())
        if len(places) <= leave or counts[commonest] < 2:
            continue
        given, back = places[0], np.flatnonzero(y[taker] == commonest)[0]
        giver[given], taker[back] = taker[back], giver[given]
        counts[label] += 1
        counts[commonest] -= 1
