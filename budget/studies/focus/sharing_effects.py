"""What sharing a model does to each task at equal compute: one regression over all strategies, sets and scales.

The logarithm of a task's distance to best is a surface of the task's own over size and tokens and, in a shared model,
further planes over both: of sharing at all, of the strategy, of the task, of the number of tasks, of the set, of each
pair of tasks, and of these together. All are small and drawn about zero (partial pooling), so that a set with few runs
leans on the others, and one that nobody measured has the others' mean, what is known of its pairs, and their whole
spread. Everything is normal, and the posterior exact.

See docs/decisions/141-who-leads-by-all-runs.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from budget.tables.checks.best_values import score_ceilings
from budget.tables.runs import Runs
from budget.tables.strategy_runs import SPECIALIST

TASK = (1.0, 0.3, 0.3, 0.1, 0.1, 0.1)
"""Prior deviations of a task's own surface: level, slopes in size and tokens, their squares and product.

All scales are natural logarithms, so that a slope of .3 is the exponent of a steep law."""

BEND = 0.03
"""Prior deviation of a task's surface from its own quadratic at one scale, common to all strategies there."""

BIN = 0.3
"""Width of what counts as one scale, in ln size and ln tokens."""

COMMON = (1.0, 0.3, 0.3)
"""Of what all tasks have in common: level and slopes."""

EFFECTS = {
    "sharing": (0.1, 0.01, 0.01),
    "strategy": (0.05, 0.005, 0.005),
    "task": (0.05, 0.005, 0.005),
    "tasks": (0.05, 0.01, 0.01),
    "strategy and tasks": (0.03, 0.005, 0.005),
    "set": (0.1, 0.003, 0.003),
    "set and strategy": (0.03, 0.002, 0.002),
    "set and task": (0.03, 0.0015, 0.0015),
    "set, strategy and task": (0.03, 0.003, 0.003),
}
"""Prior deviations of the effects of sharing: level, and slopes in size and tokens; those of ``tasks`` a doubling of
their number. Slopes are small beside levels, for who leads by how much moves slowly with scale: three times as large,
the winner was named less often on half of the project's own sets. What a set does to one of its tasks beyond its pairs
is as small as the marginal likelihood of either half of these sets has it (.023 and .047)."""

PAIR = 0.1
"""Prior deviation of what two tasks do to each other in a model of two; a task's partners count by 1/√(K − 1) each."""

CROWDING = 0.01
"""By how much a doubling of the number of tasks costs more for each unit of ln tokens, and less for each of ln size.

A shared model of one size has less room a task, which tells the more the more data there is to learn from, and the less
the larger the model; the prior mean of ``tasks``, which runs at several scales override."""

DRIFT = 0.005
"""Relative deviation by which a run says less of the largest runs, for each unit of ln FLOPs that it is smaller."""

LEAST_NOISE = 0.003
"""Least relative deviation of a run from its surface that is believed."""


@dataclass(frozen=True)
class Served:
    """R measurements of tasks under strategies, or as many that are asked about.

    Attributes:
        task: (R,) names.
        strategy: (R,) names; that of specialists is ``SPECIALIST[0]``.
        members: (R,) the tasks that the row's model serves; the task alone for specialists.
        size: (R,) ln FLOPs per token: how large the model is, at equal compute for all strategies.
        tokens: (R,) ln tokens of the task itself, or its compute where a file has one scale only.
    """

    task: np.ndarray
    strategy: np.ndarray
    members: tuple[tuple[str, ...], ...]
    size: np.ndarray
    tokens: np.ndarray

    def __len__(self) -> int:
        """R."""
        return len(self.task)

    def joined(self, *others: "Served") -> "Served":
        """These rows and others behind them."""
        every = (self, *others)
        task, strategy, size, tokens = (
            np.concatenate([getattr(each, name) for each in every]) for name in ("task", "strategy", "size", "tokens")
        )
        return Served(task, strategy, tuple(names for each in every for names in each.members), size, tokens)


@dataclass(frozen=True)
class Measured:
    """Rows of a file with what was measured: (R,) ln distance to best, and its relative standard error."""

    served: Served
    log_distance: np.ndarray
    error: np.ndarray


