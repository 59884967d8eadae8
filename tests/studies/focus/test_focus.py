"""Strategies at equal budget on curves with exact parameters, against closed forms; cost is 6·N·D."""

import json
from dataclasses import replace

import numpy as np
import pytest

from budget.errors import AllocationError
from budget.studies.focus.focus import BUDGETS, DECADES
from budget.studies.strategies.assumed import with_assumed
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import EQUAL
from budget.tables.tasks import TaskSettings, default_tasks
from tests.made import SIX, chinchilla, curves_of, one_model, power
from tests.simulate import HOFFMANN, TRUTHS, Truth
from tests.studies.focus.exact import GAMMA, TOTALS, alone_with, compared, copies, entry, lifted, shaken, strategies_of


@pytest.mark.parametrize("count", [2, 3, 7])
def test_identical_specialists_of_two_scales_share_equally_and_lose_k_to_the_gamma(count):
    found = compared(strategies_of(chinchilla(copies(HOFFMANN, count)), chinchilla(copies(HOFFMANN, count))), TOTALS)
    for cell in found.comparisons:
        split = entry(cell, SPECIALISTS)
        np.testing.assert_allclose(split.spend, cell.budget / count, rtol=1e-8)
        whole = alone_with(HOFFMANN, cell.budget) - HOFFMANN.E
        np.testing.assert_allclose(split.predicted - HOFFMANN.E, whole * count**GAMMA, rtol=1e-8)
        np.testing.assert_allclose(entry(cell, EQUAL).predicted, split.predicted, rtol=1e-12)


@pytest.mark.parametrize("count", [2, 5])
def test_identical_specialists_of_one_scale_lose_k_to_the_a(count):
    law = (1.5, 2e3, 0.15)
    curves = power({name: law for name in copies(None, count)})
    for cell in compared(strategies_of(curves, curves), TOTALS).comparisons:
        split = entry(cell, SPECIALISTS)
        np.testing.assert_allclose(split.spend, cell.budget / count, rtol=1e-8)
        np.testing.assert_allclose(split.predicted - 1.5, 2e3 * cell.budget**-0.15 * count**0.15, rtol=1e-8)


def test_weights_move_the_split_by_the_closed_form_and_count_in_the_objective():
    """``w_i A a x^(-a-1)`` is the same for both: with one a, spends go as ``w^(1/(1+a))``."""
    curves, weight = power({"t0": (1.0, 9.0, 0.25), "t1": (2.0, 9.0, 0.25)}), np.array([3.0, 1.0])
    found = compared(strategies_of(curves, curves), [1e20], tasks=TaskSettings(curves.tasks, weight=weight))
    cell, split = found.comparisons[0], entry(found.comparisons[0], SPECIALISTS)
    share = weight**0.8 / (weight**0.8).sum()
    np.testing.assert_allclose(split.spend, share * 1e20, rtol=1e-8)
    values = np.array([1.0, 2.0]) + 9 * split.spend**-0.25
    np.testing.assert_allclose(cell.objective[0], values @ [0.75, 0.25], rtol=1e-8)
    assert entry(cell, EQUAL).measure @ cell.weight > cell.objective[0] + 1e-6


@pytest.mark.parametrize("count", [2, 4, 9])
def test_a_full_capacity_split_is_k_to_the_gamma_worse_at_equal_compute(count):
    """Capacity term times K^alpha at fixed N, and total data K times a task's: data term times K^beta."""
    a, b = HOFFMANN.alpha, HOFFMANN.beta
    crowded = replace(HOFFMANN, A=HOFFMANN.A * count**a, B=HOFFMANN.B * count**b)
    found = compared(strategies_of(chinchilla(copies(HOFFMANN, count)), chinchilla(copies(crowded, count))), TOTALS)
    for cell in found.comparisons:
        alone, shared = entry(cell, SPECIALISTS), entry(cell, "generalist")
        ratio = (shared.predicted - HOFFMANN.E) / (alone.predicted - HOFFMANN.E)
        np.testing.assert_allclose(ratio, count**GAMMA, rtol=1e-8)
        assert cell.best_strategy.strategy == SPECIALISTS  # and not the equal split, which is the same but for rounding


def test_perfect_routing_wins_the_factor_back():
    """Total data K times a task's, no loss of capacity and K times as many parameters for the same compute a token."""
    count = 4
    routed = replace(HOFFMANN, B=HOFFMANN.B * count**HOFFMANN.beta)
    found = compared(strategies_of(chinchilla(copies(HOFFMANN, count)), chinchilla(copies(routed, count))), TOTALS)
    for cell in found.comparisons:
        np.testing.assert_allclose(entry(cell, "generalist").predicted, entry(cell, SPECIALISTS).predicted, rtol=1e-8)
    assert not found.crossovers  # what rounding alone tells apart changes no places


