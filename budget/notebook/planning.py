"""One call from measured runs to a plan, and the plan that it returns.

See docs/decisions/147-a-notebook-asks-as-the-command-does.md.
"""

import io
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field, replace
from html import escape
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import pandas as pd

from budget.allocation.plan.plan import Plan
from budget.allocation.plan.plan_warnings import left_out
from budget.commands.options.option_types import together
from budget.commands.options.planning_options import Asking
from budget.commands.plan import ASKED, FITTED
from budget.commands.running.group import command
from budget.commands.running.planned_study import FittedRuns, fit_runs, study_of
from budget.commands.running.question_options import refuse_words
from budget.errors import BudgetError, CallError
from budget.notebook.asking import Table, as_files, in_words_of_a_call, said_in_a_sentence, words_of
from budget.notebook.views import CurvesView, FocusView, framed, text_table
from budget.numerics.quantities.amounts import GIVEN, Unit
from budget.process_settings import quiet_jax
from budget.report.decision_response import shown_response
from budget.report.page.html import render_html
from budget.report.page.markdown import render_markdown
from budget.report.page.report_files import report_files
from budget.report.page.story import build_story
from budget.report.progress import STREAM
from budget.report.sentences.facts import is_shared
from budget.report.sentences.headline import headline, summary
from budget.studies.make_plan import Study
from budget.studies.strategies.recommendation import Recommendation
from budget.tables.files.write_files import write_folder, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 12
"""Tasks that a plan shows of itself; ``table`` has all."""

COLUMNS = (
    "task", "tasks", "spend", "params", "tokens", "predicted", "low", "high", "extrapolation", "beyond",
)  # fmt: skip
"""Those of a table of tasks or of models that a plan shows of itself."""


@dataclass(frozen=True)
class Answer:
    """What the command finds, before it is written anywhere.

    Attributes:
        fitted: the curves.
        study: the plan and everything around it.
        units: the units that amounts were given in.
    """

    fitted: FittedRuns
    study: Study
    units: Mapping[str, Unit]


@command("plan", 'budget.plan(runs, "10 ZFLOP")')
@click.argument("runs_path", metavar="RUNS")
@together(ASKED, FITTED)
def answer(runs_path: str, strategies: tuple[str, ...], asking: Asking, order: str, **fitting: Any) -> Answer:
    """What ``budget plan`` computes; with curves that are there already these are used, and no file is read."""
    refuse_words(asking)
    known: FittedRuns | None = click.get_current_context().obj
    fitted = fit_runs(runs_path, **fitting) if known is None else known
    return Answer(fitted, study_of(fitted, asking, strategies, order), dict(GIVEN.get()))


_FIT = frozenset(
    name.removeprefix("--").replace("-", "_")
    for param in click.command()(FITTED(lambda **_: None)).params
    for name in param.opts
) | {"columns"}
"""The arguments that say how curves are fitted, which another question of the same curves cannot change."""


