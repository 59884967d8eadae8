"""A division of the tasks among models: what every way to find one gives."""

from dataclasses import dataclass

import numpy as np

MOST_DIVISIONS = 60
"""Divisions whose budget is split exactly before a search ends with the gap that it has."""

SAME = 1e-7
"""Relative difference from which a division counts as better than another."""


@dataclass(frozen=True)
class Sharing:
    """The models, what each takes and how it is trained.

    Attributes:
        cover: positions of the blocks that are models, rising.
        idle: positions of the tasks that are given nothing.
        spend: (V,) of the models.
        u: (V, I) their log inputs.
        value: what is made small, by the curves that plans are made on.
        bound: no division, with any spends, has a smaller one; minus infinity where that is not proven.
        compared: divisions whose budget was split.
    """

    cover: tuple[int, ...]
    idle: tuple[int, ...]
    spend: np.ndarray
    u: np.ndarray
    value: float
    bound: float
    compared: int


def topped_up(spend: np.ndarray, room: np.ndarray, left: float) -> np.ndarray:
    """Spends (V,) and what is left of a budget: each model gets the same part of its room (V,), at most all of it."""
    whole = room.sum()
    return np.asarray(spend + room * (min(1.0, left / whole) if whole > 0 else 0.0))


def parted(cover: tuple[int, ...], models: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The models of a division, and the tasks that it gives nothing, which stand behind the models."""
    return tuple(each for each in cover if each < models), tuple(each - models for each in cover if each >= models)
