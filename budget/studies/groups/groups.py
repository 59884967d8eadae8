"""Which tasks to train together: the models of each budget, from what models of one, two or more tasks reach.

See docs/decisions/072-groups-are-a-portfolio.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.errors import AllocationError, InfeasibleError
from budget.numerics.brief import Brief
from budget.portfolio.portfolio import Portfolio, Rival, choose
from budget.studies.groups.first_order import Pool, pool_of_candidates, pool_of_pairs
from budget.studies.groups.measured_transfer import TransferMatrix, measured_transfer
from budget.tables.candidates import Candidates
from budget.tables.cotrained import Cotrained, cotrained_from_candidates
from budget.tables.tasks import TaskSettings

REFERENCES = ("specialists", "one model for all")
"""What groups are compared with, where there are such candidates within the budget."""

SAME = 1e-9
"""Relative difference of two objectives up to which neither is better."""


@dataclass(frozen=True, repr=False)
class Groups(Brief):
    """The models of each budget.

    Attributes:
        kind: what the table was: ``candidates`` or ``pairs``.
        pool: what was chosen from.
        matrix: what each task gains or loses beside another.
        portfolios: the best choice at each budget that affords one, budgets rising.
        refused: budget → why there is no choice.
        notes: what was assumed, one sentence each.
    """

    kind: str
    pool: Pool
    matrix: TransferMatrix
    portfolios: tuple[Portfolio, ...]
    refused: dict[float, str]
    notes: tuple[str, ...]

    def basis(self, chosen: np.ndarray) -> str:
        """``predicted`` where any model of chosen pairs (T,) was not measured, else ``measured``."""
        models = self.pool.candidates.model[chosen[chosen >= 0]]
        return "predicted" if self.pool.predicted[models].any() else "measured"

    def reference(self, name: str) -> tuple[float, Rival] | None:
        """One of ``REFERENCES`` at the largest budget, with that budget; ``None`` where nothing there is one."""
        if not self.portfolios:
            return None
        last = self.portfolios[-1]
        return next(((last.spec.budget, rival) for rival in last.rivals if rival.name == name), None)

    def beaten_by(self, name: str) -> Portfolio | None:
        """The choice of the smallest budget asked that is better than a reference is with the largest budget.

        On the reported split. ``None`` where there is no such reference, or no choice is better. Where ``basis`` of the
        choice or of the reference is ``predicted``, so is the comparison.
        """
        found = self.reference(name)
        if found is None:
            return None
        _, rival = found
        return next((each for each in self.portfolios if _gain(each, rival) > SAME * abs(rival.reported)), None)

    def beats_at(self, name: str) -> float | None:
        """The budget of ``beaten_by``."""
        found = self.beaten_by(name)
        return None if found is None else found.spec.budget

    def table(self) -> pd.DataFrame:
        """``groups.csv``: one row for each budget and task, with the model that serves it and what that was trained on.

        ``basis`` says of each row's value whether it was measured or predicted from pairs.
        """
        parts = []
        for found in self.portfolios:
            part, served = found.table(), found.chosen >= 0
            models = self.pool.candidates.model[found.chosen]
            part.insert(0, "budget", found.spec.budget)
            part["trained_on"] = [
                "|".join(self.pool.trained_on[model]) if on else None for model, on in zip(models, served, strict=True)
            ]
            part["basis"] = [
                None if not on else "predicted" if self.pool.predicted[model] else "measured"
                for model, on in zip(models, served, strict=True)
            ]
            parts.append(part)
        columns = ["budget", "model", "trained_on", "cost", "task", "value", "basis"]
        return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)

    def record(self) -> dict[str, Any]:
        """The study as JSON: the matrix, and each budget's portfolio with its bound, gap and baselines."""
        references = {}
        for name in REFERENCES:
            found, better = self.reference(name), self.beaten_by(name)
            references[name] = found and {
                "budget": found[0],
                "objective": found[1].objective,
                "objective_reported": found[1].reported,
                "basis": self.basis(found[1].chosen),
                "beaten_from_budget": self.beats_at(name),
                "beaten_by_basis": None if better is None else self.basis(better.chosen),
            }
        return {
            "kind": self.kind,
            "transfer": self.matrix.record(),
            "groups": [{"basis": self.basis(each.chosen), **self._labelled(each)} for each in self.portfolios],
            "refused": [{"budget": budget, "reason": reason} for budget, reason in self.refused.items()],
            "references": references,
            "notes": list(self.notes),
        }

    def _labelled(self, found: Portfolio) -> dict[str, Any]:
        """A portfolio as JSON, every model and baseline with its basis and every model with its tasks."""
        record = found.record()
        for each, model in zip(record["models"], found.models, strict=True):
            each["trained_on"] = list(self.pool.trained_on[model])
            each["basis"] = "predicted" if self.pool.predicted[model] else "measured"
        for each, rival in zip(record["baselines"], found.rivals, strict=True):
            each["basis"] = self.basis(rival.chosen)
        return record