@dataclass(frozen=True)
class Planning:
    """A plan in a notebook or script: it shows itself, and answers further questions by the same curves.

    Attributes:
        study: everything that was computed, of which ``plan`` and ``recommendation`` are parts.
        notes: what was assumed, guessed or left out, one sentence each.
        asked: the options that were given, by which ``what_if`` asks again.
    """

    study: Study
    notes: tuple[str, ...]
    asked: Mapping[str, Any] = field(repr=False)
    _runs: Table = field(repr=False)
    _fitted: FittedRuns = field(repr=False)
    _units: Mapping[str, Unit] = field(repr=False)
    _quiet: bool = field(default=False, repr=False)

    @property
    def plan(self) -> Plan:
        """The best split among one model for each task, or the one model where the runs are of one."""
        return self.study.plan

    @property
    def recommendation(self) -> Recommendation | None:
        """What to train by every strategy that was measured; ``None`` where the runs hold one."""
        return self.study.recommendation

    @property
    def curves(self) -> CurvesView:
        """The fitted curves, which can be shown, drawn and put into a table."""
        return CurvesView(self.study.curves, self.study)

    def focus(self) -> FocusView:
        """Which strategy serves which set of tasks best at which budget.

        Raises:
            CallError: the runs hold one strategy.
        """
        if self.study.focus is None:
            raise CallError(
                "These runs are of one strategy, so there is nothing to compare: add runs of models that were trained "
                "on several tasks (columns run and strategy)."
            )
        return FocusView(self.study.focus, self.study)

    def table(self, what: str | None = None) -> pd.DataFrame:
        """A table of the plan.

        Args:
            what: ``models`` (to train, as models.csv), ``tasks`` (the best split among one model for each, as
                allocation.csv), ``growth`` (as tasks are added) or ``budgets`` (the objective at other budgets of what
                column ``models`` says: those recommended, where some of them serve several tasks). By default what the
                headline speaks of: models where some of them serve several tasks, else tasks.

        Raises:
            CallError: there is no such table.
        """
        study = self.study
        what = what or ("models" if self._shares else "tasks")
        if what == "tasks":
            return study.plan.table()
        if what == "models":
            if study.recommendation is None:
                raise CallError("These runs are of one strategy: each task has its own model, see table('tasks').")
            return study.recommendation.table()
        if what == "growth":
            if study.growth is None:
                raise CallError("This question has no growing set of tasks; the notes say why.")
            return study.growth.table()
        if what == "budgets":
            return self._budgets()
        raise CallError(f"There is no table {what!r}; choose 'tasks', 'models', 'growth' or 'budgets'.")

    def what_if(self, budget: float | str | None = None, **changed: object) -> "Planning":
        """The answer to another question by the same curves, which takes no new fit.

        Args:
            budget: another total, such as ``"20 ZFLOP"``.
            changed: other options of planning, such as ``reach=inf`` or ``strategy="specialists"``.

        Raises:
            CallError: an option is of the fit, for which ``budget.plan`` has to be called again.
        """
        asked = {**self.asked, **({} if budget is None else {"budget": budget}), **changed}
        for name in changed:
            if name in _FIT:
                raise CallError(f"{name} says how curves are fitted: call budget.plan(…, {name}=…) again.")
        return _asked(self._runs, asked, self._quiet, self._fitted, self.notes)

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Each task's share of the budget with its interval, beside the simple splits (needs matplotlib).

        Args:
            axes: where to draw; a new figure where none is given.
        """
        from budget.notebook.plots import spends

        with self._in_units():
            return spends(self.study, axes)

    def report(self, path: str | Path) -> Path:
        """Write the planning report.

        Args:
            path: a file that ends with ``.html`` or ``.md``, or a folder for all files that ``budget plan`` writes.

        Returns:
            The path.
        """
        written = Path(path)
        with self._in_units():
            if written.suffix == ".html":
                write_text(written, render_html(self.study, build_story(self.study)))
            elif written.suffix == ".md":
                write_text(written, render_markdown(build_story(self.study)))
            else:
                write_folder(written, report_files(self.study))
        return written

    def __repr__(self) -> str:
        """One screen: what to train, what it reaches, the tasks with the largest spends."""
        with self._in_units():
            said = [headline(self.study), *summary(self.study), *self._spoilt]
        table = self.table().sort_values("spend", ascending=False, kind="stable")
        shown = table[[name for name in COLUMNS if name in table]].dropna(axis=1, how="all")
        return "\n".join([*said, "", *text_table(shown, ROWS)])

    def _repr_html_(self) -> str:
        """The report's first page: headline, tiles and pictures."""
        with self._in_units():
            story = build_story(self.study)
            page = render_html(self.study, replace(story, sections=()))
        return framed(page, story.headline) + _notes(self.notes)

    def _budgets(self) -> pd.DataFrame:
        """The objective at other budgets, and of whose models it is."""
        answer = shown_response(self.study)
        models = "recommended" if self._shares and not answer.alone else "one for each"
        if is_shared(self.plan):
            models = "one for all"
        return pd.DataFrame({"budget": answer.budget, "objective": answer.objective, "models": models})

    @property
    def _spoilt(self) -> tuple[str, ...]:
        """The tasks that a row of the table keeps out of the headline's numbers, and the row."""
        planned = self.study.planned
        said = left_out(planned) if planned.spoilt else ()
        return tuple(in_words_of_a_call(each, answer, {"runs": self._runs}) for each in said)

    @property
    def _shares(self) -> bool:
        """Whether some model is to serve several tasks."""
        return self.recommendation is not None and self.recommendation.shares

    @contextmanager
    def _in_units(self) -> Iterator[None]:
        """Amounts are written in the units that they were given in."""
        before = GIVEN.set(self._units)
        try:
            yield
        finally:
            GIVEN.reset(before)


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<details><summary>{len(notes)} notes</summary><ul>{items}</ul></details>"


