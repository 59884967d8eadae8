"""Wrong calls of the public functions end in one sentence, whatever is given."""

import inspect
import types

import numpy as np
import pandas as pd
import pytest

import budget
from budget.calls import _fits, _stated, checked
from budget.errors import BudgetError, CallError

RUNS = pd.DataFrame({"task": "a", "run": range(6), "x": [1.0, 2, 4, 8, 16, 32], "value": [3, 2.6, 2.3, 2.1, 2, 1.9]})
FUNCTIONS = [name for name in budget.__all__ if isinstance(getattr(budget, name), types.FunctionType)]
WRONG = (None, 3, "text", 2.5, True, [1], {}, object(), np.arange(3), RUNS, RUNS.iloc[:0])


@pytest.fixture(scope="module")
def curves():
    return budget.fit_curves(budget.runs_from_frame(RUNS), "power", draws=0)


def test_most_of_what_is_public_is_checked():
    assert len(FUNCTIONS) > 20
    for name in FUNCTIONS:
        function = getattr(budget, name)
        assert inspect.signature(function) == inspect.signature(inspect.unwrap(function)) and function.__doc__
        hints = _stated(inspect.unwrap(function))[1]
        named = [each for each in inspect.signature(function).parameters.values() if each.kind not in (2, 4)]
        assert len(hints) >= len(named) - 1, name  # what only type checkers see is not compared


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda each: type(each).__name__)
def test_a_wrong_first_argument_is_told_in_a_sentence(name, wrong):
    function = getattr(budget, name)
    first, *others = inspect.signature(function).parameters.values()
    due = _stated(inspect.unwrap(function))[1][first.name]
    given = {each.name: 1 for each in others if each.default is each.empty and each.kind in (0, 1, 3)}
    if name in ("measure", "plan") or _fits(wrong, due):
        return  # 'measure' would train, and 'plan' has tests of its own
    with pytest.raises(BudgetError) as caught:
        function(wrong, **given)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: budget.runs_from_frame(RUNS.iloc[:0]), "the runs table: there are column names but no rows"),
        (lambda c: budget.runs_from_frame(pd.DataFrame()), "column 'value' is missing"),
        (lambda c: budget.runs_from_frame(RUNS.to_dict("list")), "frame is a dict, where a pandas DataFrame is due."),
        (lambda c: budget.runs_from_frame(pd.concat([RUNS, RUNS[["x"]]], axis=1)), "column 'x' stands twice"),
        (lambda c: budget.read_runs(RUNS), "path is a DataFrame, where a text or a path is due."),
        (lambda c: budget.read_runs("a.csv", where="task=a"), "where is 'task=a', where a list is due."),
        (lambda c: budget.fit_curves(None), "as budget.read_runs or runs_from_frame returns it."),
        (lambda c: budget.fit_curves(RUNS, draws=-1), "-1 draws cannot be drawn"),
        (lambda c: budget.fit_curves(RUNS, draws="many"), "draws is 'many', where a whole number is due."),
        (lambda c: budget.fit_curves(RUNS, lw="power"), "keyword argument 'lw'; it is called fit_curves(runs"),
        (lambda c: budget.fit_curves(), "missing a required argument: 'runs'"),
        (lambda c: budget.plan_spec(c, budget.default_tasks(["b"]), 9.0), "The settings lack a, which have curves"),
        (lambda c: budget.plan_spec(c, budget.default_tasks(["a"]), "9"), "budget is '9', where a number or None"),
        (lambda c: budget.plan_spec(c, budget.default_tasks(["a"]), -9.0), "The budget is -9; give a positive number."),
        (lambda c: budget.allocate(c, 9.0), "spec is 9.0, where PlanSpec is due, as budget.plan_spec returns it."),
        (lambda c: budget.default_tasks(["a", "a"]), "Task 'a' stands twice."),
        (lambda c: budget.default_tasks([]), "There is no task"),
        (lambda c: budget.default_tasks("a"), "names is 'a', where a list of names is due."),
        (lambda c: budget.backtest(budget.runs_from_frame(RUNS), ["pwr"]), "There is no law 'pwr'; choose one of"),
        (lambda c: budget.iso_loss(0.3, 0.3, 0.1, 0.1, 0), "ratio are 0.3, 0.3 and 0"),
        (lambda c: budget.candidates_from_frame(pd.DataFrame({"model": [], "cost": []})), "no rows"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_is_due(curves, call, said):
    with pytest.raises(BudgetError) as caught:
        call(curves)
    assert said in str(caught.value)


def test_what_is_like_a_number_or_a_list_is_taken():
    @checked
    def take(number: float, whole: int, names: list[str] | None = None, *, values: np.ndarray | float = 0.0) -> str:
        return "taken"

    assert take(np.float32(1), np.int64(2)) == take(1, 2, values=[1.0]) == take(1.5, 2, ["a"], values=3) == "taken"
    for wrong in ((True, 1), (1, 1.0), (1, 1, "a")):
        with pytest.raises(CallError):
            take(*wrong)
