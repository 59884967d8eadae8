"""A growing set by every strategy: each part against the plan or the study that it stands for."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from budget.allocation.mixture.plan_mixture import plan_shared
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import AllocationError
from budget.studies.growth.dilution import parts_along
from budget.studies.growth.growth import grow
from budget.studies.growth.growth_by_strategy import grow_strategies, strategy_name
from budget.studies.growth.iso_performance import shared_iso_performance
from budget.tables.files.text import json_text
from budget.tables.tasks import TaskSettings
from tests.made import chinchilla, power
from tests.simulate import Truth
from tests.studies.made_sets import BUDGET, different, identical, shared_models, shared_subsets_of, subsets_of

NAMES = ("t0", "t1", "t2", "t3", "t4")
GROWTH = ["order", "n_tasks", "task", "strategy", "spend", "predicted", "low", "high", "target_met"]


def both(draws=0, **shared):
    return {"specialists": different(5, draws=draws), "generalist": shared_models(NAMES, draws=draws, **shared)}


def task_settings(**more):
    return TaskSettings(NAMES, weight=np.arange(1.0, 6.0), **more)


def test_every_strategy_has_its_own_plans_in_the_table():
    curves, tasks = both(draws=12), task_settings(target=np.array([2.3, np.nan, 2.4, 2.2, 2.3]))
    growth = grow_strategies(curves, tasks, BUDGET)
    table = growth.table()
    assert list(table.columns) == GROWTH
    assert table["strategy"].tolist() == ["specialists"] * 15 + ["generalist"] * 15
    alone = grow(curves["specialists"], tasks, BUDGET)
    own = table[table["strategy"] == "specialists"].reset_index(drop=True)
    assert own.equals(alone.table())
    for size in range(1, 6):
        some = NAMES[:size]
        plan = plan_shared(curves["generalist"].take(np.arange(size)), tasks.select(some), BUDGET, draws=False)
        rows = table[(table["strategy"] == "generalist") & (table["n_tasks"] == size)]
        for name, values in (("spend", plan.spend), ("predicted", plan.predicted), ("low", plan.low)):
            np.testing.assert_allclose(rows[name], values, rtol=1e-12)
        assert rows["target_met"].isna().tolist() == np.isnan(plan.target_met).tolist()
        shared = growth.shared[0]
        np.testing.assert_allclose(shared.sizes.objective[size - 1], plan.objective, rtol=1e-9)
        points = growth.comparison.objective[:, size - 1]
        np.testing.assert_allclose(points, [alone.sizes.objective[size - 1], plan.objective], rtol=1e-9)
    assert shared.measured == (2, 4) and shared.extrapolated == (1, 5)
    json_text(growth.record())


def test_the_record_has_every_part():
    growth = grow_strategies(both(draws=8), task_settings(target=np.full(5, 2.3)), BUDGET)
    record = growth.record()
    assert set(record) == {
        "warnings", "budget", "unit", "measure", "metric", "higher_is_better", "order", "tasks", "left_out",
        "strategies", "best", "crossovers", "parts", "rows",
    }  # fmt: skip
    own, shared = record["strategies"]
    assert (own["strategy"], shared["strategy"]) == ("specialists", "generalist") and "rows" not in own
    assert {"sizes", "decline", "targets", "unchanged", "n_tasks_measured", "n_tasks_extrapolated", "beyond"} <= set(
        shared
    )
    assert {"low", "high", "sure"} <= set(own["targets"]["planned"]) and shared["n_tasks_extrapolated"] == [1, 5]
    assert (
        shared["unchanged"]
        == shared_iso_performance(growth.shared[0].plans[-1] and both(draws=8)["generalist"]).record()
    )
    assert [each["n_tasks"] for each in record["parts"]] == [1, 2, 3, 4, 5] and len(record["rows"]) == 30
    assert len(record["best"]) == 10 and all(np.isclose(sum(row["wins"] for row in record["best"]), 5) for _ in "x")


def test_scales_outside_the_measured_ones_are_told():
    inside = grow_strategies(both(), task_settings(), 1e20).shared[0].extrapolation_factor
    far = grow_strategies(both(), task_settings(), 1e26).shared[0]
    size = np.array([plan.params[0] for plan in far.plans])
    tokens = np.array([plan.source_tokens.max() for plan in far.plans])
    np.testing.assert_allclose(far.extrapolation_factor, np.maximum(size / 1e9, tokens / 1e11), rtol=1e-6)
    assert inside.min() < 3 < far.extrapolation_factor.min()


@pytest.mark.parametrize("order", ["weight", "greedy"])
def test_all_strategies_grow_in_the_specialists_order(order):
    curves = {name: both()[name] for name in ("generalist", "specialists")}
    growth = grow_strategies(curves, task_settings(), BUDGET, order=order)
    assert growth.names == grow(both()["specialists"], task_settings(), BUDGET, order=order).names
    assert tuple(growth.shared[0].plans[-1].spec.tasks.names) == growth.names
    assert growth.comparison.strategies == ("specialists", "generalist")


def test_random_orders_are_means_over_the_same_orders():
    growth = grow_strategies(both(draws=6), task_settings(), BUDGET, order="random", orders=120)
    table = growth.table()
    assert list(table.columns) == [*GROWTH, "spend_low", "spend_high", "orders", "basis"] and len(table) == 50
    assert set(table["basis"]) == {"mean of all orders"} and growth.record()["basis"] == "mean of all orders"
    rows = table[(table["strategy"] == "generalist") & (table["task"] == "t1")].set_index("n_tasks")
    pairs = [(1, other) for other in (0, 2, 3, 4)]
    subsets = shared_subsets_of(both(draws=6)["generalist"], weight=np.arange(1.0, 6.0))
    np.testing.assert_allclose(rows.loc[2, "predicted"], subsets.of(np.array(pairs)).distance[:, 0].mean(), rtol=1e-12)
    assert {len(each.tasks) for each in growth.parts} == {5} and len(growth.shared[0].plans) == 1
    json_text(growth.record())


def test_shared_strategies_alone_are_followed_and_compared():
    curves = {
        "generalist": shared_models(NAMES, draws=5),
        "moe": shared_models(NAMES, draws=5, phi=0.1, strategy="moe"),
    }
    growth = grow_strategies(curves, task_settings(), BUDGET)
    assert growth.specialists is None and growth.parts == () and set(growth.comparison.best[1:]) == {"moe"}
    one = grow_strategies({"generalist": curves["generalist"]}, task_settings(), BUDGET)
    assert set(one.comparison.best) == {"generalist"} and set(one.table()["strategy"]) == {"generalist"}
    json_text(one.record())


def test_parts_of_copies_against_the_law_as_it_is_written():
    """Alone and at a share by the power of compute; shared by a search of the size alone, each task having D/K."""
    alone, shared = identical(4), shared_models(("t0", "t1", "t2", "t3"), alike=True)
    found = parts_along(subsets_of(alone), shared_subsets_of(shared), "generalist", np.array([2, 0, 1, 3]))

    def best(budget, tasks=1, phi=0.0, psi=0.0):
        def loss(log_n):
            data = budget / 6 / np.exp(log_n) / tasks
            return 1.7 + 400 * tasks**phi * np.exp(-0.34 * log_n) + 410 * tasks**psi * data**-0.28

        return minimize_scalar(loss, bounds=(10, 40), method="bounded", options={"xatol": 1e-10}).fun

    for size, part in enumerate(found, start=1):
        assert part.tasks == ("t2", "t0", "t1", "t3")[:size] and part.strategy == "generalist"
        share, one = best(BUDGET / size), best(BUDGET, size, 0.2, 0.1)
        np.testing.assert_allclose(part.alone, best(BUDGET), rtol=1e-9)
        np.testing.assert_allclose(part.dilution, share - best(BUDGET), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(part.sharing, one - share, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found[0].sharing, 0, atol=1e-9)


def test_parts_have_the_interval_of_paired_draws():
    alone, shared = different(3, draws=20), shared_models(NAMES[:3], draws=15)
    one, several = subsets_of(alone), shared_subsets_of(shared)
    part = parts_along(one, several, "g", np.arange(3))[-1]
    split = several.of(np.arange(3)[None])
    third = subsets_of(alone, BUDGET / 3).of(np.arange(3)[:, None]).log_inputs[:, 0]
    scenarios = (
        shared.distance_draws(np.arange(3), split.log_inputs[0]) - alone.distance_draws(np.arange(3), third)[:15]
    )
    ends = np.percentile(scenarios, (10, 90), axis=0, method="weibull")
    np.testing.assert_allclose(part.low, np.minimum(ends[0], part.sharing), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(part.high, np.maximum(ends[1], part.sharing), rtol=1e-6, atol=1e-12)


def test_tasks_that_a_file_lacks_are_left_out_and_named():
    curves = {"specialists": different(5), "generalist": shared_models(("t3", "t1", "x"))}
    growth = grow_strategies(curves, TaskSettings((*NAMES, "x")), BUDGET)
    assert growth.names == ("t1", "t3") and set(growth.table()["task"]) == {"t1", "t3"}
    assert "Task 't0' is left out of the growing set: it has no curve by generalist." in growth.left_out
    assert "Task 'x' is left out of the growing set: it has no curve by specialists." in growth.left_out


def test_limits_on_a_tasks_own_spend_are_for_specialists():
    most = np.array([BUDGET / 20, np.nan, np.nan, np.nan, np.nan])
    growth = grow_strategies(both(), task_settings(max=most), BUDGET)
    own, shared = (growth.table()[growth.table()["strategy"] == name] for name in ("specialists", "generalist"))
    assert own[own["task"] == "t0"]["spend"].max() <= BUDGET / 20 and set(shared["spend"]) == {BUDGET}


def test_several_metrics_are_compared_by_one_progress():
    metric = ("nats", "nats", "bits", "bits", "bits")
    unserved, best = np.array([4.0, 5.0, 6.0, 4.0, 7.0]), np.array([0.2, 0.2, 0.1, 0.2, 0.2])
    curves = {name: replace(each, metric=metric) for name, each in both(draws=4).items()}
    tasks = task_settings(unserved=unserved, best=best)
    growth = grow_strategies(curves, tasks, BUDGET)
    record = growth.record()
    assert record["measure"] == "progress" and record["higher_is_better"] is False
    plans = growth.shared[0].plans
    progress = (unserved - plans[-1].predicted) / (unserved - best)
    np.testing.assert_allclose(growth.comparison.objective[1, -1], tasks.weight @ progress / 15, rtol=1e-9)
    with pytest.raises(AllocationError, match="needs the value of a task that is given nothing"):
        grow_strategies(curves, task_settings(), BUDGET)


def test_progress_has_one_scale_where_only_some_floors_are_known():
    """The specialists' floors are the best values; a generalist's floor at its bound does not matter then."""
    curves = both()
    curves["generalist"] = replace(curves["generalist"], bounds=(("E",),) * 5)
    growth = grow_strategies(curves, task_settings(unserved=np.full(5, 6.0)), BUDGET, measure="progress")
    floors = curves["specialists"].parameters[:, 0]
    np.testing.assert_allclose(growth.spec.measure.scale, 1 / (6 - floors), rtol=1e-12)
    predicted = growth.shared[0].plans[-1].predicted
    expected = task_settings().weight @ ((6 - predicted) / (6 - floors)) / 15
    np.testing.assert_allclose(growth.comparison.objective[1, -1], expected, rtol=1e-9)
    measure = growth.spec.measure
    assert (
        plan_spec(curves["generalist"], task_settings(), BUDGET, strategy="shared", measure=measure).measure is measure
    )


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        (lambda both: {"a": both["specialists"], "b": both["specialists"]}, {}, "the laws here are chinchilla, chinch"),
        (lambda both: {"a": both["specialists"]}, {}, "fit the shared models again with --law shared"),
        (lambda both: both | {"generalist": shared_models("xyz")}, {}, "No task has a curve by every strategy"),
        (
            lambda both: {"generalist": both["generalist"]},
            {"today": 2},
            "are kept among specialists; give",
        ),
        (lambda both: both, {"today": 9}, "Today's number of tasks is 9"),
        (lambda both: both, {"measure": "score"}, "followed by value or by progress, and not by 'score'"),
        (lambda both: both, {"unit": "x"}, "use --unit flops or --unit tokens"),
        (
            lambda both: both | {"generalist": replace(both["generalist"], metric=("bits",) * 5)},
            {},
            "The metric of t0, t1, t2, t3, t4 by generalist is not that by specialists",
        ),
        (
            lambda both: {
                name: replace(each, higher_is_better=np.ones(5, dtype=bool), ceiling=np.full(5, best))
                for (name, each), best in zip(both.items(), (5.0, 6.0), strict=True)
            },
            {},
            "The best score of t0, t1, t2, t3, t4 by generalist is not that by specialists",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(change, options, sentence):
    with pytest.raises(AllocationError) as told:
        grow_strategies(change(both()), TaskSettings((*NAMES, *"xyz")), BUDGET, **options)
    assert sentence in str(told.value)


def test_scores_are_compared_in_their_own_direction():
    """Distances 0.1 and 0.3 to the same ceiling: the better score is the higher one."""
    changes = {"higher_is_better": np.ones(2, dtype=bool), "ceiling": np.full(2, 100.0), "metric": ("accuracy",) * 2}
    truth = Truth(1.7, 400.0, 0.34, 410.0, 0.28)
    own = chinchilla({"t0": truth, "t1": truth}, **changes)
    growth = grow_strategies(
        {"specialists": own, "generalist": shared_models(("t0", "t1"), alike=True, phi=1.0, psi=1.0, **changes)},
        TaskSettings(("t0", "t1")),
        BUDGET,
    )
    assert growth.record()["higher_is_better"] is True and growth.comparison.best[1] == "specialists"
    assert growth.comparison.objective[0, 1] > growth.comparison.objective[1, 1] > 50
    assert (growth.parts[-1].sharing > 0).all()


def test_names_of_strategies():
    assert strategy_name(different(2), "file") == "specialists"
    assert strategy_name(shared_models("ab", strategy="moe|specialist"), "file") == "moe"
    assert strategy_name(shared_models("ab", strategy=""), "file") == "file"


def test_progress_is_told_over_all_strategies():
    seen = []
    grow_strategies(both(), task_settings(), BUDGET, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 10) for done in range(1, 11)]


def test_tokens_at_a_given_size():
    """With N given, one model's tokens follow one price, and equal shares of copies are best."""
    names = ("t0", "t1", "t2")
    curves = {"specialists": identical(3), "generalist": shared_models(names, alike=True)}
    growth = grow_strategies(curves, TaskSettings(names), 3e11, unit="tokens", params=1e9)
    table = growth.table()
    np.testing.assert_allclose(table.loc[table["strategy"] == "generalist", "spend"], 3e11, rtol=1e-12)
    floor = 1.7 + 400 * 1e9**-0.34 * 3**0.2
    predicted = table[(table["strategy"] == "generalist") & (table["n_tasks"] == 3)]["predicted"]
    np.testing.assert_allclose(predicted, floor + 410 * 3**0.1 * 1e11**-0.28, rtol=1e-9)
    own = 1.7 + 400 * 1e9**-0.34 + 410 * 1e11**-0.28
    np.testing.assert_allclose(growth.parts[-1].share, own, rtol=1e-9)
    assert growth.record()["unit"] == "tokens"


def test_specialists_of_one_scale_beside_models_of_two():
    own = power({"t0": (1.0, 3e4, 0.27), "t1": (1.5, 3e4, 0.27)})
    growth = grow_strategies(
        {"specialists": own, "generalist": shared_models(("t0", "t1"))}, TaskSettings(("t0", "t1")), 1e20
    )
    np.testing.assert_allclose(growth.parts[-1].dilution, 3e4 * 1e20**-0.27 * (2**0.27 - 1), rtol=1e-9)
    with pytest.raises(AllocationError, match="--params has no meaning for a law of flops alone"):
        grow_strategies(
            {"specialists": own, "g": shared_models(("t0", "t1"))}, TaskSettings(("t0", "t1")), 1e20, params=1e9
        )


def test_sets_without_targets_in_the_record_hold_no_number_that_json_lacks():
    record = grow_strategies(both(), task_settings(target=np.full(5, 2.3)), BUDGET).record()
    planned = record["strategies"][1]["targets"]["planned"]
    assert planned["low"] is None and planned["sure"] is None and planned["least"] == planned["greatest"]