def test_one_model_has_the_size_that_the_weighted_terms_decide():
    truths, weight = dict(TRUTHS), np.array([5.0, 1.0, 2.0])
    curves = chinchilla(truths)
    task_settings = TaskSettings(curves.tasks, weight=weight)
    found = compared(strategies_of(curves, curves), [1e20, 1e22], tasks=task_settings)
    for cell in found.comparisons:
        shared = entry(cell, "generalist")
        size, tokens = np.exp(shared.log_inputs[0])
        np.testing.assert_allclose(6 * size * tokens, cell.budget, rtol=1e-12)
        assert (shared.log_inputs == shared.log_inputs[0]).all() and (shared.spend == cell.budget).all()
        slope = sum(
            w * (-t.alpha * t.A * size**-t.alpha + t.beta * t.B * tokens**-t.beta)
            for w, t in zip(weight, truths.values(), strict=True)
        )
        scale = sum(w * t.alpha * t.A * size**-t.alpha for w, t in zip(weight, truths.values(), strict=True))
        assert abs(slope) < 1e-8 * scale


def test_wins_are_shares_of_the_draws_and_sum_to_1():
    found = compared(shaken(), TOTALS)
    for cell in found.comparisons:
        assert [each.strategy for each in cell.plans] == [SPECIALISTS, "generalist", "moe", EQUAL]
        best = cell.scenarios[:3].argmin(axis=0)
        assert cell.wins[:3].tolist() == [(best == place).mean() for place in range(3)]
        assert cell.wins[:3].sum() == pytest.approx(1, abs=1e-15) and np.isnan(cell.wins[3])
    assert any(0 < win < 1 for cell in found.comparisons for win in cell.wins)


def test_a_tie_is_won_by_specialists_and_the_equal_split_does_not_compete():
    curves = chinchilla(copies(HOFFMANN, 3), draws=10)
    for cell in compared(
        strategies_of(curves, chinchilla(copies(replace(HOFFMANN, E=9.0), 3), draws=10)), TOTALS
    ).comparisons:
        assert cell.wins[:2].tolist() == [1, 0] and np.isnan(cell.wins[2])
        alone, shared, equal = cell.plans
        rounded = replace(shared, measure=alone.measure * (1 - 1e-14), scenarios=alone.scenarios * (1 - 1e-14))
        better = replace(shared, measure=alone.measure * (1 - 1e-9), scenarios=alone.scenarios * (1 - 1e-9))
        for second, place in ((rounded, 0), (better, 1)):
            again = replace(cell, plans=(alone, second, equal))
            assert again.best_strategy is again.plans[place] and again.wins[place] == 1
        ahead = replace(equal, measure=equal.measure * (1 - 1e-9), scenarios=equal.scenarios * (1 - 1e-9))
        again = replace(cell, plans=(alone, shared, ahead))
        assert again.best_strategy is alone and again.wins[0] == 1


def test_every_draw_judges_the_point_fit_s_plan():
    """Where a draw's own plan would be another, it is not used: its values are those at the point plan's models."""
    strategies = shaken()
    found, bare = (compared(each, [1e20, 1e22]) for each in (strategies, without_draws(strategies)))
    for cell, same in zip(found.comparisons, bare.comparisons, strict=True):
        for each, point in zip(cell.plans, same.plans, strict=True):
            np.testing.assert_array_equal(each.log_inputs, point.log_inputs)
    curves = strategies.specialists.curves
    for cell in found.comparisons:
        plan = entry(cell, SPECIALISTS)
        size, tokens = np.exp(plan.log_inputs).T
        for draw in (0, 7):
            E, A, alpha, B, beta = curves.form.natural(curves.draws[draw], curves.reference).T
            np.testing.assert_allclose(plan.scenarios[draw], E + A / size**alpha + B / tokens**beta, rtol=1e-10)
            mine = replace(curves, parameters=curves.draws[draw])
            own = compared(strategies_of(mine, mine), [cell.budget]).comparisons[0].objective[0]
            assert own < cell.scenarios[0, draw] - 1e-9


def without_draws(strategies):
    def bare(served):
        curves = served.curves
        return replace(served, curves=replace(curves, draws=curves.draws[:0], noise=curves.noise[:0]))

    return FittedStrategies(bare(strategies.specialists), tuple(bare(served) for served in strategies.shared))


