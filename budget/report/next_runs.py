"""What is said of the runs to measure next. Sentences only."""

from budget.report.numerals import UNIT_WORDS, difference, listing, percent, plural, scientific
from budget.studies.next_runs import NextRuns


def next_summary(found: NextRuns) -> str:
    """The chosen batch in a few sentences for the terminal."""
    unit = UNIT_WORDS.get(found.runs.unit, found.runs.unit)
    regret = (
        f"The plan of today is expected to be {difference(found.regret)} ± {difference(found.regret_error)} worse than "
        "one that knows the curves; no runs can bring more than that."
    )
    if not found.batch:
        return f"{regret} No run that {scientific(found.spend)} {unit} buy has a value that is told from 0."
    names = list(dict.fromkeys(found.names[run] for run in found.batch))
    return (
        f"{regret} The chosen {plural(len(found.batch), 'run')} ({listing(names)}) for {scientific(found.spent)} of "
        f"{scientific(found.spend)} {unit} are expected to bring {difference(found.batch_gain)} ± "
        f"{difference(found.batch_error)} of it ({percent(found.batch_gain / found.regret)})."
    )
