"""The best choice of models by branch and bound, every node bounded by a Lagrangian relaxation.

A node has models that are built and others that may still be: one of these is built in one child and left out in the
other (Land & Doig 1960). Building a model caps what each task can cost, which raises the bound far more than any row of
the linear program does; so few nodes need to be looked at even where the linear program is far from the optimum.

See docs/decisions/160-portfolio-by-branch-and-bound.md.
"""

import heapq
import itertools
import time
from dataclasses import dataclass, replace

import numpy as np

from budget.portfolio.lagrangian_bound import Dual, Remaining, ascend, whole
from budget.portfolio.portfolio_problem import Selection

NODE_STEPS = 60
"""Subgradient steps a node at most: prices begin at the parent's, which are nearly right."""

NODE_IDLE_STEPS = 6
"""Steps of a node without a better bound after which its step size is cut."""

NODE_LEAST_LENGTH = 0.02
"""Share of Polyak's step at which a node's steps stop."""

MARGIN = 0.02
"""Share of the best value by which a node's steps aim beyond it, so that they can pass it."""

MAX_OPEN_NUMBERS = 100_000_000
"""Numbers that open nodes may hold together (800 MB); beyond, the search stops as if the time were over."""


@dataclass(frozen=True)
class Searched:
    """Where the search ended.

    Attributes:
        built: (M,) the best choice's models.
        bound: no choice has a smaller sum of coefficients.
        ended: whether the whole tree was looked at.
    """

    built: np.ndarray
    bound: float
    ended: bool


@dataclass(frozen=True)
class _Node:
    """A subtree: some of ``models`` may be added to ``built``, positions of both; the rest is a ``Remaining``'s."""

    built: tuple[int, ...]
    models: np.ndarray
    served: np.ndarray
    room: float
    most: float
    dual: Dual

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return 2 * (len(self.models) + len(self.served))


def branch_and_bound(
    problem: Selection, coefficient: np.ndarray, built: np.ndarray, root: Dual, tolerance: float, deadline: float
) -> Searched:
    """Search all choices of models, the most promising first.

    Args:
        problem: the stated problem; its objective is not read.
        coefficient: (P,) what choosing a pair adds.
        built: (M,) models of a choice that serves every task.
        root: the bound of the whole problem.
        tolerance: difference of two sums within which neither is better.
        deadline: ``time.monotonic()`` at which to stop.
    """
    everything = whole(problem, coefficient)
    best, least = built, float(everything.table[built].min(axis=0).sum())
    number = itertools.count()  # equal bounds in the order in which they were found
    first = _Node((), everything.models, everything.served, everything.room, everything.most, root)
    heap, stored = [(root.bound, next(number), first)], first.size
    while heap and heap[0][0] < least - tolerance and time.monotonic() < deadline and stored < MAX_OPEN_NUMBERS:
        bound, _, node = heapq.heappop(heap)
        stored -= node.size
        # a better choice may have been found since the node was made: more models can be ruled out
        open_models = np.flatnonzero(node.dual.bound + np.maximum(node.dual.reduced, 0) < least - tolerance)
        if len(open_models) == 0:
            continue
        left = everything.take(node.models[open_models])
        left = replace(left, served=node.served, room=node.room, most=node.most)
        at = _branching_model(left, node.dual)
        with_model = left.build(at)
        grown = (*node.built, int(left.models[at]))
        if with_model.served.sum() < least:
            mask = np.zeros(len(built), dtype=bool)
            mask[[*grown]] = True
            # room was counted down model by model, which rounds: the sum decides
            if problem.is_allowed(mask):
                best, least = mask, float(with_model.served.sum())
        for names, child in ((grown, with_model), (node.built, left.leave_out(at))):
            if len(child.models) == 0:
                continue  # nothing to add, and what is built has been looked at
            dual = ascend(
                child,
                node.dual.price,
                node.dual.count_price,
                least,
                steps=NODE_STEPS,
                idle_steps=NODE_IDLE_STEPS,
                least_length=NODE_LEAST_LENGTH,
                margin=MARGIN * abs(least),
            )
            # a child is never better than its parent; few steps from the parent's prices may fall short of that
            lower = max(bound, dual.bound)
            if lower < least - tolerance:
                added = _Node(names, child.models, child.served, child.room, child.most, dual)
                heapq.heappush(heap, (lower, next(number), added))
                stored += added.size
    open_bound = heap[0][0] if heap else np.inf
    return Searched(best, min(open_bound, least - tolerance), open_bound >= least - tolerance)


def _branching_model(left: Remaining, dual: Dual) -> int:
    """The model that the prices favour most by its cost: where one child soon finds good choices, the other a bound."""
    gain = np.minimum(left.table - dual.price, 0).sum(axis=1) + dual.count_price * left.counts
    with np.errstate(divide="ignore", invalid="ignore"):
        # a model for nothing that gains nothing is 0/0, the last to be tried
        return int(np.nan_to_num(gain / left.cost, nan=0.0, neginf=-np.inf, posinf=np.inf).argmin())
