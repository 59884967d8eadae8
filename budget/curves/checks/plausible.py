"""Whether the numbers of a curve that was read from a file can be a fit's: inside the law's box, and of one size."""

import numpy as np

from budget.curves.curves import Curves
from budget.tables.checks.status import STATUS
from budget.tables.files.json_fields import Fields

_BOX_ROUNDING = 1e-6
"""How far beyond an end of the box a parameter may lie: rounding."""

_LOG_LARGEST = 750.0
"""Beyond any logarithm of a float64, whatever the unit of the values."""

_BEYOND_ANY_DRAW = 100.0
"""How many times wider than a search's box the range of numbers is that are drawn about a prior's middle: of exponents
and of ``k`` it is more than nine of the prior's deviations."""

_LEVEL_OVER_TERMS = 1e13
"""A floor lies among the values, and a term at the reference is at least e^-23 of their median."""


def refuse_implausible(curves: Curves, index: int, task: Fields) -> None:
    """Refuse a task whose numbers no fit of its law can give.

    Raises:
        DataError: names the task and the field.
    """
    used = STATUS[curves.status[index]].used
    theta, draws = curves.parameters[index], curves.draws[:, index]
    known = np.isfinite(theta).all()
    if used and not known:
        raise task.refusal("working", f"has no parameters, and its status is '{curves.status[index]}'")
    if not known and np.isfinite(theta).any():
        raise task.refusal("working", "lacks a parameter")
    if known:
        _refuse_reference(curves, index, task)
        _refuse_outside(curves, index, theta[None, :], "working", task)
    there = np.isfinite(draws).all(axis=1)
    if (there != np.isfinite(draws).any(axis=1)).any():
        raise task.refusal("working_draws", "lacks a parameter of a draw")
    if there.any() and not known:
        raise task.refusal("working", "has no parameters, and 'working_draws' has")
    if used and len(draws) and not there.any():
        raise task.refusal("working_draws", f"has no draw, and its status is '{curves.status[index]}'")
    _refuse_outside(curves, index, draws[there], "working_draws", task)
    noise = curves.noise[there, index]
    if not np.isfinite(noise).all() or (curves.residual == "log" and (np.abs(noise) > _LOG_LARGEST).any()):
        raise task.refusal("noise_draws", "has no number for a draw, or one that is too large")
    if curves.drifts and there.any():
        drifting = curves.drift[there, index], curves.planned_draws[there, index], curves.drift_ends[:, index]
        if not all(np.isfinite(each).all() for each in drifting):
            raise task.refusal("drift_draws", "lacks a number of a draw, or of its planned curve")
        _refuse_outside(curves, index, curves.planned_draws[there, index], "planned_draws", task)
    if curves.higher_is_better[index] and used and np.isnan(curves.ceiling[index]):
        raise task.refusal("ceiling", "is null where higher is better")
    if not curves.higher_is_better[index] and np.isfinite(curves.ceiling[index]):
        raise task.refusal("ceiling", f"is {curves.ceiling[index]:g} where lower is better and null is due")
    floors = np.append(draws[there][:, curves.form.where("floor")], theta[curves.form.where("floor")])
    if not curves.higher_is_better[index] and (floors < curves.best[index]).any():
        raise task.refusal("best", f"is {curves.best[index]:g}, and a floor of its curves is {floors.min():g}")
    if curves.agreement[index] > 1:
        raise task.refusal("agreement", f"is {curves.agreement[index]:g} where a share is due")


def _refuse_reference(curves: Curves, index: int, task: Fields) -> None:
    """A curve's coefficients are stated amid its runs."""
    for name, at in zip(curves.scale_columns, curves.reference[index], strict=True):
        if not at > 0:
            raise task.refusal("reference", f"is {at:g} for {name} where a positive number is due")
        low, high = curves.smallest[name][index], curves.largest[name][index]
        if low > high:
            raise task.refusal("smallest", f"is {low:g} for {name}, above the largest, {high:g}")
        amid = low * (1 - _BOX_ROUNDING) <= at <= high * (1 + _BOX_ROUNDING)
        if name in ("params", "tokens", "flops", "x", "task_tokens") and not amid:
            raise task.refusal("reference", f"is {at:g} for {name}, outside the runs ({low:g} to {high:g})")
    for name in curves.smallest:
        if curves.smallest[name][index] > curves.largest[name][index]:
            raise task.refusal("smallest", f"is above the largest for {name}")


def _refuse_outside(curves: Curves, index: int, theta: np.ndarray, field: str, task: Fields) -> None:
    """Parameters (n, P) of the point fit or of draws must lie in the law's box, as far as no values decide it."""
    low, high = _box(curves, index)
    # numbers were written and read back, and a fit may stand exactly at an end
    edge = _BOX_ROUNDING * (1 + np.abs(low) + np.abs(high))
    inside = (theta >= low - edge) & (theta <= high + edge)
    if inside.all():
        return
    position = int(np.argmin(inside.all(axis=0)))
    number = theta[~inside[:, position], position][0]
    ends = f"{low[position]:.4g} to {high[position]:.4g}"
    raise task.refusal(field, f"holds {number:g} for {curves.form.names[position]}, where the fit's range is {ends}")


def _box(curves: Curves, index: int) -> np.ndarray:
    """(2, P) least and greatest parameters of a task."""
    form, point = curves.form, curves.parameters[index]
    # what the values were is not in the file; the curve's own terms at the reference say of what size they are
    size = (
        np.exp(np.minimum(point[form.where("coefficient")], _LOG_LARGEST - 100)).sum()
        + np.abs(point[form.where("ceiling")]).sum()
    )
    ends = np.array([(parameter.low, parameter.high) for parameter in form.parameters]).T
    for position, parameter in enumerate(form.parameters):
        low, high = parameter.low, parameter.high
        if parameter.kind == "coefficient":  # the box is about the median value, which the file does not hold
            width = high - low
            ends[:, position] = max(point[position] - width, -_LOG_LARGEST), min(point[position] + width, _LOG_LARGEST)
        elif parameter.kind in ("floor", "ceiling"):
            ends[:, position] = -_LEVEL_OVER_TERMS * size, _LEVEL_OVER_TERMS * size
        elif parameter.kind == "place" and np.isnan(low):
            name, at = curves.scale_columns[parameter.input], curves.reference[index, parameter.input]
            ends[:, position] = [np.log(end[name][index] / at) for end in (curves.smallest, curves.largest)]
        elif parameter.kind == "plain" and low > 0 and form.sampler is not None:
            ends[:, position] = low / _BEYOND_ANY_DRAW, high * _BEYOND_ANY_DRAW
    return ends
