"""What is said of the runs to measure next. Sentences only."""

from budget.numerics.words import listing
from budget.report.written_numbers import UNIT_WORDS, difference, percent, plural, scientific
from budget.studies.next_runs.next_runs import NextRuns
from budget.studies.next_runs.telling_runs import TellingRuns


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


def telling_summary(found: TellingRuns) -> str:
    """What the chosen runs bring to predictions, in a sentence for the terminal."""
    points = plural(found.points, "point")
    if not found.chosen:
        return f"By the draws no affordable run tells anything of the {points}."
    runs, before, after = plural(len(found.chosen), "run"), percent(found.errors[0]), percent(found.errors[-1])
    return (
        f"The chosen {runs} for {scientific(found.spent)} of {scientific(found.spend)} are expected to lower the "
        f"typical error of what is predicted at {points} from {before} to {after}; fit again with them before choosing "
        "more."
    )


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
    """What the batch measures and what that brings, in the order of choice; of several strategies, by each one's name.

    What the runs of one task, or of one strategy, add to those before them is told as a sum.
    """
    key = found.strategy if found.several else found.runs.group
    told = []
    for at in dict.fromkeys(key[list(found.batch)].tolist()):
        mine = [(run, added) for run, added in zip(found.batch, found.added, strict=True) if key[run] == at]
        brings = sum(added for _, added in mine)
        value = f"{'−' if brings < 0 else ''}{difference(brings)}"
        if not found.several:
            times = f"{len(mine)} of " if len(mine) > 1 else ""
            told.append(f"{times}{found.names[mine[0][0]]} {value}")
            continue
        tasks = dict.fromkeys(found.names[run] for run, _ in mine)
        listed = "" if found.strategies[at].one_model else f": {', '.join(tasks)}"
        told.append(f"{len(mine)} of {found.strategies[at].name}{listed} {value}")
    return told
