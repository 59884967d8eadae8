"""What is said of a backtest. Sentences only."""

from collections.abc import Hashable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from budget.curves.decided import Decided
from budget.numerics.interval import LEVEL as PROMISED
from budget.numerics.words import listing, shortened
from budget.report.written_numbers import LEVEL, UNIT_WORDS, factor, percent, plural, span
from budget.studies.backtest import BANDS, NO_LAW, Backtest, distance_name

NARROW = 0.1
"""By how much coverage may fall short of what intervals promise before it is called narrow."""


def backtest_summary(found: Backtest) -> tuple[str, ...]:
    """The study in a few sentences."""
    table = found.summary()
    rows = [row for row in table.to_dict("records") if row["law"] != NO_LAW and row["tasks"]]
    if not rows:
        return ("No law has a curve of the runs that are not hidden, so none is judged.",)
    farthest = [float(found.distance[found.task == task].max()) for task in range(len(found.tasks))]
    reach = span(factor(min(farthest)), factor(max(farthest)))
    rows.sort(key=lambda row: row["error"])
    errors = listing([f"{row['law']} {percent(row['error'])} (best on {row['best_on']})" for row in rows])
    nothing = table.iloc[0]
    hidden = plural(len(np.unique(np.stack([found.task, found.row]), axis=1).T), "hidden value")
    origins = int(found.origin.max()) + 1
    each = f", {plural(len(found.measured), 'prediction')} of them from {origins} origins" if origins > 1 else ""
    said = [
        f"{hidden} of {plural(len(found.tasks), 'task')}{each}, at up to {reach} the {UNIT_WORDS[found.size]} of the "
        f"runs that were fitted. Median error: {errors}; of the best run that is not hidden, taken instead, "
        f"{percent(nothing['error'])} (best on {nothing['best_on']}).",
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
        said += _by_distance(rows[0])
    return tuple(said)


def _by_distance(law: Mapping[Hashable, Any]) -> list[str]:
    """How the coverage of a law changes with distance, one sentence; nothing where all rows are equally far."""
    bands = [(least, most, law[f"coverage_{distance_name(least, most)}"]) for least, most in pairwise(BANDS)]
    words = [
        f"{percent(held)} {f'beyond {least:g}×' if np.isinf(most) else f'from {least:g} to {most:g}×'}"
        for least, most, held in bands
        if np.isfinite(held)
    ]
    return [f"By distance beyond the fitted runs they hold {listing(words)}."] if len(words) > 1 else []


def decided_sentence(found: Decided) -> str:
    """What plans realised when the large runs were hidden, and how far what was predicted of them held."""
    if not found.share == found.share:
        return (
            f"Decided by runs {factor(found.beyond)} smaller, no split of these tasks would have gained over an equal "
            "one, so that nothing is known of how plans do."
        )
    said = (
        f"Decided by runs {factor(found.beyond)} smaller, on {plural(int(found.sets), 'set')} of "
        f"{plural(int(found.tasks), 'task')} with {factor(found.factor)} the largest runs seen, plans realise "
        f"{percent(found.share)} of what a clairvoyant gains over an equal split, which is {percent(found.prize)} of "
        f"the value"
    )
    said += "" if found.by_weight == 0 else f" (a split by weight {percent(found.by_weight)})"
    said += f"; {percent(found.worse)} of them are worse than an equal split"
    said += f", at worst by {percent(-found.worst)}" if found.worst < 0 else ""
    if found.told == found.told:
        said += f". Predicted gains are {factor(found.told)} what was realised"
        said += (
            f", and {percent(found.covered)} lie in their {LEVEL} interval" if found.covered == found.covered else ""
        )
    return f"{said}."
