"""What the interior points share: slacks with their multipliers, and Mehrotra's step (1992).

Each limit ``g ≤ 0`` has a slack ``s > 0`` with ``g + s = 0`` and a multiplier ``z > 0``, and along the central path
every product ``s·z`` is the same small number (Boyd & Vandenberghe 2004, section 11.7). A step first predicts how far
the products can fall, then aims for as much of the middle as that needs, less what the prediction's own products add.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

SHARE_TO_EDGE = 0.995
"""Share of the way to the nearest slack or multiplier of 0 that a step may go (Mehrotra 1992)."""

FIRST_PRODUCT = 0.1
"""First sum of the products of slacks and multipliers, relative to the reducible objective; and first least slack."""

MAX_IDLE_STEPS = 8
"""Steps without progress after which they are cut: under repeated data full steps may jump to and fro for ever."""


@dataclass(frozen=True)
class Pair:
    """The slacks of a kind of limits and their multipliers, both positive, of one shape, or the steps of both.

    The first axis is that of Q problems, where there are many.
    """

    slack: np.ndarray
    price: np.ndarray

    @classmethod
    def first(cls, left: np.ndarray, price: np.ndarray | float, product: float) -> "Pair":
        """Where a path begins: slacks as ``left`` has them but not below ``FIRST_PRODUCT``, products not below this.

        The start need not fit the limits, and what is missing is made up on the way; but from slacks near 0 a path
        would begin on the boundary, where steps are cut to nothing.
        """
        slack = np.maximum(left, FIRST_PRODUCT)
        wanted = np.broadcast_to(np.asarray(price, dtype=float), slack.shape)
        return cls(slack, np.maximum(wanted, product / slack))

    def moved(self, step: "Pair", length: np.ndarray) -> "Pair":
        """After a step of these lengths: (Q,), or one number of a single problem."""
        along = _along(length, self.slack)
        return Pair(self.slack + along * step.slack, self.price + along * step.price)

    def product(self, axes: int) -> np.ndarray:
        """Sums of the products, of problems along the first ``axes`` axes."""
        return _flat(self.slack * self.price, axes).sum(axis=-1)

    def reach(self, step: "Pair", axes: int) -> np.ndarray:
        """The longest steps at which nothing turns negative."""
        falls = np.concatenate([_flat(-step.slack / self.slack, axes), _flat(-step.price / self.price, axes)], axis=-1)
        return 1 / np.maximum(falls.max(axis=-1, initial=0.0), 1e-30)

    def step_of_price(self, price_step: np.ndarray, target: np.ndarray) -> "Pair":
        """Both steps toward products of these sizes, where the multiplier's is known."""
        # (slack + ds)·(price + dp) = target to first order, solved for ds
        return Pair(target / self.price - self.slack * (1 + price_step / self.price), price_step)

    def step_of_move(self, left: np.ndarray, move: np.ndarray, target: np.ndarray) -> "Pair":
        """Both steps toward products of these sizes, where the left side is ``left`` and changes by ``move``."""
        # the limit itself, linearized, gives ds; the product's first order then gives dp
        slack_step = -(left + self.slack) - move
        return Pair(slack_step, (target - self.price * slack_step) / self.slack - self.price)

    def price_at_rest(self, left: np.ndarray, target: np.ndarray) -> np.ndarray:
        """What the multiplier would be after the step if the left side did not move."""
        return (target + self.price * left) / self.slack + self.price


class Step(Protocol):
    """A step of everything, of which here only the pairs count."""

    @property
    def pairs(self) -> Sequence[Pair]:
        """Steps of slacks and multipliers."""


StepT = TypeVar("StepT", bound=Step)


def predict_and_correct(
    pairs: Sequence[Pair], solve: Callable[[list[np.ndarray]], StepT], *, axes: int
) -> tuple[StepT, np.ndarray, np.ndarray]:
    """One step of many problems, or of one.

    Args:
        pairs: where the limits are.
        solve: the step toward products of these sizes, an array for each of ``pairs``; called twice.
        axes: how many of the first axes are those of problems, 1 or, for a single problem, 0.

    Returns:
        The step, how long it may be, at most 1, and the sum of the products before it; the last two of each problem.
    """
    count = sum(_flat(pair.slack, axes).shape[-1] for pair in pairs)
    here = np.sum([pair.product(axes) for pair in pairs], axis=0)
    # predict: toward products of 0; how far that gets says how much of the centring is needed
    ahead = solve([np.zeros_like(pair.slack) for pair in pairs])
    reach = np.minimum(1.0, _reach(pairs, ahead, axes))
    there = np.sum(
        [pair.moved(step, reach).product(axes) for pair, step in zip(pairs, ahead.pairs, strict=True)], axis=0
    )
    # correct: aim for the share σ = (there/here)³ of the mean product (Nocedal & Wright 2006, section 14.2), less the
    # prediction's own products: near the boundary the path is bent and must be kept to. Both solves share one matrix
    target = np.maximum(there / here, 0.0) ** 3 * here / count
    step = solve([_along(target, each.slack) - each.slack * each.price for each in ahead.pairs])
    # one length for slacks and multipliers: curves bend, so the multipliers' equation hangs on the inputs' step too
    return step, np.minimum(1.0, SHARE_TO_EDGE * _reach(pairs, step, axes)), here


def _reach(pairs: Sequence[Pair], step: Step, axes: int) -> np.ndarray:
    """The longest step of each problem at which every slack and multiplier stays positive."""
    return np.min([pair.reach(each, axes) for pair, each in zip(pairs, step.pairs, strict=True)], axis=0)


def _along(number: np.ndarray, array: np.ndarray) -> np.ndarray:
    """A number of each problem, with as many axes as an array of them."""
    return np.reshape(number, (*np.shape(number), *[1] * (array.ndim - np.ndim(number))))


def _flat(array: np.ndarray, axes: int) -> np.ndarray:
    return array.reshape(*array.shape[:axes], -1)