def test_without_draws_nothing_is_said_of_certainty():
    found = compared(without_draws(shaken()), TOTALS)
    table = found.table()
    assert table[["low", "high", "wins"]].isna().all(axis=None) and table["objective"].notna().all()
    assert found.trends[0].verdict == "undecided" and np.isnan(found.trends[0].growing)
    assert np.isnan([each.low for each in found.breadth]).all()


def nested():
    """Four tasks alone and in models of two, three and four of them, crowded the more the more they are."""
    truths, sets = copies(HOFFMANN, 4), (2, 3, 4)
    shared = []
    for count in sets:
        part = {name: replace(HOFFMANN, E=HOFFMANN.E - 0.3 + 0.1 * count) for name in [*truths][:count]}
        shared.append(StrategyCurves("generalist", one_model(chinchilla(part, draws=20, seed=count))))
    return FittedStrategies(StrategyCurves(SPECIALISTS, chinchilla(truths, draws=20)), tuple(shared))


def test_every_set_is_compared_and_gathered_by_its_number_of_tasks():
    strategies = nested()
    strategies = replace(strategies, shared=strategies.shared[::-1])
    found = compared(strategies, TOTALS)
    assert [len(each) for each in found.sets] == [2, 3, 4] and len(found.comparisons) == 15
    for each, budget in zip(found.breadth, TOTALS, strict=True):
        assert each.budget == budget and each.counts.tolist() == [2, 3, 4] and each.sets.tolist() == [1, 1, 1]
        cells = [cell for cell in found.comparisons if cell.budget == budget]
        np.testing.assert_allclose(each.advantage, [cell.advantage[1] for cell in cells], rtol=1e-15)
    for cell in found.of(found.sets[0]):
        alone = alone_with(HOFFMANN, cell.budget / 2)
        np.testing.assert_allclose(cell.objective[0], alone, rtol=1e-8)


def test_progress_is_the_share_of_the_way_and_higher_is_better():
    metric, unserved = ("nats", "perplexity", "nats"), np.array([9.0, 5.0, 7.0])
    alone, shared = (chinchilla(truths, metric=metric) for truths in (TRUTHS, lifted(TRUTHS, 0.2)))
    tasks = TaskSettings(alone.tasks, unserved=unserved, weight=np.array([1.0, 2.0, 1.0]))
    found = compared(strategies_of(alone, shared), TOTALS, tasks=tasks)
    assert (found.measure, found.sign) == ("progress", -1.0)
    floor = np.array([truth.E for truth in TRUTHS.values()])
    for cell in found.comparisons:
        for each in cell.plans:
            np.testing.assert_allclose(-each.measure, (unserved - each.predicted) / (unserved - floor), rtol=1e-9)
        assert cell.best_strategy.strategy == SPECIALISTS and cell.advantage[1] > 0
    table = found.table()
    for _, rows in table.groupby("budget"):
        assert rows["objective"].idxmax() == rows["best"].idxmax() and rows["best"].sum() == 1
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert record["measure"] == "progress" and record["rows"][0]["objective"] == table["objective"][0]


def test_progress_without_an_unserved_value_names_the_column():
    curves = chinchilla(TRUTHS, metric=("nats", "perplexity", "nats"))
    with pytest.raises(AllocationError, match="fill column 'unserved' of the tasks file for prose, code, maths"):
        compared(strategies_of(curves, curves), TOTALS)


def test_sets_of_different_metrics_have_one_measure():
    """Two sets of one metric each: neither alone asks for progress, and their values have no common sign."""
    alone = chinchilla(
        copies(HOFFMANN, 4), metric=("nats", "nats", "f1", "f1"),
        higher_is_better=np.array([False, False, True, True]), ceiling=np.array([np.nan, np.nan, 9.0, 9.0]),
    )  # fmt: skip
    pairs = tuple(StrategyCurves("generalist", one_model(alone.take(np.array(pick)))) for pick in ([0, 1], [2, 3]))
    strategies = FittedStrategies(StrategyCurves(SPECIALISTS, alone), pairs)
    tasks = TaskSettings(alone.tasks, unserved=np.array([9.0, 9.0, 0.0, 0.0]))
    assert compared(strategies, TOTALS, tasks=tasks).measure == "progress"
    with pytest.raises(AllocationError, match="The sets of tasks have several metrics"):
        compared(strategies, TOTALS, tasks=tasks, measure="value")
    with pytest.raises(AllocationError, match="unserved"):
        compared(strategies, TOTALS)


