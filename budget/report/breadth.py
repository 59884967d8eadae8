"""No free lunch and selection, in sentences."""

from budget.report.numerals import difference, plural, quantity
from budget.studies.breadth import Breadth


def breadth_sentences(checks: Breadth, unit: str) -> tuple[str, ...]:
    """No free lunch, and which breadth survives."""
    lunch, selection = checks.lunch, checks.selection
    equal = {
        True: "equal shares are the best split",
        False: f"the best split serves {lunch.unknown.served} of them equally",
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
    )
