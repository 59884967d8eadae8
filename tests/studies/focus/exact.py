"""Strategies on curves with exact parameters, which the files of this folder compare; cost is 6·N·D."""

from dataclasses import replace

import numpy as np

from budget.studies.focus.focus import focus
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.tables.tasks import default_tasks
from tests.made import chinchilla, one_model
from tests.simulate import HOFFMANN, TRUTHS

GAMMA = HOFFMANN.alpha * HOFFMANN.beta / (HOFFMANN.alpha + HOFFMANN.beta)
"""Exponent of a Chinchilla law in FLOPs where N and D are chosen best."""


TOTALS = np.geomspace(1e19, 1e23, 5)


def copies(truth, count):
    return {f"t{number}": truth for number in range(count)}


def strategies_of(alone, *shared, names=("generalist", "moe")):
    """Specialists, and one model for all tasks of each further curve."""
    served = (StrategyCurves(name, one_model(curves)) for name, curves in zip(names, shared, strict=False))
    return FittedStrategies(None if alone is None else StrategyCurves(SPECIALISTS, alone), tuple(served))


def compared(strategies, budgets, **options):
    """The comparison with equal weights."""
    names = tuple(
        dict.fromkeys(name for each in (strategies.specialists, *strategies.shared) if each for name in each.tasks)
    )
    return focus(strategies, options.pop("tasks", default_tasks(names)), budgets, **options)


def entry(cell, strategy):
    return cell.plans[cell.place(strategy)]


def alone_with(truth, budget):
    """A specialist's value at its best size: ``d N``-derivatives of the two terms are equal along 6·N·D = C."""
    a, b = truth.alpha, truth.beta
    size = (a * truth.A / (b * truth.B)) ** (1 / (a + b)) * (budget / 6) ** (b / (a + b))
    return truth.value(size, budget / 6 / size)


def shaken(draws=60):
    """Specialists, a generalist and experts with draws of their own."""
    a, b = (chinchilla(TRUTHS, draws=draws, spread=0.05, seed=seed) for seed in (1, 2))
    slow = {name: replace(truth, A=truth.A * 0.67, alpha=truth.alpha - 0.02) for name, truth in TRUTHS.items()}
    return strategies_of(a, b, chinchilla(slow, draws=draws, spread=0.05, seed=3))


def lifted(truths, more):
    """The same laws with floors that lie higher."""
    return {name: replace(truth, E=truth.E + more) for name, truth in truths.items()}
