"""Status codes of a task: what is known of its curve, whether plans use it, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """What a code means.

    Attributes:
        used: whether studies and plans use a task with this code; the others are left out and named.
        advice: the next step.
    """

    used: bool
    advice: str


STATUS: dict[str, Status] = {
    "ok": Status(True, ""),
    "at_bound": Status(True, "measure larger runs: the data leave this parameter at the end of its range"),
    "poor_fit": Status(
        True, "take its predictions as rough: the runs do not follow the law (scores often rise in an S)"
    ),
    "flat": Status(False, "fit --law power on the scale that matters, or measure a wider range of this one"),
    "too_few_runs": Status(False, "measure more runs of this task, at other scales"),
    "constant_scale": Status(False, "measure runs at other scales"),
    "few_levels": Status(False, "measure at three or more levels of it"),
    "collinear": Status(False, "vary tokens at fixed params, or fit --law power"),
    "no_signal": Status(False, "measure larger runs, or another metric of this task"),
    "wrong_direction": Status(
        False, "see that the metric's direction is right (--higher-is-better); else there is nothing to plan with"
    ),
    "no_ceiling": Status(False, "state the score's best possible value in column 'best' of a --tasks file"),
    "not_positive": Status(False, "correct the rows; for a score, state a higher 'best' in a --tasks file"),
    "not_converged": Status(False, "look at the runs with budget check; a few wild rows may spoil the fit"),
}
"""Code → meaning. A task without one of the used codes never disappears: every output names it."""
