"""Plans under limits and the same questions in SciPy's words, which several files compare."""

import numpy as np

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import Prices
from budget.tables.limits import Limit
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles.limited import Limited
from tests.simulate import TRUTHS

CURVES = made.chinchilla()
TASKS = default_tasks(CURVES.tasks)
PRICES = Prices(2.0, 1e15, 0.4)


def values(u):
    return np.array([truth.value(*np.exp(row)) for truth, row in zip(TRUTHS.values(), u, strict=True)])


def flops(u):
    return 6 * np.exp(u.sum(axis=1))


def tokens(u):
    return np.exp(u[:, 1])


def start_at(budget):
    return np.tile(np.log([np.sqrt(budget / 360), np.sqrt(budget / 360) * 20]), (3, 1))


def planned(budget, **asked):
    tasks = asked.pop("tasks", TASKS)
    return allocate(CURVES, plan_spec(CURVES, tasks, budget, **asked), draws=False)


def check(plan, oracle: Limited, weight=None):
    """The plan obeys every limit of the oracle, its figures are true, and nothing that SciPy finds is better."""
    weight = np.full(3, 1 / 3) if weight is None else weight
    u = np.log(np.column_stack([plan.params, plan.tokens]))
    np.testing.assert_allclose(plan.predicted, oracle.value(u), rtol=1e-12)
    np.testing.assert_allclose(plan.objective, weight @ oracle.value(u), rtol=1e-12)
    for cost, total in zip(oracle.costs, oracle.totals, strict=True):
        assert cost(u).sum() <= total * (1 + 1e-6)
    assert (oracle.costs[0](u) <= plan.spend * (1 + 1e-6)).all()
    assert (plan.spend >= oracle.low * (1 - 1e-6)).all() and (plan.spend <= oracle.high * (1 + 1e-6)).all()
    best, _, _ = oracle.best(lambda each: weight @ each)
    assert np.isfinite(best)
    # SciPy's limits hold to 1e-8 of the totals, which is worth less than as much of the objective
    assert plan.bound <= best + 1e-8
    assert plan.objective <= best + 1e-7
    assert 0 <= plan.gap <= 1e-6


LIMITED = {
    "tokens bind as well": {"further": {"tokens": 1.5e11}},
    "tokens alone bind": {"further": {"tokens": 1e10}},
    "money and tokens": {"further": {"tokens": 1.5e11, "money": 2.2e5}},
    "nothing further binds": {"further": {"tokens": 1e14, "money": 1e9}},
    "a group at most": {"limits": (Limit("speech", np.array([1.0, 1.0, 0.0]), upper=3e21),)},
    "a group at least": {"limits": (Limit("speech", np.array([1.0, 1.0, 0.0]), lower=8e21),)},
    "a band": {"limits": (Limit("band", np.array([1.0, 0.0, 0.0]), lower=2e21, upper=2.5e21),)},
    "one at least twice another": {"limits": (Limit("ratio", np.array([-2.0, 1.0, 0.0]), lower=0.0),)},
    "one at most half another": {"limits": (Limit("ratio", np.array([2.0, 0.0, -1.0]), upper=0.0),)},
    "equal spends of two": {"limits": (Limit("equal", np.array([1.0, -1.0, 0.0]), lower=0.0, upper=0.0),)},
    "tokens of a group": {"limits": (Limit("data", np.array([1.0, 0.0, 1.0]), "tokens", upper=4e10),)},
    "more tokens than the best": {
        "further": {"tokens": 1.5e11},
        "limits": (Limit("data", np.array([0.0, 1.0, 0.0]), "tokens", lower=9e10),),
    },
    "a mixed difference": {"limits": (Limit("lead", np.array([1.0, -1.0, 0.0]), lower=3e21),)},
    "several at once": {
        "further": {"tokens": 1.5e11, "money": 2.2e5},
        "limits": (
            Limit("speech", np.array([1.0, 1.0, 0.0]), upper=6e21),
            Limit("ratio", np.array([-1.0, 1.0, 0.0]), lower=0.0),
            Limit("data", np.array([1.0, 0.0, 1.0]), "tokens", upper=1e11),
        ),
    },
}


def oracle_of(budget, tasks, asked):
    """The same question in SciPy's words."""
    unit_cost = np.nan_to_num(tasks.unit_cost, nan=0.0)
    per_flop = 2.0 / (3600 * 1e15 * 0.4) if asked.get("prices") else 0.0
    served = np.nan_to_num(tasks.served_tokens, nan=0.0)

    def compute(u):
        return flops(u) + 2 * np.exp(u[:, 0]) * served

    known = {"flops": compute, "tokens": tokens, "money": lambda u: per_flop * compute(u) + unit_cost * tokens(u)}
    first = asked.get("unit", "flops")
    further = asked.get("further", {})
    units = [first, *dict.fromkeys([*further, *(x.unit for x in asked.get("limits", ()) if x.unit)])]
    rows = []
    for limit in asked.get("limits", ()):
        resource = units.index(limit.unit) if limit.unit else 0
        if np.isfinite(limit.upper):
            rows.append((resource, limit.coefficient, limit.upper))
        if np.isfinite(limit.lower):
            rows.append((resource, -limit.coefficient, -limit.lower))
    start = start_at(budget if first == "flops" else budget / per_flop if per_flop else 1e21)
    return Limited(
        values,
        [known[unit] for unit in units],
        [budget, *(further.get(unit, np.inf) for unit in units[1:])],
        start,
        rows,
        np.nan_to_num(tasks.min, nan=0.0),
        np.nan_to_num(tasks.max, nan=np.inf),
    )


MONEY = {
    "unit cost": {"unit_cost": np.array([1e-6, 3e-6, 1e-6])},
    "compute": {"prices": PRICES},
    "both": {"unit_cost": np.array([1e-6, np.nan, 4e-6]), "prices": PRICES},
    "serving": {"served_tokens": np.array([1e12, np.nan, 1e11]), "prices": PRICES},
}
