"""Whether a fit agrees with its own draws."""

import numpy as np

from budget.curves.checks.added_findings import with_findings
from budget.curves.curves import Curves
from budget.curves.laws.law import ABSENT
from budget.numerics.interval import outside
from budget.tables.checks.status import OUTSIDE


def with_agreement(curves: Curves) -> Curves:
    """The curves with a finding for each task whose fit lies outside the interval of its draws at the largest scales.

    An interval is not widened to hold the fit: that they part says that the draws lean to one side.
    """
    task = np.flatnonzero(curves.used)
    if not len(task) or not len(curves.draws):
        return curves
    with np.errstate(divide="ignore"):
        logs = np.log(np.column_stack([curves.largest[name][task] for name in curves.scale_columns]))
    # at the largest measured scales, where plans begin and no extrapolation excuses the two for parting
    value, low, high = curves.predict(task, np.maximum(logs, ABSENT))
    more = {}
    for at in np.flatnonzero(outside(value, low, high)):
        text = f"at its largest scales the fit is {value[at]:.4g} and its 80 % interval {low[at]:.4g} to {high[at]:.4g}"
        more[int(task[at])] = (OUTSIDE, text)
    return with_findings(curves, more)
