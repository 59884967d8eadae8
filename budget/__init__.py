"""budget: plan a fixed compute or data budget over many tasks, from measured runs.

The public names below are resolved on first use, so that importing the package loads nothing heavy.
"""

from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for editors and type checkers; a test holds them together
    from budget.allocation.mixture.iso_loss import iso_loss as iso_loss
    from budget.allocation.mixture.plan_mixture import plan_shared as plan_shared
    from budget.allocation.mixture.shared_plan import SharedPlan as SharedPlan
    from budget.allocation.plan.plan import Plan as Plan
    from budget.allocation.solve import allocate as allocate
    from budget.allocation.spec.make_spec import plan_spec as plan_spec
    from budget.curves.checks.sensitivity import sensitivity as sensitivity
    from budget.curves.curves import Curves as Curves
    from budget.curves.fitting.fit import fit_curves as fit_curves
    from budget.curves.fitting.loss import make_loss as make_loss
    from budget.curves.laws.table import LAWS as LAWS
    from budget.curves.link.fit import with_link as with_link
    from budget.errors import BudgetError as BudgetError
    from budget.lab.transformer.sweep import measure as measure
    from budget.notebook.planning import Planning as Planning
    from budget.notebook.planning import plan as plan
    from budget.portfolio.portfolio import Portfolio as Portfolio
    from budget.portfolio.portfolio import choose as choose
    from budget.studies.backtest import backtest as backtest
    from budget.studies.groups.groups import Groups as Groups
    from budget.studies.groups.groups import group_tasks as group_tasks
    from budget.studies.groups.law_transfer import law_transfer as law_transfer
    from budget.studies.groups.measured_transfer import measured_transfer as measured_transfer
    from budget.studies.growth.dilution import dilution as dilution
    from budget.studies.growth.growth import grow as grow
    from budget.studies.growth.growth_by_strategy import grow_strategies as grow_strategies
    from budget.studies.growth.iso_performance import shared_iso_performance as shared_iso_performance
    from budget.studies.make_plan import make_plan as make_plan
    from budget.studies.next_runs.next_runs import next_runs as next_runs
    from budget.tables.candidates import Candidates as Candidates
    from budget.tables.candidates import candidates_from_frame as candidates_from_frame
    from budget.tables.candidates import read_candidates as read_candidates
    from budget.tables.checks.quality import check as check
    from budget.tables.cotrained import Cotrained as Cotrained
    from budget.tables.cotrained import cotrained_from_frame as cotrained_from_frame
    from budget.tables.cotrained import read_cotrained as read_cotrained
    from budget.tables.loss_score_pairs import read_pair as read_pair
    from budget.tables.runs import Runs as Runs
    from budget.tables.runs import read_runs as read_runs
    from budget.tables.runs import runs_from_frame as runs_from_frame
    from budget.tables.tasks import TaskSettings as TaskSettings
    from budget.tables.tasks import default_tasks as default_tasks
    from budget.tables.tasks import read_tasks as read_tasks

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
    "sensitivity": "budget.curves.checks.sensitivity",
    "read_pair": "budget.tables.loss_score_pairs",
    "with_link": "budget.curves.link.fit",
    "plan_spec": "budget.allocation.spec.make_spec",
    "allocate": "budget.allocation.solve",
    "Plan": "budget.allocation.plan.plan",
    "choose": "budget.portfolio.portfolio",
    "Portfolio": "budget.portfolio.portfolio",
    "plan_shared": "budget.allocation.mixture.plan_mixture",
    "SharedPlan": "budget.allocation.mixture.shared_plan",
    "iso_loss": "budget.allocation.mixture.iso_loss",
    "grow": "budget.studies.growth.growth",
    "grow_strategies": "budget.studies.growth.growth_by_strategy",
    "dilution": "budget.studies.growth.dilution",
    "shared_iso_performance": "budget.studies.growth.iso_performance",
    "group_tasks": "budget.studies.groups.groups",
    "Groups": "budget.studies.groups.groups",
    "measured_transfer": "budget.studies.groups.measured_transfer",
    "law_transfer": "budget.studies.groups.law_transfer",
    "next_runs": "budget.studies.next_runs.next_runs",
    "backtest": "budget.studies.backtest",
    "make_plan": "budget.studies.make_plan",
    "measure": "budget.lab.transformer.sweep",
    "plan": "budget.notebook.planning",
    "Planning": "budget.notebook.planning",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'budget' has no attribute '{name}'")
    found = getattr(import_module(_HOME[name]), name)
    if isinstance(found, FunctionType):
        from budget.calls import checked

        # ``plan`` says itself what each of its options takes
        found = globals()[name] = checked(found, compared=name != "plan")
    return found


def __dir__() -> list[str]:
    return sorted(_HOME)
