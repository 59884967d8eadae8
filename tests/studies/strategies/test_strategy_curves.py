"""Curves of every strategy of one file, on simulated runs with a cost of its own for each."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.errors import DataError
from budget.studies.focus.focus import focus
from budget.studies.strategies.partition import GROUPS
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.tables.runs import runs_from_frame
from budget.tables.specialist_runs import of_specialists
from budget.tables.tasks import default_tasks
from tests.searched import strategies_searched
from tests.simulate import TRUTHS, grid

COSTS = {"specialist": (6.0, 1.0), "generalist": (7.5, 1.0), "moe": (4.0, 0.9)}
"""Strategy → kappa and p of ``kappa·N^p·D`` FLOPs."""

SHARED = {name: replace(truth, E=truth.E - 0.1, A=1.3 * truth.A) for name, truth in TRUTHS.items()}
ROUTED = {name: replace(truth, B=1.2 * truth.B) for name, truth in TRUTHS.items()}
PARAMS, TOKENS = grid(4, 4)


def rows(strategy, truths, tasks, *, kept=slice(None), **columns):
    """Noiseless runs: one model a cell of the grid, or one a cell and task."""
    params, tokens = PARAMS[kept], TOKENS[kept]
    kappa, power = COSTS[strategy]
    frames = [
        pd.DataFrame(
            {
                "task": task,
                "run": [f"{strategy}-{'|'.join(tasks)}-{task if strategy == 'specialist' else ''}{i}"
                        for i in range(len(params))],
                "strategy": strategy,
                "params": params,
                "tokens": tokens,
                "flops": kappa * params**power * tokens,
                "value": truths[task].value(params, tokens),
            }
        )
        for task in tasks
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True).assign(**columns)


@pytest.fixture(scope="module")
def strategies():
    """Three tasks alone, in a generalist of all, in experts of the first two and in a generalist of two."""
    frame = pd.concat(
        [
            rows("generalist", SHARED, ("maths", "prose", "code")),
            rows("specialist", TRUTHS, ("prose", "code", "maths")),
            rows("moe", ROUTED, ("code", "prose")),
            rows("generalist", TRUTHS, ("prose", "code")),
        ]
    )
    runs = runs_from_frame(frame)
    assert runs.tasks == ("maths", "prose", "code")
    return strategies_searched(runs, draws=4)


def test_every_arm_has_its_own_curves_under_the_tasks_own_names(strategies):
    assert not strategies.left_out and strategies.strategies == (SPECIALISTS, "generalist", "moe")
    assert strategies.specialists.tasks == ("maths", "prose", "code") and not strategies.specialists.one_model
    assert [(each.strategy, each.tasks) for each in strategies.shared] == [
        ("generalist", ("maths", "prose", "code")), ("generalist", ("prose", "code")), ("moe", ("prose", "code")),
    ]  # fmt: skip
    assert strategies.sets == (("prose", "code"), ("maths", "prose", "code"))
    assert [each.strategy for each in strategies.of(("prose", "code"))] == ["generalist", "moe"]
    inputs = np.log([[3e8, 4e9]])
    for served, truths in zip(
        (strategies.specialists, *strategies.shared), (TRUTHS, SHARED, TRUTHS, ROUTED), strict=True
    ):
        assert served.one_model == (served.strategy != SPECIALISTS) == served.curves.is_shared
        for place, task in enumerate(served.tasks):
            value = served.curves.distance(np.array([place]), inputs)[0]
            np.testing.assert_allclose(value, truths[task].value(3e8, 4e9), rtol=1e-5)


def test_every_curve_is_judged_by_a_backtest_where_that_is_asked():
    """Runs without noise pass by their own law, and a curve whose largest runs stay where they are fails."""
    short = tuple(TRUTHS)[:2]
    shared = rows("generalist", SHARED, short)
    mine, large = shared["task"] == short[1], shared["flops"] > shared["flops"].quantile(0.7)
    shared.loc[mine & large, "value"] = shared.loc[mine & ~large, "value"].min()
    frame = pd.concat([rows("specialist", TRUTHS, short), shared])
    found = strategies_searched(runs_from_frame(frame), draws=20, judging=20)
    assert set(found.specialists.curves.verdict) == {"PASS"}
    (generalist,) = (each.curves for each in found.shared)
    assert dict(zip(generalist.tasks, generalist.verdict, strict=True)) == {short[0]: "PASS", short[1]: "FAIL"}
    assert all("larger" in said for said in generalist.judged)
    unasked = strategies_searched(runs_from_frame(frame), draws=20)
    assert set(unasked.specialists.curves.verdict) == {""}


def test_every_strategy_has_its_own_cost(strategies):
    for served in (strategies.specialists, *strategies.shared):
        kappa, power = COSTS[served.strategy.removesuffix("s")]
        cost = served.curves.cost
        assert len(cost.kappa) == 1 and not cost.assumed
        np.testing.assert_allclose([cost.kappa[0], cost.params_exponent[0]], [kappa, power], rtol=1e-6)
        np.testing.assert_allclose(cost.tokens_exponent[0], 1.0, rtol=1e-8)


def test_draws_of_all_strategies_can_be_compared(strategies):
    assert {served.curves.draws.shape[0] for served in (strategies.specialists, *strategies.shared)} == {4}


def test_plans_pay_each_strategy_s_cost(strategies):
    found = focus(strategies, default_tasks(("maths", "prose", "code")), [1e20, 1e21])
    for cell in found.comparisons:
        for each in cell.plans:
            if each.strategy == GROUPS:  # models of several strategies; their costs are tested with them
                continue
            kappa, power = COSTS[each.strategy.split(",")[0].removesuffix("s")]
            size, tokens = np.exp(each.log_inputs).T
            np.testing.assert_allclose(kappa * size**power * tokens, each.spend, rtol=1e-5)


# Files whose curves are quick to fit: one scale


def quick(strategy, tasks, *, count=7, best=0.5, **columns):
    """Rows ``best + 40 x^-0.3``, one model a scale; those of several tasks share it."""
    x = np.geomspace(1e3, 1e6, count)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "task": task,
                    "run": [f"{strategy}{'|'.join(tasks)}{'' if len(tasks) > 1 else task}{i}" for i in range(count)],
                    "strategy": strategy,
                    "x": x,
                    "value": best + 0.1 * ord(task) / 100 + 40 * x**-0.3,
                }
            )
            for task in tasks
        ]
    ).assign(**columns)


def alone(tasks, **changes):
    return pd.concat([quick("specialist", (task,), **changes) for task in tasks])


def fitted(*frames, **fitting):
    return strategies_searched(runs_from_frame(pd.concat(frames)), draws=0, **fitting)


def test_arms_with_too_few_runs_are_left_out_in_a_sentence():
    strategies = fitted(
        alone("ab"), alone("c", count=2), quick("moe", ("a", "b"), count=2),
        quick("generalist", ("a", "b")), quick("trunk", ("a", "b", "d"), model_tasks="a|b|d|e"),
    )  # fmt: skip
    assert strategies.specialists.tasks == ("a", "b") and [each.strategy for each in strategies.shared] == [
        "generalist"
    ]
    specialist, moe, trunk = strategies.left_out
    assert specialist.startswith("Task 'c' is left out (too_few_runs)") and strategies.specialists.missing == (
        specialist,
    )
    assert moe == "Strategy 'moe' on a, b is left out: too_few_runs on 2 of 2 tasks."
    assert trunk == "Strategy 'trunk' on a, b, d, e is left out: no runs on 1 of 4 tasks."


def test_specialists_none_of_which_has_a_curve_are_left_out_by_task():
    strategies = fitted(alone("ab", count=2), quick("moe", ("a", "b")), quick("generalist", ("a", "b")))
    assert strategies.specialists is None and strategies.strategies == ("moe", "generalist")
    assert [said.split(" is")[0] for said in strategies.left_out] == ["Task 'a'", "Task 'b'"]


def test_tasks_that_were_only_measured_in_shared_models_have_no_specialist():
    strategies = fitted(alone("a"), quick("moe", ("a", "b")), quick("generalist", ("a", "b")))
    assert strategies.specialists.tasks == ("a",) and strategies.sets == (("a", "b"),)
    (cell,) = focus(strategies, default_tasks(("a", "b")), [1e5]).comparisons
    assert [each.strategy for each in cell.plans] == ["moe", "generalist"]


def test_model_tasks_makes_one_model_of_rows_without_a_run():
    frame = pd.concat([quick("moe", ("a", "b"), model_tasks="b|a"), alone("ab", model_tasks="")])
    strategies = fitted(frame.drop(columns="run"))
    (served,) = strategies.shared
    assert served.tasks == ("a", "b") and served.curves.is_shared
    assert len(focus(strategies, default_tasks(("a", "b")), [1e5]).comparisons) == 1


def test_a_shared_strategy_whose_runs_serve_one_task_is_left_out_with_the_remedy():
    frame = pd.concat([quick("moe", ("a", "b")), alone("ab")]).drop(columns="run")  # every row is a run of its own
    strategies = fitted(frame)
    assert not strategies.shared and len(strategies.left_out) == 2
    assert "Strategy 'moe' on a is left out: its runs serve one task" in strategies.left_out[0]
    assert "'run'" in strategies.left_out[0] and "'model_tasks'" in strategies.left_out[0]


def test_nothing_to_compare_is_refused():
    with pytest.raises(DataError, match=r"no strategy has a curve.*moe' on a, b is left out: too_few_runs on 2 of 2"):
        fitted(quick("moe", ("a", "b"), count=2))


def test_the_strategies_that_were_filtered_out_are_not_fitted():
    runs = runs_from_frame(pd.concat([quick("moe", ("a", "b")), alone("ab")]))
    strategies = strategies_searched(of_specialists(runs), draws=0)
    assert strategies.strategies == (SPECIALISTS,) and strategies.specialists.tasks == ("a", "b")


def test_a_score_has_one_ceiling_under_all_strategies():
    """Percentages of which one strategy reaches no more than 1 are percentages all the same."""
    low = quick("moe", ("a", "b")).assign(value=lambda frame: 0.9 - 20 * frame["x"] ** -0.5)
    high = alone("ab").assign(value=lambda frame: 60 - 900 * frame["x"] ** -0.5)
    scores = pd.concat([low, high]).assign(higher_is_better=1)
    strategies = strategies_searched(runs_from_frame(scores), draws=0)
    for served in (strategies.specialists, *strategies.shared):
        assert served.curves.ceiling.tolist() == [100, 100]
    stated = strategies_searched(runs_from_frame(scores), draws=0, best=np.array([80.0, np.nan]))
    for served in (stated.specialists, *stated.shared):
        assert served.curves.ceiling.tolist() == [80, 100]


def test_how_models_with_experts_are_built_comes_from_their_own_runs():
    frames = alone("ab", experts=1), quick("moe", ("a", "b"), experts=4), quick("generalist", ("a", "b"))
    moe, generalist = fitted(*frames).shared
    assert moe.built.experts == 4 and np.isnan(generalist.built.experts)