def measured_of(runs: Runs, best: np.ndarray | None = None) -> Measured | None:
    """The rows of a file; ``None`` where a distance to best is not positive, so that it has no logarithm.

    Args:
        runs: of all strategies.
        best: (T,) stated best values, for the ceilings of scores.
    """
    count = len(runs.task)
    members = []
    for row in range(count):
        arm = runs.strategy_runs[runs.strategy_index[row]]
        members.append(arm.tasks if len(arm.tasks) > 1 else (runs.tasks[runs.task[row]],))
    number = np.array([len(each) for each in members], dtype=float)
    strategy = np.array([
        runs.strategy_runs[place].strategy if served > 1 else SPECIALIST[0]
        for place, served in zip(runs.strategy_index, number, strict=True)
    ])  # fmt: skip
    scale = runs.scale
    if "flops" in scale and "tokens" in scale:
        size, tokens = np.log(scale["flops"] / scale["tokens"]), np.log(scale["tokens"] / number)
    elif "flops" in scale and "params" in scale:
        size, tokens = np.log(scale["params"]), np.log(scale["flops"] / scale["params"] / number)
    else:
        size, tokens = np.zeros(count), np.log(next(iter(scale.values())) / number)
    ceiling = score_ceilings(runs, np.full(len(runs.tasks), np.nan) if best is None else best)[runs.task]
    distance = np.where(runs.higher_is_better[runs.task], ceiling - runs.value, runs.value)
    if not (distance > 0).all():
        return None
    error = np.nan_to_num(runs.stderr) / distance
    served = Served(np.array(runs.tasks)[runs.task], strategy, tuple(members), size, tokens)
    return Measured(served, np.log(distance), error)


