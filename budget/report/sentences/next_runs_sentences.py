"""What is said of the runs to measure next. Sentences only."""

from budget.numerics.words import listing
from budget.report.written_numbers import UNIT_WORDS, difference, percent, plural, scientific
from budget.studies.next_runs.next_runs import NextRuns


def next_summary(found: NextRuns) -> str:
    """The chosen batch in a few sentences for the terminal."""
    unit = UNIT_WORDS.get(found.runs.unit, found.runs.unit)
    today = f"{_today(found)} That choice, with its plan," if found.several else "The plan of today"
    regret = (
        f"{today} is expected to be {difference(found.regret)} ± {difference(found.regret_error)} worse than "
        "one that knows the curves; no runs can bring more than that."
    )
    if not found.batch:
        return f"{regret} No run that {scientific(found.spend)} {unit} buy has a value that is told from 0."
    bring = (
        f"The chosen {plural(len(found.batch), 'run')} ({listing(_chosen(found))}) for {scientific(found.spent)} of "
        f"{scientific(found.spend)} {unit} are expected to bring {difference(found.batch_gain)} ± "
        f"{difference(found.batch_error)} of it ({percent(found.batch_gain / found.regret)})"
    )
    if not found.several:
        return f"{regret} {bring}."
    best_strategy = found.best_strategy
    more = f"{100 * best_strategy.more:+.1f} ± {100 * best_strategy.more_error:.1f} points".replace("-", "−")
    return f"{regret} {bring}, and the winner to be named with probability {percent(best_strategy.after)} ({more})."


def _today(found: NextRuns) -> str:
    """Who wins today, and how sure that is."""
    best_strategy = found.best_strategy
    others = [
        f"{name} in {percent(share)}"
        for at, (name, share) in enumerate(zip(best_strategy.names, best_strategy.share, strict=True))
        if at != best_strategy.today
    ]
    return (
        f"Of {plural(len(best_strategy.names), 'strategy', 'strategies')}, {best_strategy.name} has the best plan "
        "today: it wins in "
        f"{percent(best_strategy.sure)} of the draws, {listing(others)}."
    )


def _chosen(found: NextRuns) -> list[str]:
    """What the batch measures, in the order of choice; of several strategies, under each one's name."""
    if not found.several:
        return list(dict.fromkeys(found.names[run] for run in found.batch))
    told = []
    for at in dict.fromkeys(found.strategy[list(found.batch)].tolist()):
        mine = [run for run in found.batch if found.strategy[run] == at]
        tasks = "" if found.strategies[at].one_model else f": {', '.join(dict.fromkeys(found.names[r] for r in mine))}"
        told.append(f"{len(mine)} of {found.strategies[at].name}{tasks}")
    return told
