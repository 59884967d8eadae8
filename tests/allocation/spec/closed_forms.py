"""Three tasks whose best losses are closed forms of their spends, and what holds of every plan of them."""

import numpy as np
from scipy.optimize import brentq

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles import water_filling
from tests.simulate import LINKS, TRUTHS

CURVES = made.chinchilla()
TASKS = default_tasks(CURVES.tasks)
SCORED = made.chinchilla(link=made.link_of(LINKS))
FLOOR = np.array([truth.E for truth in TRUTHS.values()])
COEFFICIENT, EXPONENT = np.transpose([water_filling.in_compute(t.A, t.alpha, t.B, t.beta) for t in TRUTHS.values()])
EQUAL = np.full(3, 1 / 3)


def planned(budget, curves=CURVES, **asked):
    tasks = asked.pop("tasks", default_tasks(curves.tasks))
    return allocate(curves, plan_spec(curves, tasks, budget, **asked), draws=False)


def loss(task, spend):
    """The best loss of tasks (R,) at spends (R,), in closed form."""
    return FLOOR[task] + COEFFICIENT[task] * spend ** -EXPONENT[task]


def score(task, spend):
    return np.array([list(LINKS.values())[i].score(loss(i, each)) for i, each in zip(task, spend, strict=True)])


def minimax(unit, shift, budget, low=None, high=None):
    """The smallest largest of ``shift + unit·loss``, by bisection on the level of closed forms; and the spends."""
    low = np.zeros(3) if low is None else low
    high = np.full(3, np.inf) if high is None else high

    def spends(level):
        left = (level - shift) / unit - FLOOR
        with np.errstate(divide="ignore"):
            return np.clip(np.where(left > 0, (np.maximum(left, 1e-300) / COEFFICIENT) ** (-1 / EXPONENT), np.inf),
                           low, high)  # fmt: skip

    best = (shift + unit * (FLOOR + COEFFICIENT * np.minimum(high, budget) ** -EXPONENT)).max()
    if spends(best * (1 + 1e-15)).sum() <= budget:
        return best, spends(best)
    level = brentq(lambda each: np.log(spends(each).sum() / budget), best, best + 100.0, xtol=1e-15, rtol=1e-15)
    return level, spends(level)


def sane(plan):
    """What holds of every plan."""
    assert plan.gap >= 0
    assert plan.solver and plan.solver_status
    record = plan.record()
    assert record["status"] == plan.solver_status and record["solver"] == plan.solver
    for baseline in plan.baselines:
        beaten = plan.gain_over(baseline) >= -1e-9 * max(abs(plan.objective), abs(baseline.objective), 1e-3)
        assert beaten or baseline.breaks or any("not solved to optimality" in note for note in plan.notes)
        # the bound is for every plan, and so for these
        sign = 1 if plan.larger_is_better else -1
        if not baseline.breaks:
            assert sign * (plan.bound - baseline.objective) >= -1e-9 * max(abs(plan.bound), 1e-3)
    return plan


NEEDED = np.array([2e21, 1e21, 3.5e21])
"""What the targets cost."""


SPENDS_TO = FLOOR + COEFFICIENT * NEEDED**-EXPONENT
"""Targets that the three tasks meet at these FLOPs."""


MENU = (1e8, 4e8, 1.6e9, 6.4e9)