def plan(
    runs: Table,
    budget: float | str | None = None,
    tasks: Table | None = None,
    *,
    mixtures: Table | None = None,
    columns: Mapping[str, str] | None = None,
    where: str | Sequence[str] = (),
    law: str = "auto",
    draws: int = 200,
    seed: int = 0,
    unit: str | None = None,
    params: float | str | None = None,
    price: str | None = None,
    strategy: str | Sequence[str] | None = None,
    reach: float = 10.0,
    backtest: bool = True,
    quiet: bool = False,
    **options: object,
) -> Planning:
    """Plan a budget over tasks, from measured runs: what ``budget plan`` does, without a file.

    Args:
        runs: one row a measurement, a DataFrame or the path of any file that ``budget`` reads.
        budget: the total: a number in ``unit``, or text such as ``"10 ZFLOP"``, ``"100 H100-days"``, ``"2T tokens"``.
            Only the cheapest plan needs none.
        tasks: weights, targets, limits and best values of the tasks.
        mixtures: what each run was trained on, for the law ``transfer``.
        columns: canonical column name → the table's own, where it is not guessed right.
        where: conditions that rows must meet, such as ``"split=test"``.
        law: of the curves, see ``budget laws``.
        draws: behind every interval.
        seed: of the draws.
        unit: ``flops``, ``tokens`` or ``x``; by default what the law trades.
        params: the size of every model, where a budget of tokens is planned.
        price: what an hour of a device costs, such as ``"2.50/H100-hour"``, for a budget in money.
        strategy: what competes: ``specialists``, ``shared``, or strategies of the runs; by default all.
        reach: how far beyond the measured runs of a task its plan may go; ``inf`` lifts it.
        backtest: whether each curve is judged by hiding its largest runs.
        quiet: show no progress; what is said of the plan stands in its ``notes`` in any case.
        options: any other option of ``budget plan``, with ``_`` for ``-``, such as ``last_of="run"``, and
            every question of ``budget allocate``, such as ``objective="worst"``.

    Returns:
        The plan, which shows itself in a notebook.

    Raises:
        BudgetError: one sentence that says what to mend.
    """
    stated = {
        "budget": budget, "columns": columns, "where": where, "law": law, "draws": draws, "seed": seed, "unit": unit,
        "params": params, "price": price, "strategy": strategy, "reach": reach, "backtest": backtest, **options,
    }  # fmt: skip
    usual = {name: parameter.default for name, parameter in signature(plan).parameters.items()}
    # what is as usual is not said, so that budget.toml may say it
    asked = {_OPTION.get(name, name): given for name, given in stated.items() if given != usual.get(name, None)}
    return _asked(runs, {**asked, "tasks": tasks, "mixtures": mixtures}, quiet)


_OPTION = {"columns": "column"}
"""A parameter → the command's option, where the two are called differently."""


def _asked(
    runs: Table,
    asked: Mapping[str, Any],
    quiet: bool,
    known: FittedRuns | None = None,
    earlier: Sequence[str] = (),
) -> Planning:
    """What the command answers to a question, any of whose tables may be in memory."""
    quiet_jax()
    said = io.StringIO()
    stream = STREAM.set(None if quiet else sys.stderr)  # what follows on standard error are notes
    frames = {name: given for name, given in asked.items() if isinstance(given, pd.DataFrame)}
    try:
        with (
            as_files({"runs": runs, **frames}) as paths,
            redirect_stderr(said),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # what a library says of itself means nothing to a planner
            words = [str(paths["runs"]), *words_of(answer, {**asked, **{name: paths[name] for name in frames}})]
            context = answer.make_context("plan", words, obj=known)
            with context:
                found = cast(Answer, answer.invoke(context))
    except click.ClickException as error:
        raise said_in_a_sentence(error) from None
    except BudgetError as error:
        raise type(error)(in_words_of_a_call(str(error), answer, {"runs": runs, **frames})) from None
    finally:
        STREAM.reset(stream)
    lines = [*earlier, *said.getvalue().splitlines(), *found.study.plan.warnings, *found.study.notes]
    lines = [in_words_of_a_call(line, answer, {"runs": runs, **frames}) for line in lines]
    return Planning(
        found.study, tuple(dict.fromkeys(filter(None, lines))), dict(asked), runs, found.fitted, found.units,
        quiet,
    )  # fmt: skip
