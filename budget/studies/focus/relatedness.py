"""How related the tasks of a set are: from its pairs, or else from its own curves.

By pairs it is the mean of what two of its tasks save each other (``sharing_effects.pair_effects``), which all runs tell
together. Where they do not, it is what its partners' tokens are worth to a task: a shared model of K tasks reaches on a
task what a specialist of the same size reaches on D' of its own tokens, where the shared one saw D. Were the partners'
tokens as good as the task's own, D' would be K·D; were they worth nothing, and no harm, it would be D. So ln(D'/D)/ln K
is 1 for copies, 0 for strangers, and negative for tasks in each other's way. It is read at the largest size that both
were measured at, where sharing the model costs least, and so says little of the number of tasks itself.

See docs/decisions/139-breadth-by-relatedness.md.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from budget.curves.curves import Curves
from budget.curves.steady import PREDICTED
from budget.studies.strategies.strategy_curves import StrategyCurves

PAIRS, TOKENS = "pairs", "tokens"
"""What relatedness was read off."""

HALVINGS = 24
"""Steps by which D' is found: to a 1e-7 of its range."""


def tokens_worth(specialists: StrategyCurves, shared: StrategyCurves) -> np.ndarray | None:
    """What partners' tokens are worth to each task of a shared model, in every draw.

    Args:
        specialists: of at least the shared model's tasks.
        shared: one model of K tasks.

    Returns:
        (B, K) from −1 to 1; ``None`` where a law does not read tokens, or tasks have no draws.
    """
    # levels are compared, which the predictions tell better than curves steadied for splitting a budget
    curves, alone = (each.curves.planned_on(PREDICTED) for each in (shared, specialists))
    count = len(shared.tasks)
    columns = curves.scale_columns
    if "tokens" not in columns or alone.scale_columns != columns or not len(curves.draws) or not len(alone.draws):
        return None
    at, every = np.array([specialists.tasks.index(name) for name in shared.tasks]), np.arange(count)
    tokens, own = columns.index("tokens"), np.empty((count, len(columns)))
    for place, name in enumerate(columns):
        own[:, place] = np.log(np.minimum(curves.largest[name], alone.largest[name][at]))
    own[:, tokens] = (np.log(curves.largest["tokens"]) + np.log(curves.smallest["tokens"])) / 2 - np.log(count)
    whole = own.copy()
    whole[:, tokens] += np.log(count)  # a shared model's tokens are those of all its tasks
    draws = min(len(curves.draws), len(alone.draws))
    reached = curves.distance_draws(every, whole)[:draws]
    low, high = np.full((draws, count), -1.0), np.full((draws, count), 1.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = _alone(alone, at, own, tokens, middle * np.log(count)) <= reached
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _alone(curves: Curves, at: np.ndarray, own: np.ndarray, tokens: int, more: np.ndarray) -> np.ndarray:
    """Distances (B, K) of specialists with so much more (B, K) in ln tokens, each in its own draw."""
    draws, count = more.shape
    inputs = np.repeat(own[None], draws, axis=0)
    inputs[..., tokens] += more
    shifted = inputs - np.log(curves.reference[at])
    theta = curves.draws[:draws][:, at]
    return np.asarray(curves.form.value(theta, shifted)).reshape(draws, count)


def relatedness(specialists: StrategyCurves, shared: Sequence[StrategyCurves]) -> np.ndarray | None:
    """How related a set is, in every draw (B,): the mean over its tasks, by the strategy that makes most of partners.

    ``None`` where no shared model of the set tells.
    """
    found = [worth.mean(axis=1) for each in shared if (worth := tokens_worth(specialists, each)) is not None]
    if not found:
        return None
    draws = min(len(each) for each in found)
    stacked = np.array([each[:draws] for each in found])
    return stacked[int(stacked.mean(axis=1).argmax())]


def related_by_pairs(names: Sequence[str], pairs: Mapping[frozenset[str], np.ndarray]) -> np.ndarray | None:
    """The same by what pairs save each other, in every draw (B,); ``None`` where two of the set never met."""
    mine = [pairs.get(frozenset(pair)) for pair in combinations(names, 2)]
    known = [each for each in mine if each is not None]
    return np.mean(known, axis=0) if known and len(known) == len(mine) else None
