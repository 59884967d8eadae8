"""The best portfolio by trying every set of models, and every assignment where that matters."""

from itertools import combinations
from math import comb

import numpy as np

CHUNK = 20_000
"""Sets or assignments that are looked at together."""


def best(
    values: np.ndarray,
    cost: np.ndarray,
    budget: float,
    *,
    objective: str = "mean",
    tail: float = 1.0,
    weight: np.ndarray | None = None,
    target: np.ndarray | None = None,
    unserved: np.ndarray | None = None,
    higher: bool = False,
    most: int | None = None,
) -> tuple[float, float] | None:
    """The best objective, and the best mean value over the choices that reach it; ``None`` where nothing serves all.

    Args:
        values: (W, M, T) value in each scenario, NaN where a model does not serve a task.
        cost: (M,) costs.
        budget: the total.
        objective: ``mean``, ``worst`` or ``targets``.
        tail: share of the worst scenarios whose mean counts.
        weight: (T,) weights.
        target: (T,) targets.
        unserved: (T,) values without a model, ``None`` where every task must be served.
        higher: whether larger values are better.
        most: how many models may be built.
    """
    sign = -1.0 if higher else 1.0
    scenarios, models, tasks = values.shape
    share = np.ones(tasks) / tasks if weight is None else weight / weight.sum()
    loss = np.where(np.isnan(values), np.inf, sign * values)
    if unserved is not None:
        loss = np.concatenate([loss, np.broadcast_to(sign * unserved, (scenarios, 1, tasks))], axis=1)
    goal = np.full(tasks, -np.inf) if target is None else sign * target
    found: list[tuple[float, float]] = []
    for size in range(models + 1 if most is None else most + 1):
        if np.sort(cost)[:size].sum() > budget * (1 + 1e-12):
            break
        sets = np.array([*combinations(range(models), size)], dtype=int).reshape(comb(models, size), size)
        sets = sets[cost[sets].sum(axis=1) <= budget * (1 + 1e-12)]
        if len(sets) == 0:
            continue
        if unserved is not None:
            sets = np.column_stack([sets, np.full(len(sets), models)])
        if sets.shape[1] == 0:
            continue
        if scenarios == 1 and tail == 1:
            found += _per_task(loss[0], sets, objective, share, goal)
        else:
            found += [each for chosen in sets for each in _assigned(loss[:, chosen], objective, tail, share, goal)]
    if not found:
        return None
    least = min(value for value, _ in found)
    mean = min(mean for value, mean in found if value <= least + 1e-9)
    return (-least if objective == "targets" else sign * least), sign * mean


def _per_task(loss, sets, objective, share, goal):
    """In one scenario every task takes its best model of a set."""
    best = loss[sets].min(axis=1)
    best = best[np.isfinite(best).all(axis=1)]
    mean = best @ share
    value = {"mean": mean, "worst": best.max(axis=1), "targets": -((best <= goal) @ share)}[objective]
    return list(zip(value.tolist(), mean.tolist(), strict=True))


def _assigned(loss, objective, tail, share, goal):
    """Every assignment of tasks to the models of one set (W, k, T): its best value and the mean loss there."""
    _, size, tasks = loss.shape
    total = size**tasks
    found = []
    for begin in range(0, total, CHUNK):
        number = np.arange(begin, min(begin + CHUNK, total))
        pick = (number[:, None] // size ** np.arange(tasks)) % size
        losses = loss[:, pick, np.arange(tasks)]
        losses = losses[:, np.isfinite(losses).all(axis=(0, 2))]
        if losses.shape[1] == 0:
            continue
        kinds = {
            "mean": lambda x: x @ share,
            "worst": lambda x: x.max(axis=2),
            "targets": lambda x: -((x <= goal) @ share),
        }
        value = tail_mean(kinds[objective](losses), tail)
        mean = (losses @ share).mean(axis=0)
        least = value.min()
        found.append((float(least), float(mean[value <= least + 1e-9].min())))
    return found


def tail_mean(outcome: np.ndarray, tail: float) -> np.ndarray:
    """``min_a a + E (x − a)⁺ / tail`` over scenarios (W, …), whose minimum is at one of the outcomes."""
    return np.min([a + np.maximum(outcome - a, 0).mean(axis=0) / tail for a in outcome], axis=0)
