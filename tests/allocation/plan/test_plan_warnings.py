"""What is said first of a plan: the gravest first, each once, and short."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.evaluate import evaluate
from budget.allocation.plan.plan_warnings import curve_warnings
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.tables.checks.status import STATUS
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made

CURVES = made.chinchilla()
POOR = ("poor_fit", "the law explains 12% of the spread of the values")


def planned(curves, budget=1e21, tasks=None, **asked):
    usable = curves.usable()
    tasks = default_tasks(usable.tasks) if tasks is None else tasks
    return allocate(usable, plan_spec(usable, tasks, budget, **asked), draws=False)


def named(count):
    """Curves of so many tasks."""
    return made.power({f"t{i}": (1.0, 100.0 + i, 0.3) for i in range(count)})


def test_a_sound_plan_has_nothing_to_say_first():
    assert planned(CURVES).warnings == ()


def test_tasks_that_are_left_out_come_first_then_the_file_then_its_tasks():
    curves = replace(
        CURVES,
        status=("ok", "no_signal", "poor_fit"),
        message=("", "no trend", POOR[1]),
        findings=((), (("no_signal", "no trend"),), (POOR,)),
        warnings=("Column 'flops' looks like PetaFLOPs.",),
    )
    plan = planned(curves)
    assert plan.warnings == (
        "Only 2 of 3 tasks are planned. Left out: code (no_signal).",
        "Column 'flops' looks like PetaFLOPs.",
        f"Task 'maths' (poor_fit): {POOR[1]}; {STATUS['poor_fit'].advice}.",
    )
    assert not set(plan.warnings) & set(plan.notes)
    assert plan.record()["warnings"] == list(plan.warnings) and next(iter(plan.record())) == "warnings"


def test_many_tasks_are_counted():
    curves = named(20)
    status = ("no_signal",) * 18 + ("ok",) * 2
    plan = planned(replace(curves, status=status, message=("x",) * 20))
    first = "t0 (no_signal), t1 (no_signal), t2 (no_signal), t3 (no_signal) and 14 more"
    assert plan.warnings == (f"Only 2 of 20 tasks are planned. Left out: {first}.",)
    plan = planned(replace(curves, findings=((POOR,),) * 20))
    assert plan.warnings[0].startswith("20 of 20 tasks have status poor_fit: t0, t1, t2, t3 and 16 more; ")
    assert all(len(said) <= 300 for said in plan.warnings)


@pytest.mark.parametrize("code", [code for code, status in STATUS.items() if status.used])
def test_the_codes_with_a_headline_are_said_and_no_others(code):
    curves = replace(CURVES, findings=(((code, "so and so"),), (), ()))
    said = curve_warnings(curves)
    assert bool(said) == STATUS[code].headline
    assert all(f"Task 'prose' ({code}): so and so; {STATUS[code].advice}." == each for each in said)


@pytest.mark.parametrize(("factor", "asks"), [(1e3, False), (5e7, True), (1e-9, True)])
def test_a_plan_far_beyond_every_run_asks_for_the_unit(factor, asks):
    plan = planned(CURVES, 6 * 2e9 * 5e10 * factor)
    said = [each for each in plan.warnings if each.endswith("is the budget in the file's unit?")]
    assert len(said) == asks
    assert not any("rest on the law" in note and "flops" in note for note in plan.notes) or not asks


def test_a_plan_worse_than_today_says_so_and_why():
    tasks = replace(
        default_tasks(CURVES.tasks), current=np.array([3e20, 3e20, 4e20]), max=np.array([np.nan, 1e19, 1e19])
    )
    plan = planned(CURVES, 1e21, tasks)
    (said,) = plan.warnings
    assert said.startswith("The plan is worse than today's split (")
    assert said.endswith("which breaks the max of code and maths: no plan that keeps all limits is as good.")
    more = planned(CURVES, 2e21, tasks)
    assert "today's split (" in more.warnings[0]
    less = planned(CURVES, 5e20, tasks)
    assert "today's split scaled to the budget (" in less.warnings[0]
    spec = plan_spec(CURVES, tasks, 1e21)
    scored = evaluate(CURVES, spec, Split(tasks.current, np.full(3, np.nan), np.full(3, np.nan)), plan)
    assert scored.warnings == () and any("breaks the max of code and maths" in note for note in scored.notes)
    fits = planned(CURVES, 1e21, replace(tasks, max=np.full(3, np.nan)))
    assert fits.warnings == ()


def test_a_prediction_outside_its_own_interval_is_said_in_the_table():
    curves = made.chinchilla(draws=30)
    curves = replace(curves, draws=curves.draws + np.array([0.5, 0.0, 0.0, 0.0, 0.0]) * (np.arange(3) == 1)[:, None])
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 1e21))
    assert plan.outside.tolist() == [False, True, False]
    assert plan.table()["status"].tolist() == ["ok", "ok; outside_interval", "ok"]
    assert any(note.startswith("The prediction of code lies outside its own 80 % interval") for note in plan.notes)