def test_scores_are_shown_as_scores_and_the_higher_one_wins():
    changes = {"higher_is_better": np.ones(2, dtype=bool), "ceiling": np.ones(2), "metric": ("accuracy",) * 2}
    truths = {"t0": Truth(0.1, 30.0, 0.3, 90.0, 0.3), "t1": Truth(0.2, 30.0, 0.3, 90.0, 0.3)}
    alone, shared = (chinchilla(each, draws=20, **changes) for each in (truths, lifted(truths, 0.05)))
    found = compared(
        strategies_of(alone, shared), [1e21], tasks=TaskSettings(alone.tasks, target=np.array([0.75, 0.99]))
    )
    assert (found.measure, found.sign, found.metric) == ("value", -1.0, "accuracy")
    table = found.table().set_index("strategy")
    split = entry(found.comparisons[0], SPECIALISTS)
    np.testing.assert_allclose(
        split.predicted, [1 - alone_with(t, c) for t, c in zip(truths.values(), split.spend, strict=True)]
    )
    np.testing.assert_allclose(table.loc[SPECIALISTS, "objective"], split.predicted.mean(), rtol=1e-12)
    assert table["objective"].idxmax() == table["best"].idxmax() == SPECIALISTS
    assert (table["low"] <= table["objective"]).all() and (table["objective"] <= table["high"]).all()
    assert (table["low"] < table["high"]).all() and found.trends[0].advantage[0] > 0
    assert split.predicted[0] > 0.75 and table.loc[SPECIALISTS, "targets_met"] == 1


def test_targets_are_counted_where_they_are_stated():
    curves, worse = chinchilla(TRUTHS), chinchilla(lifted(TRUTHS, 0.3))
    base = compared(strategies_of(curves, worse), [1e21]).comparisons[0]
    assert np.isnan(base.plans[0].targets_met)
    reached = entry(base, SPECIALISTS).predicted
    target = np.array([reached[0] + 0.01, reached[1] - 0.01, np.nan])
    found = compared(strategies_of(curves, worse), [1e21], tasks=TaskSettings(curves.tasks, target=target)).comparisons[
        0
    ]
    assert entry(found, SPECIALISTS).targets_met == 1 and entry(found, "generalist").targets_met == 0


def test_scales_beyond_the_measured_ones_are_said():
    curves = chinchilla(copies(HOFFMANN, 2))
    found = compared(strategies_of(curves, curves), [1e12, 1e19, 1e24])
    for cell in found.comparisons:
        for each in cell.plans:
            scales = np.exp(each.log_inputs) / np.array([2e8, 5e9])  # measured to ten times either way
            expected = max(np.maximum(scales, 1 / scales).max() / 10, 1)
            np.testing.assert_allclose(each.extrapolation_factor, expected, rtol=1e-12)
            assert each.extrapolates == (expected > 3)
    table = found.table()
    assert table.loc[table["budget"] == 1e19, "status"].eq("measured range").all()
    assert table.loc[table["budget"] != 1e19, "status"].eq("extrapolated").all()


def test_budgets_are_sorted_and_counted_once():
    curves = chinchilla(copies(HOFFMANN, 2))
    found = compared(strategies_of(curves, curves), [1e21, 1e19, 1e21])
    assert found.budgets.tolist() == [1e19, 1e21] and [cell.budget for cell in found.comparisons] == [1e19, 1e21]


@pytest.mark.parametrize(
    ("curves", "unit", "least", "name"),
    [
        (chinchilla(copies(HOFFMANN, 2)), None, 10 * SIX.flops(np.array(2e8), np.array(5e9)) / 10, "flops"),
        (power({"t0": (1.0, 9e3, 0.3), "t1": (1.0, 9e3, 0.3)}, scale="tokens", smallest={
            "tokens": np.array([1e8, 1e8]), "flops": np.array([1e17, 1e17])}), None, 1e9, "tokens"),
        (chinchilla(copies(HOFFMANN, 2)), "tokens", 5e9, "tokens"),
    ],
)  # fmt: skip
def test_budgets_looked_at_by_default_are_in_the_unit(curves, unit, least, name):
    tasks = TaskSettings(curves.tasks, params=np.full(2, 2e8) if unit else np.empty(0))
    found = compared(strategies_of(curves, curves), None, tasks=tasks, unit=unit)
    assert found.unit == name and len(found.budgets) == BUDGETS
    np.testing.assert_allclose(found.budgets[[0, -1]], [least, least * 10.0**DECADES], rtol=1e-12)


@pytest.mark.parametrize("budgets", [[0.0], [1e20, -1.0], [np.inf], [np.nan], []])
def test_budgets_that_are_not_positive_are_refused(budgets):
    curves = chinchilla(copies(HOFFMANN, 2))
    with pytest.raises(AllocationError, match="budget is not a positive number"):
        compared(strategies_of(curves, curves), budgets)


