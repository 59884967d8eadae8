"""Questions that are odd but plausible: each of them once ended in a traceback or in a plan of something else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from budget.allocation.convex import solve_by_program
from budget.allocation.evaluate import evaluate
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import Prices
from budget.commands import main
from budget.curves.records.writing import record_of
from budget.errors import AllocationError, InfeasibleError
from budget.tables.files.text import json_text
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made
from tests.simulate import Truth

CURVES = made.chinchilla()
SHARED = made.one_model(CURVES)
TASKS = replace(default_tasks(CURVES.tasks), target=np.array([2.3, 1.3, 2.2]), unserved=np.array([5.0, 4.0, 4.0]))
REPEATED = {"web": tuple(made.MUENNIGHOFF.values()), "code": (0.9, 120.0, 0.3, 900.0, 0.36, 15.0, 5.0)}


def run(tmp_path: Path, curves, *arguments: object) -> Result:
    path = tmp_path / "curves.json"
    path.write_text(json_text(record_of(curves)))
    words = ["allocate", str(path), *(str(argument) for argument in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def planned(budget, curves=CURVES, tasks=TASKS, draws=False, **asked):
    return allocate(curves, plan_spec(curves, tasks, budget, **asked), draws=draws)


@pytest.mark.parametrize("curves", [CURVES, SHARED])
def test_the_cheapest_plan_without_a_budget_is_valid_json(tmp_path, curves):
    targets = tmp_path / "tasks.csv"
    targets.write_text("task,target\nprose,2.3\ncode,1.3\nmaths,2.2\n")
    result = run(tmp_path, curves, "--objective", "cheapest", "--tasks", targets, "--reach", "inf", "--json")
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert record["budget"] is None and record["shadow_price_per_percent"] is None


@pytest.mark.parametrize("objective", ["mean", "worst", "targets"])
@pytest.mark.parametrize("unit", ["flops", "tokens"])
@pytest.mark.parametrize("law", ["chinchilla", "repeat"])
def test_the_ranges_of_a_shared_models_inputs_are_of_what_they_are_called(law, unit, objective):
    made_of = made.chinchilla if law == "chinchilla" else lambda **more: made.repeat(REPEATED, **more)
    curves = made.one_model(made_of(draws=12))
    count = len(curves.tasks)
    tasks = replace(default_tasks(curves.tasks), target=np.full(count, 3.0), unique_tokens=np.full(count, 1e10))
    sized = {"unit": "tokens", "params": 1e9} if unit == "tokens" else {}
    plan = planned(1e11 if unit == "tokens" else 1e21, curves, tasks, draws=True, objective=objective, **sized)
    assert set(plan.input_ranges) == ({"tokens"} if unit == "tokens" else {"params", "tokens"})
    for name, (low, high) in plan.input_ranges.items():
        there = plan.tokens[0] if name == "tokens" else plan.params[0]
        assert low / 10 <= there <= high * 10
    if unit == "tokens":
        np.testing.assert_allclose(plan.input_ranges["tokens"], 1e11, rtol=1e-9)


def test_tokens_are_not_priced_as_flops():
    """Curves of tokens alone, from a file whose runs also say their FLOPs."""
    curves = made.power({"prose": (1.7, 400.0, 0.3), "code": (0.9, 900.0, 0.36)}, scale="tokens")
    ends = {
        end: getattr(curves, end) | {"flops": 6e8 * getattr(curves, end)["tokens"]} for end in ("largest", "smallest")
    }
    curves = replace(curves, cost=made.SIX, **ends)
    with pytest.raises(AllocationError, match="do not say how many a run takes"):
        planned(1e5, curves, default_tasks(curves.tasks), unit="money", prices=Prices(2.0, 1e15, 0.4))
    tasks = replace(default_tasks(curves.tasks), unit_cost=np.array([1e-9, 2e-9]))
    plan = planned(10.0, curves, tasks, unit="money")
    np.testing.assert_allclose(plan.spend, plan.tokens * tasks.unit_cost, rtol=1e-9)
    np.testing.assert_allclose(plan.extrapolation, plan.tokens / curves.largest["tokens"], rtol=1e-9)


def test_linear_limits_of_tasks_are_refused_for_one_shared_model():
    limits = (Limit("a", np.array([1.0, 0.0, 0.0]), upper=1e20),)
    with pytest.raises(AllocationError, match="Limit 'a' limits what tasks are given"):
        planned(1e22, SHARED, limits=limits)


@pytest.mark.parametrize(
    "curves", [CURVES, SHARED, made.power({"prose": (1.7, 400.0, 0.3), "code": (0.9, 900.0, 0.4)})]
)
def test_a_split_that_gives_nothing_at_all_is_scored(curves):
    count = len(curves.tasks)
    tasks = replace(default_tasks(curves.tasks), unserved=np.arange(count) + 4.0)
    spec = plan_spec(curves, tasks, 1e21)
    nothing = Split(np.zeros(count), np.full(count, np.nan), np.full(count, np.nan))
    plan = evaluate(curves, spec, nothing, allocate(curves, spec, draws=False))
    np.testing.assert_allclose(plan.objective, tasks.unserved.mean(), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--limit", "tokens=abc"],
            "--limit tokens is 'abc', which is not a number, nor an amount; give one such as 1e22, 10 ZFLOP",
        ),
        (["--sizes", "1e8,x"], "A size of --sizes is 'x', which is not a number; give one such as 1e8."),
        (
            ["--budget", "much"],
            "--budget is 'much', which is not a number, nor an amount; give one such as 1e22, 10 ZFLOP",
        ),
    ],
)
def test_a_wrong_number_is_named_by_its_own_option(tmp_path, options, said):
    result = run(tmp_path, CURVES, "--budget", "1e22", *options)
    assert result.exit_code == 1 and said in result.stderr


@pytest.mark.parametrize(
    "asked",
    [
        {"allow_unserved": True},
        {"sizes": (3e8, 1e9, 3e9)},
        {"objective": "targets"},
        {"objective": "cheapest", "at_least": 1},
        {"objective": "worst", "allow_unserved": True},
    ],
)
def test_repeated_data_are_planned_separately(asked):
    curves = made.repeat(REPEATED)
    count = len(curves.tasks)
    tasks = replace(
        default_tasks(curves.tasks),
        unserved=np.full(count, 8.0),
        target=np.array([2.9, 1.6]),
        unique_tokens=np.array([1e9, 1e10]),
    )
    plan = planned(1e21, curves, tasks, **asked)
    best = min(plan.baselines, key=lambda each: each.objective if not plan.larger_is_better else -each.objective)
    assert plan.gain_over(best) >= -1e-3 * abs(best.objective)
    assert plan.gap <= 1e-3 * abs(plan.objective)
    if asked == {"allow_unserved": True}:  # nobody is left out, so it is the convex plan
        np.testing.assert_allclose(plan.objective, planned(1e21, curves, tasks).objective, rtol=1e-4)


@pytest.mark.parametrize("budget", [1e24, 1e28, 1e30, 1e40, 1e50, 1e58])
def test_the_worst_task_at_its_floor_to_rounding(budget):
    """However large the budget, the plan stays positive and is no worse than the even split."""
    plan = planned(budget, objective="worst", measure="value")
    assert (plan.spend > 0).all() and plan.spend.sum() <= budget * (1 + 1e-9)
    even = next(each.objective for each in plan.baselines if each.name == "uniform")
    assert plan.objective <= even * (1 + 1e-12)
    assert plan.gap <= 1e-9


@pytest.mark.parametrize("objective", ["mean", "worst", "targets", "cheapest"])
def test_a_frozen_task_keeps_its_spend_where_others_may_be_given_nothing(objective):
    tasks = replace(TASKS, current=np.array([1e20, 2e20, 3e20]))
    asked = {"objective": objective, "allow_unserved": True, "freeze": ("code", "maths")}
    if objective == "cheapest":
        asked["at_least"] = 1
    plan = planned(6e20, tasks=tasks, **asked)
    np.testing.assert_allclose(plan.spend[1:], [2e20, 3e20], rtol=1e-9)
    with pytest.raises(InfeasibleError, match="The frozen tasks code and maths spend 5e"):
        planned(4e20, tasks=tasks, **asked)


def test_sizes_that_cost_more_to_serve_than_there_is_are_no_choice():
    tasks = replace(TASKS, served_tokens=np.array([1e11, 0.0, 0.0]))
    plan = planned(1e21, SHARED, tasks, sizes=(1e9, 1e12))
    np.testing.assert_allclose(plan.params, 1e9, rtol=1e-12)
    with pytest.raises(InfeasibleError, match="Serving the smallest of the --sizes takes 2e"):
        planned(1e18, SHARED, tasks, sizes=(1e9, 1e10))


def test_what_a_shared_model_uses_is_what_it_is_given():
    """Also where it serves all tasks, and whatever their data would cost if anything here were paid in money."""
    tasks = replace(TASKS, served_tokens=np.array([1e11, 2e11, 3e11]), unit_cost=np.array([1e-9, 2e-9, 3e-9]))
    plan = planned(1e21, SHARED, tasks)
    np.testing.assert_allclose(plan.used["flops"], plan.spend, rtol=1e-9)
    np.testing.assert_allclose(plan.spend, 6 * plan.params * plan.tokens + 2 * plan.params * 6e11, rtol=1e-9)
    with pytest.raises(AllocationError, match="different unit_cost"):
        planned(1e3, SHARED, tasks, unit="money", prices=Prices(2.0, 1e15, 0.4))


def test_a_plan_whose_bound_does_not_show_it_is_not_called_optimal(monkeypatch):
    assert planned(1e22).solver_status == "optimal"
    certify = solve_by_program.certify

    def loose(*arguments):
        found = certify(*arguments)
        return replace(found, bound=found.bound - 0.1)

    monkeypatch.setattr(solve_by_program, "certify", loose)
    plan = planned(1e22)
    assert plan.gap >= 0.09 and plan.solver_status == "not proven optimal"


@pytest.mark.parametrize("seed", [7, 44, 101])
def test_a_task_that_needs_next_to_nothing_of_a_limited_unit_is_given_it(seed):
    """Less than the solver's tolerance of the largest amount; it came back as nothing, and the task at 1e240."""
    random = np.random.default_rng(seed)
    truths = {
        "easy": Truth(0.0, 10 ** random.uniform(0, 2), 0.5, 10 ** random.uniform(0, 2), 0.9),
        "other": Truth(0.0, 10 ** random.uniform(0, 2), 0.3, 10 ** random.uniform(0, 3), 0.8),
        "hard": Truth(1.5, 10 ** random.uniform(2, 4), 0.2, 10 ** random.uniform(2, 4), 0.2),
    }
    curves = made.chinchilla(truths)
    limits = (
        Limit("data", np.array([0.1, 0.5, 0.8]), "tokens", upper=1e11),
        Limit("own", np.array([0.5, -2.0, 0.2]), upper=1e22),
    )
    plan = planned(4e22, curves, default_tasks(curves.tasks), objective="worst", limits=limits)
    assert plan.predicted[:2].max() <= plan.predicted[2] * (1 + 1e-6)
    assert plan.gap <= 1e-6 * plan.objective


def test_the_cheapest_plan_is_told_from_one_that_misses_its_targets():
    spec = plan_spec(CURVES, TASKS, 1e25, objective="cheapest")
    best = allocate(CURVES, spec, draws=False)
    assert not any("unspent" in note for note in best.notes)
    split = Split(np.full(3, 1e18), np.full(3, np.nan), np.full(3, np.nan))
    assert any("meets 0 of the 3 targets" in note for note in evaluate(CURVES, spec, split, best).notes)
    same = evaluate(CURVES, spec, replace(split, spend=best.spend), best)
    assert not any("targets" in note for note in same.notes)
    with pytest.raises(InfeasibleError, match="above the budget of 1e"):
        planned(1e19, objective="cheapest")
