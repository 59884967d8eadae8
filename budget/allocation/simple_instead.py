"""The simple split in place of a plan that cannot be told from it.

See docs/decisions/143-risk-on-the-difference.md.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.evaluate import evaluate
from budget.allocation.plan.plan import Plan
from budget.allocation.spec.make_reference import reference_of
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.tables.splits import Split


def simple_instead(curves: Curves, plan: Plan, reference: str | Split | None = None) -> Plan:
    """The reference split, scored, where the 80 % interval of the plan's gain over it holds 0; else the plan.

    Args:
        curves: usable curves of the plan's T tasks, with draws.
        plan: with its objective in every draw.
        reference: see ``make_spec.plan_spec``; not read where the plan's risk has one.

    Raises:
        AllocationError: one model has nothing to split, there are no draws, or see ``reference_of``.
    """
    spec = plan.spec
    if spec.is_one_model:
        raise AllocationError("--prefer-simple is for a split, and one shared model has none; leave it out.")
    counted = spec.reference or reference_of(curves, spec, reference)
    split = evaluate(curves, spec, counted.split, plan)
    gain = plan.gain_in_draws(split)
    if gain is None:
        raise AllocationError("--prefer-simple compares draws, and these curves have none: fit again with --draws 200.")
    between = "" if np.isnan(gain.low) else f", 80 % interval {gain.low:.3g} to {gain.high:.3g}"
    middle = f"median gain {gain.median:.3g}" if gain.is_exploded else f"expected gain {gain.expected:.3g}"
    told = f"{middle}{between}"
    if any(note.startswith("This split ") for note in split.notes):
        return replace(
            plan, notes=(*plan.notes, f"{counted.words} breaks a limit, so that the plan stays.".capitalize())
        )
    if not gain.is_as_good:
        return replace(plan, notes=(*plan.notes, f"The plan is told from {counted.words}: {told}."))
    said = f"This is {counted.words}: the optimal plan cannot be told from it ({told})."
    return replace(split, notes=(said, *split.notes))
