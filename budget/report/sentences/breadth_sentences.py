"""No free lunch and selection, in sentences."""

import numpy as np

from budget.numerics.words import listing
from budget.report.written_numbers import difference, plural, quantity
from budget.studies.checks.breadth_checks import Breadth

ALIKE = 1e-6
"""Relative difference of spends that counts as none."""


def breadth_sentences(checks: Breadth, unit: str) -> tuple[str, ...]:
    """No free lunch, and which breadth survives."""
    lunch, selection = checks.lunch, checks.selection
    shares = "" if _alike(lunch.unknown.spend) else ", unequally"
    equal = {
        True: "equal shares are the best split",
        False: f"the best split serves {lunch.unknown.served} of them{shares}",
        None: "no split is proven better than equal shares",
    }[lunch.equal_is_optimal]
    widest = selection.widest()
    lax, strict = widest.iloc[0], widest.iloc[-1]
    return (
        f"No free lunch, at {quantity(checks.budget, unit)} over {plural(len(checks.tasks), 'task')}: while nobody "
        f"knows which curve belongs to which task, {equal}; knowing it is worth "
        f"{difference(lunch.assignment.value)} a task, and knowing which one task will count "
        f"{difference(lunch.target.value)} more.",
        f"Selection among portfolios of that budget each: at a threshold that takes "
        f"{quantity(float(lax['required_spend']), unit)} a task the widest that survives at least half of the "
        f"{selection.replications} games serves {int(lax['breadth'])} tasks, at one that takes "
        f"{quantity(float(strict['required_spend']), unit)} it serves {int(strict['breadth'])}.",
        *_by_budget(checks, unit),
    )


def _alike(spend: np.ndarray) -> bool:
    """Whether all that are served are given the same."""
    served = spend[spend > 0]
    return bool(len(served) and np.ptp(served) <= ALIKE * served.max())


def _by_budget(checks: Breadth, unit: str) -> tuple[str, ...]:
    """How the widest surviving breadth moves with the players' budget, at thresholds that stay."""
    if len(checks.budgets) < 2:
        return ()
    widest = checks.widest()
    levels = widest["required_spend"].unique()
    parts = []
    for place in (len(levels) // 2, len(levels) - 1):
        mine = widest[widest["required_spend"] == levels[place]]
        counts = listing([str(int(breadth)) for breadth in mine["breadth"]])
        parts.append(f"{counts} where a task takes {quantity(float(levels[place]), unit)}")
    budgets = listing([quantity(each, unit) for each in checks.budgets])
    return (f"With {budgets} each, at the same thresholds, the widest that survives serves {'; '.join(parts)}.",)
