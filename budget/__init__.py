"""budget: plan a fixed compute or data budget over many tasks, from measured runs.

The public names below are resolved on first use, so that importing the package loads nothing heavy.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "BudgetError": "budget.errors",
    "read_runs": "budget.tables.runs",
    "runs_from_frame": "budget.tables.runs",
    "Runs": "budget.tables.runs",
    "read_tasks": "budget.tables.tasks",
    "default_tasks": "budget.tables.tasks",
    "TaskSettings": "budget.tables.tasks",
    "read_candidates": "budget.tables.candidates",
    "candidates_from_frame": "budget.tables.candidates",
    "Candidates": "budget.tables.candidates",
    "read_cotrained": "budget.tables.cotrained",
    "cotrained_from_frame": "budget.tables.cotrained",
    "Cotrained": "budget.tables.cotrained",
    "check": "budget.tables.checks.quality",
    "LAWS": "budget.curves.laws.table",
    "Curves": "budget.curves.curves",
    "fit_curves": "budget.curves.fitting.fit",
    "make_loss": "budget.curves.fitting.loss",
    "sensitivity": "budget.curves.fitting.sensitivity",
    "read_pair": "budget.tables.loss_score_pairs",
    "with_link": "budget.curves.link.fit",
    "plan_spec": "budget.allocation.spec.make_spec",
    "allocate": "budget.allocation.solve",
    "Plan": "budget.allocation.plan.plan",
    "choose": "budget.portfolio.portfolio",
    "Portfolio": "budget.portfolio.portfolio",
    "plan_shared": "budget.allocation.mixture.plan_mixture",
    "SharedPlan": "budget.allocation.mixture.plan",
    "iso_loss": "budget.allocation.mixture.iso_loss",
    "grow": "budget.studies.growth.growth",
    "grow_strategies": "budget.studies.growth.growth_by_strategy",
    "dilution": "budget.studies.growth.dilution",
    "shared_iso_performance": "budget.studies.growth.iso_performance",
    "group_tasks": "budget.studies.groups.groups",
    "Groups": "budget.studies.groups.groups",
    "measured_transfer": "budget.studies.groups.transfer",
    "law_transfer": "budget.studies.groups.law_transfer",
    "next_runs": "budget.studies.next_runs.next_runs",
    "backtest": "budget.studies.backtest",
    "make_plan": "budget.studies.plan",
    "measure": "budget.lab.transformer.sweep",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'budget' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
