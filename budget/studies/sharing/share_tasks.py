"""Which tasks share which model, for whatever is asked: each question by the program that fits it.

See docs/decisions/165-sharing-under-every-objective.md.
"""

import numpy as np

from budget.allocation.spec.plan_spec import PlanSpec
from budget.numerics.words import listing
from budget.studies.sharing.blocks import Blocks, counted
from budget.studies.sharing.choose_blocks import Row
from budget.studies.sharing.share_by_draws import share_by_draws
from budget.studies.sharing.share_by_mean import share_by_mean
from budget.studies.sharing.share_by_targets import cheapest_sharing, most_targets_sharing
from budget.studies.sharing.share_by_worst import share_by_worst
from budget.studies.sharing.sharing import Sharing


def why_not_shared(spec: PlanSpec) -> str:
    """Why a question is not asked of shared models; empty where it is."""
    # each says what to do: nothing measured tells what these would mean for a model of several tasks
    units = [*spec.further, *(limit.unit for limit in spec.limits if limit.unit and limit.unit != spec.unit)]
    steps = not spec.objective.is_linear or spec.sizes
    if units and steps:
        named = listing(list(dict.fromkeys(units)))
        return (
            f"a limit in {named} is planned for them by the weighted mean of any size alone, since other questions "
            f"choose their spends and not their sizes; state it in {spec.unit}, or ask for the mean without --sizes"
        )
    if spec.has_checkpoints:
        return (
            "checkpoints are of one task each, and no run says what one is worth to a shared model; leave out column "
            "'checkpoint' to plan them from the start"
        )
    if not spec.measure.linear:
        return (
            "a score is told by a link from the losses of one model for each task, which no run of theirs confirms; "
            "leave out the scores to share by losses"
        )
    return ""


def share_tasks(blocks: Blocks) -> Sharing:
    """The best division of the tasks among the blocks, with its bound.

    Raises:
        InfeasibleError: no division keeps the limits.
        AllocationError: nothing solves it.
    """
    spec = blocks.spec
    if spec.objective.is_linear and not spec.sizes:
        return share_by_mean(blocks)
    rows = rows_of(blocks)
    if spec.objective.minimizes_spend:
        return cheapest_sharing(blocks, rows)
    if spec.objective.takes_largest:
        return share_by_worst(blocks, rows)
    if spec.objective.counts_targets and not spec.risk.reads_draws:
        return most_targets_sharing(blocks, rows)
    return share_by_draws(blocks, rows)


def rows_of(blocks: Blocks) -> tuple[Row, ...]:
    """The linear limits on the blocks' spends."""
    rows = []
    for limit in blocks.spec.limits:
        coefficient = np.concatenate([counted(limit.coefficient, blocks.place), np.zeros(len(blocks.idle))])
        if limit.upper < float("inf"):
            rows.append(Row(coefficient, limit.upper))
        if limit.lower > -float("inf"):
            rows.append(Row(-coefficient, -limit.lower))
    return tuple(rows)
