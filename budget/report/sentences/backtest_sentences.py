"""What is said of a backtest. Sentences only."""

import numpy as np

from budget.numerics.interval import LEVEL as PROMISED
from budget.numerics.words import listing, shortened
from budget.report.written_numbers import LEVEL, UNIT_WORDS, factor, percent, plural, span
from budget.studies.backtest import NO_LAW, Backtest

NARROW = 0.1
"""By how much coverage may fall short of what intervals promise before it is called narrow."""


def backtest_summary(found: Backtest) -> tuple[str, ...]:
    """The study in a few sentences."""
    table = found.summary()
    rows = [row for row in table.to_dict("records") if row["law"] != NO_LAW and row["tasks"]]
    if not rows:
        return ("No law has a curve of the runs that are not hidden, so none is judged.",)
    reach = span(factor(float(found.reach.min())), factor(float(found.reach.max())))
    rows.sort(key=lambda row: row["error"])
    errors = listing([f"{row['law']} {percent(row['error'])} (best on {row['best_on']})" for row in rows])
    nothing = table.iloc[0]
    said = [
        f"{plural(len(found.measured), 'hidden value')} of {plural(len(found.tasks), 'task')}, at up to {reach} the "
        f"{UNIT_WORDS[found.size]} of the runs that were fitted. Median error: {errors}; of the best run that is not "
        f"hidden, taken instead, {percent(nothing['error'])} (best on {nothing['best_on']}).",
    ]
    useless = [found.tasks[task] for task in np.flatnonzero(found.best == 0)]
    if useless:
        said.append(f"No law predicts {shortened(useless)} better than that: do not trust their curves far out.")
    covered = rows[0]["coverage"]
    if np.isfinite(covered):
        promise = (
            f"The {LEVEL} intervals of {rows[0]['law']} for a new run hold {percent(covered)} of the hidden values"
        )
        wide = f", and would have to be {factor(rows[0]['widen'])} as wide to hold {LEVEL}"
        narrow = covered < PROMISED - NARROW
        said.append(f"{promise}{wide if narrow and np.isfinite(rows[0]['widen']) else ''}.")
    return tuple(said)
