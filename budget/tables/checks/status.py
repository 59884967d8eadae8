"""Status codes of a task: what is known of its curve, whether plans use it, and what to do about it.

See docs/decisions/026-several-findings-one-status.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """What a code means.

    Attributes:
        used: whether studies and plans use a task with this code; the others are left out and named.
        advice: the next step.
        headline: whether a finding with this code is said first wherever a plan is read: the plan may be far off.
    """

    used: bool
    advice: str
    headline: bool = False


OUTSIDE = "outside_interval"
"""A prediction that its own interval does not hold: the draws do not agree with the fit."""

PASS, FAIL = "PASS", "FAIL"
"""The verdict of a backtest on a curve that no plan trusts."""

JUDGED = {FAIL: "fails_backtest", "REVIEW": "doubtful_backtest"}
"""Verdict of a backtest → the code of its finding; one that passes is none."""

STATUS: dict[str, Status] = {
    "ok": Status(True, ""),
    "published": Status(
        True, "measure some runs of the task and fit them: another's constants are of other data", headline=True
    ),
    "suspect_scale": Status(True, "write this cell in the unit of the column's other cells", headline=True),
    "suspect_flops": Status(
        True, "write params and tokens as plain counts and flops as plain FLOPs, about 6·params·tokens", headline=True
    ),
    "suspect_values": Status(True, "write all values of the task in one unit, or correct these rows", headline=True),
    "checkpoints": Status(
        True,
        "keep the last row of each run with --last-of run (or the column that names runs), unless every row was "
        "trained to its own end",
        headline=True,
    ),
    "beats_best": Status(
        True, "correct the row, or column 'best' of the tasks file: the curve is held at it", headline=True
    ),
    "fails_backtest": Status(
        True,
        "measure larger runs of the task, or fit the --law that 'budget backtest' finds better, and until then let no "
        "plan rest on this curve",
        headline=True,
    ),
    "saturated_rows": Status(
        True,
        "take the curve near its best value as rough, since the luckiest rows are missing: measure harder questions or "
        "more of them, or fit --residual raw, which keeps the rows",
    ),
    "outliers": Status(True, "look at these rows, and at what 'budget fit --sensitivity' says without them"),
    "several_optima": Status(True, "measure larger runs: the data do not decide between these curves"),
    "duplicated_rows": Status(
        True, "remove the copies, or name the runs; each counts in the fit, together as one run in the draws"
    ),
    "ill_conditioned": Status(True, "trust predictions inside the range, not single parameters; or fit a simpler law"),
    "at_bound": Status(True, "measure larger runs: the data leave this parameter at the end of its range"),
    "poor_fit": Status(
        True,
        "take its predictions as rough: the runs do not follow the law (scores often rise in an S)",
        headline=True,
    ),
    "prior_dominated": Status(
        True,
        "measure more runs, at other scales: what these leave open is taken from how curves usually are, and is wide",
    ),
    "doubtful_backtest": Status(True, "measure more and larger runs, and take its intervals with care until then"),
    "unsettled": Status(True, "take its intervals as rough, or fit with another --seed and compare"),
    "unproven_trend": Status(True, "measure more runs, at other scales: so few cannot prove that the value falls"),
    OUTSIDE: Status(True, "take the interval for the prediction and not the point, or measure more runs"),
    "flat": Status(False, "fit --law power on the scale that matters, or measure a wider range of this one"),
    "too_few_runs": Status(False, "measure more runs of this task, at other scales"),
    "constant_scale": Status(False, "measure runs at other scales"),
    "few_levels": Status(False, "measure at three or more levels of it"),
    "collinear": Status(False, "vary tokens at fixed params, or fit --law power"),
    "one_budget": Status(False, "measure runs at a second FLOP budget, or fit --law power on another scale"),
    "not_identified": Status(False, "measure runs that vary what is named, or fit a law of fewer parameters"),
    "no_signal": Status(False, "measure larger runs, or another metric of this task"),
    "late_rise": Status(
        False, "see that these rows are right, and measure more runs around and beyond them: so few tell no curve"
    ),
    "wrong_direction": Status(
        False, "see that the metric's direction is right (--higher-is-better); else there is nothing to plan with"
    ),
    "no_ceiling": Status(False, "state the score's best possible value in column 'best' of a --tasks file"),
    "wrong_best": Status(False, "correct the rows, or column 'best' of the tasks file"),
    "not_positive": Status(
        False, "correct the rows, or fit --residual raw; for a score, state a higher 'best' in a --tasks file"
    ),
    "not_converged": Status(False, "fit another law (--law power), or --loss lad where a few wild rows spoil the fit"),
}
"""Code → meaning. A task without one of the used codes never disappears: every output names it."""

LINK_STATUS: dict[str, Status] = {
    "ok": Status(True, ""),
    "ill_conditioned": Status(True, "trust predictions inside the range, not single parameters; or fit a simpler law"),
    "at_bound": Status(True, "measure the score on runs of higher and lower loss: these show no S"),
    "open_chance": Status(True, "state the level of guessing in column 'unserved' of a --tasks file"),
    "poor_fit": Status(True, "take the predicted scores as rough: these do not follow the loss closely"),
    "no_curve": Status(False, "see the status of the task's curve"),
    "not_positive": Status(False, "choose a loss that is positive: a loss of 0 stands for the best score"),
    "no_score": Status(False, "measure the score on runs whose loss is there"),
    "too_few_pairs": Status(False, "measure the score on more of the runs whose loss is there"),
    "no_best": Status(False, "state the score's best possible value in column 'best' of a --tasks file"),
    "no_chance": Status(False, "state the level of guessing in column 'unserved' of a --tasks file"),
    "no_signal": Status(False, "measure larger runs, or choose another score"),
    "wrong_direction": Status(False, "see that the score's direction is right (column 'higher_is_better')"),
    "not_identified": Status(False, "measure runs whose loss is higher or lower: these cover too little of the link"),
    "not_converged": Status(False, "look at the rows of loss and score together; a few wild ones may spoil the link"),
}
"""The same for the link from a task's loss to its score: whether scores are predicted, and what to do about it."""