def predict_served(measured: Measured, asked: Served, draws: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What asked rows (Q,) would measure, without the noise of their own runs.

    Args:
        measured: runs of all strategies.
        asked: tasks under strategies, at any scale; sets, tasks and strategies that were never measured have the
            prior's spread.
        draws: joint draws, B; 0 for the mean alone.
        seed: of the draws.

    Returns:
        Posterior mean of ln distance (Q,), and draws (B, Q).
    """
    count = len(measured.served)
    design, deviation, prior = _design(measured.served.joined(asked), _centre(measured.served))
    effect, factor, level = _posterior(measured, design[:count], deviation, prior[:count])
    asks = design[count:] @ sparse.diags(deviation)
    mean = level + prior[count:] + asks @ effect
    return mean, mean + (asks @ _scatter(factor, draws, seed)).T


def pair_effects(measured: Measured, draws: int, seed: int = 0) -> dict[frozenset[str], np.ndarray]:
    """How much two tasks that some model serves help each other, in every draw (B,), by all runs together.

    It is the ln distance that either saves in a model of the two beside what sharing saves on average; negative where
    they are in each other's way.
    """
    places = _pair_places(measured.served)
    design, deviation, prior = _design(measured.served, _centre(measured.served))
    effect, factor, _ = _posterior(measured, design, deviation, prior)
    every = effect[:, None] + _scatter(factor, draws, seed)
    mine = -PAIR * every[len(every) - len(places) :]  # the pairs' columns are the last
    return {frozenset(pair): mine[place] for pair, place in places.items()}


def _centre(served: Served) -> tuple[float, float]:
    """About which slopes turn."""
    return float(served.size.mean()), float(served.tokens.mean())


def _posterior(
    measured: Measured, known: sparse.csr_matrix, deviation: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean effects (P,) in units of their deviations, the factor (P, P) of their precision, and the common level."""
    level = float(measured.log_distance.mean())
    rest = measured.log_distance - level - prior
    _, task = np.unique(measured.served.task, return_inverse=True)
    cost = measured.served.size + measured.served.tokens
    behind = cost.max() - cost
    variance = measured.error**2 + LEAST_NOISE**2 + DRIFT**2 * behind**2
    for last in (False, True):
        scaled = known @ sparse.diags(deviation)
        weighted = sparse.diags(1 / variance) @ scaled
        # in units of the prior's deviations, so that the prior is the identity and the matrix well scaled
        precision = (scaled.T @ weighted).toarray()
        precision[np.diag_indices_from(precision)] += 1
        factor = cho_factor(precision, lower=True)
        effect = cho_solve(factor, weighted.T @ rest)
        if not last:
            # each task's runs scatter about its surface by what they do; a median, since some runs diverge
            off = np.abs(rest - scaled @ effect)
            typical = np.array([1.4826 * np.median(off[task == each]) for each in range(task.max() + 1)])[task]
            variance = np.maximum(typical**2, measured.error**2 + LEAST_NOISE**2) + DRIFT**2 * behind**2
    return effect, factor[0], level


def _scatter(factor: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Draws (P, B) of the effects about their mean."""
    random = np.random.default_rng(seed).standard_normal((len(factor), draws))
    return np.asarray(solve_triangular(factor, random, lower=True, trans=1))


def _design(served: Served, centre: tuple[float, float]) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """The regression's columns (R, P), their prior deviations (P,), and the prior mean of the rows (R,)."""
    size, tokens = served.size - centre[0], served.tokens - centre[1]
    one = np.ones(len(served))
    plane = np.stack([one, size, tokens], axis=1)
    surface = np.column_stack([plane, size**2, size * tokens, tokens**2])
    shared = np.flatnonzero(served.strategy != SPECIALIST[0])
    doublings = np.log2([len(each) for each in served.members])
    sets = _numbers(["|".join(sorted(each)) for each in served.members])
    task, strategy = _numbers(served.task), _numbers(served.strategy)
    none = np.zeros(len(served), dtype=int)
    every = np.arange(len(served))
    blocks = [
        (none, plane, COMMON, every),
        (task, surface, TASK, every),
        (_numbers(list(zip(task.tolist(), _bins(size), _bins(tokens), strict=True))), plane[:, :1], (BEND,), every),
        *(
            (_numbers(list(zip(*(each.tolist() for each in of), strict=True))), columns, EFFECTS[name], shared)
            for name, of, columns in (
                ("sharing", (none,), plane),
                ("strategy", (strategy,), plane),
                ("task", (task,), plane),
                ("tasks", (none,), plane * doublings[:, None]),
                ("strategy and tasks", (strategy,), plane * doublings[:, None]),
                ("set", (sets,), plane),
                ("set and strategy", (sets, strategy), plane),
                ("set and task", (sets, task), plane),
                ("set, strategy and task", (sets, strategy, task), plane),
            )
        ),
    ]
    parts, deviations = [], []
    for level, columns, deviation, rows in blocks:
        width, levels = columns.shape[1], int(level.max()) + 1
        where = np.repeat(rows, width)
        place = (level[rows, None] * width + np.arange(width)).ravel()
        shape = (len(served), levels * width)
        parts.append(sparse.csr_matrix((columns[rows].ravel(), (where, place)), shape=shape))
        deviations.append(np.tile(deviation, levels))
    pairs = _pairs(served, shared)
    prior = np.where(served.strategy == SPECIALIST[0], 0.0, CROWDING * doublings * (tokens - size))
    spread = np.concatenate([*deviations, np.full(pairs.shape[1], PAIR)])
    return sparse.hstack([*parts, pairs], format="csr"), spread, prior


def _bins(log_scale: np.ndarray) -> list[int]:
    """(R,) equal scales as equal numbers."""
    return np.round(log_scale / BIN).astype(int).tolist()


def _pairs(served: Served, shared: np.ndarray) -> sparse.csr_matrix:
    """Which pairs of tasks meet in a row's own task, by 1/√(K − 1) each."""
    place = _pair_places(served)
    rows, columns, values = [], [], []
    for row in shared.tolist():
        mine, members = str(served.task[row]), served.members[row]
        for other in members:
            if other != mine:
                rows.append(row)
                columns.append(place[(mine, other) if mine < other else (other, mine)])
                values.append((len(members) - 1) ** -0.5)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(served), len(place)))


def _pair_places(served: Served) -> dict[tuple[str, str], int]:
    """The pairs of tasks that meet in some model, each with its column."""
    place: dict[tuple[str, str], int] = {}
    for members in dict.fromkeys(served.members):
        for pair in combinations(sorted(members), 2):
            place.setdefault(pair, len(place))
    return place


def _numbers(names: Sequence[object] | np.ndarray) -> np.ndarray:
    """(R,) equal names as equal numbers from 0 on."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in list(names)], dtype=int)
