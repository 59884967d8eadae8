"""What is said of a portfolio. Sentences only."""

from budget.allocation.spec.objectives import Naming
from budget.portfolio.portfolio import Portfolio
from budget.report.sentences.plan_sentences import better_by, capital
from budget.report.written_numbers import difference, plural, value

RIVAL_WORDS = {
    "one model for all": "the best single model for all tasks",
    "specialists": "the best specialists of one task each",
    "greedy": "building by gain per cost",
}
"""Name of a portfolio's baseline → how a sentence calls it."""


def portfolio_summary(found: Portfolio) -> str:
    """A portfolio in a few sentences for the terminal."""
    select, report = found.candidates.select.split, found.candidates.report.split
    served = int((found.chosen >= 0).sum())
    sentences = [
        f"{capital(portfolio_objective(found))} {value(found.objective)}{f' on {select}' if select else ''} "
        f"(no choice is better than {value(found.bound)}; gap {difference(found.gap)}; {found.solver}, {found.status})"
        f"{f', {value(found.reported)} on {report}' if report != select else ''}: "
        f"{plural(len(found.models), 'model')} for {plural(served, 'task')}"
        f"{f' ({len(found.chosen) - served} unserved)' if served < len(found.chosen) else ''}, "
        f"{found.spent:.6g} of {found.spec.budget:.6g} spent."
    ]
    sentences += [
        f"{capital(RIVAL_WORDS[rival.name])}: {value(rival.objective)}; the choice is "
        f"{better_by(found.gain_over(rival), found.objective)}."
        for rival in found.rivals
    ]
    return " ".join(sentences)


def portfolio_objective(found: Portfolio) -> str:
    """What a portfolio optimizes, such as ``weighted mean loss``; over draws, of which of them."""
    spec, weight = found.spec, found.spec.tasks.weight
    equal = bool((weight == weight[0]).all())
    over_draws = f" in the worst {spec.tail:.0%} of the draws" if spec.risk.has_level else ""
    if spec.objective.counts_targets:
        return f"share of targets met{over_draws}"  # of the weights' sum, where a plan counts the weights themselves
    naming = Naming(found.candidates.metric, "", equal, is_alone=False, risk="")
    return spec.objective.title(naming) + over_draws