@pytest.mark.parametrize(
    ("strategies", "measured", "offered"),
    [
        (strategies_of(chinchilla(TRUTHS)), "measured: specialists", True),
        (strategies_of(None, chinchilla(TRUTHS)), "measured: generalist", False),
        (strategies_of(chinchilla(copies(HOFFMANN, 1))), "measured: specialists", False),
        (strategies_of(power({"t0": (1.0, 9.0, 0.2), "t1": (1.0, 9.0, 0.2)})), "measured: specialists", False),
    ],
)
def test_one_strategy_alone_has_nothing_to_be_compared_with(strategies, measured, offered):
    """What --assume would add is offered where it could be."""
    with pytest.raises(AllocationError, match="There is nothing to compare") as caught:
        compared(strategies, TOTALS)
    assert measured in str(caught.value) and "  " not in str(caught.value)
    assert ("--assume atlas" in str(caught.value)) == offered
    if offered:
        assert compared(with_assumed(strategies, "atlas"), TOTALS).comparisons


def test_a_refusal_says_what_was_left_out_and_why():
    why = tuple(f"Strategy 'moe' on set {number} is left out." for number in range(6))
    with pytest.raises(AllocationError, match=r"set 0 is left out\. .*set 2 .* And 3 more\. Measure") as caught:
        compared(replace(strategies_of(chinchilla(TRUTHS)), left_out=why), TOTALS)
    assert len(str(caught.value)) <= 300 and "…" not in str(caught.value)


def test_sets_with_a_missing_specialist_are_left_out_in_a_sentence():
    strategies = nested()
    strategies = replace(
        strategies, specialists=replace(strategies.specialists, curves=strategies.specialists.curves.take(np.arange(3)))
    )
    found = compared(strategies, TOTALS, tasks=default_tasks(("t0", "t1", "t2", "t3")))
    assert [len(each) for each in found.sets] == [2, 3]
    assert any("The set t0, t1, t2, t3 has neither specialists" in said for said in found.left_out)


def test_two_shared_strategies_are_compared_without_specialists():
    found = compared(strategies_of(None, chinchilla(TRUTHS), chinchilla(lifted(TRUTHS, 0.1))), TOTALS)
    assert [each.strategy for each in found.comparisons[0].plans] == ["generalist", "moe"]
    assert {cell.best_strategy.strategy for cell in found.comparisons} == {"generalist"}
    assert not found.trends and not found.crossovers and not found.strictness


def test_specialists_are_taken_in_the_set_s_order():
    alone = chinchilla(TRUTHS)
    order = np.array([2, 0, 1])
    one, other = (compared(strategies_of(each, alone.take(order)), TOTALS) for each in (alone, alone.take(order)))
    assert one.sets == other.sets == (tuple(np.array(alone.tasks)[order]),)
    for here, there in zip(one.comparisons, other.comparisons, strict=True):
        np.testing.assert_allclose(here.plans[0].predicted, there.plans[0].predicted, rtol=1e-9)


def test_laws_that_are_no_sums_of_powers_are_searched():
    """A broken power law of one slope is a power law: K^a, as far as the search goes."""
    law = {"t0": (1.5, 2e3, 0.15, 0.15, 1e20, 0.3), "t1": (1.5, 2e3, 0.15, 0.15, 1e20, 0.3)}
    curves = curves_of("bnsl", ("flops",), law, reference=(1e19,))
    cell = compared(strategies_of(curves, curves), [1e20]).comparisons[0]
    whole = 2e3 * 1e20**-0.15
    np.testing.assert_allclose(entry(cell, "generalist").predicted - 1.5, whole, rtol=1e-8)
    np.testing.assert_allclose(entry(cell, EQUAL).predicted - 1.5, whole * 2**0.15, rtol=1e-8)
    np.testing.assert_allclose(cell.objective[0] - 1.5, whole * 2**0.15, rtol=1e-4)


def test_several_processes_find_the_same_and_tell_their_progress():
    truths = copies(HOFFMANN, 4)
    strategies = strategies_of(chinchilla(truths, draws=20), chinchilla(truths, draws=20, seed=1))
    pair = chinchilla(copies(HOFFMANN, 2), draws=20, seed=2)
    strategies = replace(strategies, shared=(*strategies.shared, StrategyCurves("generalist", one_model(pair))))
    seen = []
    one, two = (compared(strategies, TOTALS, jobs=jobs, progress=lambda *done: seen.append(done)) for jobs in (1, 2))
    assert json.dumps(one.record()) == json.dumps(two.record()) and len(one.sets) == 2
    assert seen == [(1, 2), (2, 2)] * 2