def group_tasks(
    table: Candidates | Cotrained,
    budgets: Sequence[float] = (),
    *,
    tasks: TaskSettings | None = None,
    predict: bool = True,
    **choosing: Any,
) -> Groups:
    """Choose what to train together at each budget, with the portfolio's certificate.

    A model may serve fewer tasks than it was trained on, as in Standley et al. 2020. From a table of pairs, larger
    groups are predicted (``first_order``) and every choice that uses one says so; its bound is one on predicted
    values, and choosing the best of many predictions favours those that are too good.

    Args:
        table: candidates, or a table of pairs.
        budgets: what the models may cost together, any number of budgets; none asks for the matrix alone.
        tasks: weights, targets and unserved values, for every task with a value.
        predict: whether a table of pairs may be completed by predicted groups.
        choosing: further arguments of ``portfolio.choose``.

    Raises:
        AllocationError: see ``portfolio.choose``.
        InfeasibleError: no budget affords models that serve every task; the sentence is that of the largest.
    """
    if isinstance(table, Candidates):
        measured, kind = cotrained_from_candidates(table), "candidates"
        matrix, pool = measured_transfer(measured), pool_of_candidates(table)
    else:
        measured, kind = table, "pairs"
        matrix = measured_transfer(measured)
        pool = pool_of_pairs(measured, matrix, predict=predict and len(budgets) > 0)
    portfolios, refused = [], {}
    for budget in sorted({float(budget) for budget in budgets}):
        if budget != budget:
            raise AllocationError("A budget is not a number; give one such as 3.")
        try:
            portfolios.append(choose(pool.candidates, budget, tasks=tasks, **choosing))
        except InfeasibleError as error:
            refused[budget] = str(error)
    if refused and not portfolios:
        raise InfeasibleError(list(refused.values())[-1])
    groups = Groups(kind, pool, matrix, tuple(portfolios), refused, (*measured.notes, *pool.notes))
    notes = [f"Budget {budget:g}: {reason}" for budget, reason in refused.items()]
    notes += [note for each in portfolios for note in each.notes if note.startswith(("Stopped", "Too", "Columns"))]
    if any(groups.basis(each.chosen) == "predicted" for each in portfolios):
        notes.append(
            "Groups of basis 'predicted' were never measured: their values are means of pairwise gains, and choosing "
            "the best of many predictions favours those that are too good; measure the chosen groups first."
        )
    if portfolios and pool.candidates.select is pool.candidates.report:
        notes.append(
            "Groups are chosen and reported on the same measurements, which flatters them; report another split, or "
            "measure the chosen groups again."
        )
    return Groups(kind, pool, matrix, groups.portfolios, refused, tuple(dict.fromkeys((*groups.notes, *notes))))


def _gain(found: Portfolio, rival: Rival) -> float:
    """How much better a choice is than a reference, on the reported split."""
    return (found.reported - rival.reported) * (1 if found.higher_is_better else -1)
