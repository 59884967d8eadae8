"""Sentences on small comparisons with known outcomes."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from budget.report.page.single_task_section import alone_table
from budget.report.sentences.focus_answer import focus_answer
from budget.report.sentences.focus_sentences import assumptions, focus_summary, focus_table, set_name
from budget.report.sentences.threshold_sentences import half_the_budget
from budget.report.written_numbers import percent, quantity, value
from budget.studies.focus.breadth_law import BreadthLaw
from budget.studies.focus.focus import focus
from budget.studies.strategies.assumed import with_assumed
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import EQUAL
from budget.tables.tasks import TaskSettings, default_tasks
from tests.made import chinchilla, one_model
from tests.simulate import HOFFMANN

INSIDE = (1e19, 3e19, 1e20)
"""Budgets whose models lie within three times the measured sizes."""

FAR = (1e24, 1e25, 1e26)
"""Budgets whose models do not."""


def strategies_of(*sets, draws=40):
    """Specialists of five alike tasks, and a generalist of each set: (number of tasks, what its floor lies higher)."""

    def curves(count, more, seed):
        truths = {f"t{number}": replace(HOFFMANN, E=HOFFMANN.E + more) for number in range(count)}
        return chinchilla(truths, draws=draws, seed=seed, verdict=("PASS",) * count)

    shared = (StrategyCurves("generalist", one_model(curves(count, more, 7 + count))) for count, more in sets)
    return FittedStrategies(
        StrategyCurves(SPECIALISTS, curves(5, 0.0, 1)), tuple(shared), ("Strategy 'trunk' is left out.",)
    )


def summary(strategies, budgets):
    names = strategies.specialists.tasks
    return focus_summary(focus(strategies, default_tasks(names), budgets))


def starting(sentences, *words):
    """The one sentence that starts so."""
    (found,) = [said for said in sentences if said.startswith(words)]
    return found


def test_a_set_is_named_by_its_tasks_or_how_many_they_are():
    assert set_name(("a", "b")) == "a + b"
    assert set_name(tuple("abcde")) == "5 tasks (a, b, …)"


@pytest.mark.parametrize(
    ("more", "best_strategy", "who"),
    [(0.8, SPECIALISTS, "specialists win"), (-1.5, "generalist", "a shared model wins")],
)
def test_winners_are_counted_with_those_that_the_draws_agree_on(more, best_strategy, who):
    said = summary(strategies_of((3, more)), INSIDE)
    assert said[0] == "Compared at equal total budget: 1 set of 3 tasks, 3 budgets from 1.00e19 FLOPs to 1.00e20 FLOPs."
    assert f"of 3 cases of set and budget the best is {best_strategy} in 3 (3); in brackets" in starting(said, "Inside")
    assert f"Where {who}, the median advantage is" in starting(said, "Where")
    assert not any(said.startswith("Beyond") for said in said)


def test_an_equal_split_takes_no_draws_from_specialists():
    """Unequal tasks: which split is better differs from draw to draw, and specialists win in all of them."""
    strategies = strategies_of((2, 3.0))
    curves = strategies.specialists.curves
    theta = curves.parameters.copy()
    theta[1, 1] += 0.02
    shift = theta - curves.parameters
    strategies = replace(
        strategies,
        specialists=replace(
            strategies.specialists, curves=replace(curves, parameters=theta, draws=curves.draws + shift)
        ),
    )
    found = focus(strategies, default_tasks(curves.tasks), [1e20])
    cell = found.comparisons[0]
    best, equal = (cell.scenarios[cell.place(name)] for name in (SPECIALISTS, EQUAL))
    assert 0.1 < (equal < best).mean() < 0.9 and cell.wins[cell.place(SPECIALISTS)] == 1
    assert "specialists in 1 (1)" in starting(focus_summary(found), "Inside")


def test_without_draws_no_agreement_is_claimed():
    said = starting(summary(strategies_of((3, 0.8), draws=0), INSIDE), "Inside")
    assert said.endswith("the best is specialists in 3.")


def test_a_winner_outside_the_measured_range_is_said_to_be_outside():
    said = summary(strategies_of((2, 0.8), (4, 0.8)), FAR)
    assert said[0].endswith("Every budget asks for models more than three times outside the measured sizes.")
    assert not any(each.startswith(("Inside", "Where")) for each in said)
    for each in said[1:]:
        assert "Beyond the measured range" in each or "extrapolated" in each, each


def test_every_sentence_on_mixed_budgets_speaks_of_the_inside_or_says_otherwise():
    said = summary(strategies_of((2, -0.2), (4, 0.5)), INSIDE + FAR)
    assert "Budgets above 1.00e20 FLOPs ask for models more than three times outside" in said[0]
    assert "of 6 cases" in starting(said, "Inside") and "of 6 cases" in starting(said, "Beyond the measured range")
    assert "1.00e20 FLOPs, the advantage" in starting(said, "By number of tasks")
    assert "at 1.00e20 FLOPs and 1 set of more than two" in starting(said, "Thresholds")
    assert (
        "Up to 50.0 % of these budgets are extrapolated, and from 1.00e24 FLOPs on no set rests on a run."
        in starting(said, "Over 7.0 decades")
    )


@pytest.mark.parametrize(
    ("budgets", "far"), [(np.geomspace(1e18, 1e20, 5), False), (np.geomspace(1e23, 1e27, 5), True)]
)
def test_a_change_of_places_says_where_and_whether_it_is_extrapolated(budgets, far):
    """A generalist of the same floor and a smaller exponent of capacity wins below some budget only."""
    at = float(np.sqrt(budgets[1] * budgets[2]))
    strategies = crossing(at)
    found = focus(strategies, default_tasks(strategies.specialists.tasks), budgets)
    assert found.crossovers[0].budget == pytest.approx(at, rel=1e-6)
    said = starting(focus_summary(found), "Sharing wins below and focusing above")
    assert "t0 + t1 against generalist at" in said and said.endswith("extrapolated.") == far
    assert ("extrapolated" in said) == far


def crossing(at):
    """Two alike specialists and a model that reaches at a budget what they do, improving more slowly."""
    pair = {name: HOFFMANN for name in ("t0", "t1")}
    slow = replace(HOFFMANN, alpha=0.30, beta=0.24)

    def reducible(truth, budget):
        a, b = truth.alpha, truth.beta
        size = (a * truth.A / (b * truth.B)) ** (1 / (a + b)) * (budget / 6) ** (b / (a + b))
        return truth.value(size, budget / 6 / size) - truth.E

    ratio = reducible(HOFFMANN, at / 2) / reducible(slow, at)
    slow = replace(slow, A=slow.A * ratio, B=slow.B * ratio)
    shared = one_model(chinchilla(dict.fromkeys(pair, slow)))
    return FittedStrategies(StrategyCurves(SPECIALISTS, chinchilla(pair)), (StrategyCurves("generalist", shared),))


def test_means_by_number_of_tasks_are_told_apart_from_a_law():
    said = starting(summary(strategies_of((2, -0.4), (4, 0.9)), INSIDE), "By number of tasks")
    assert "−" in said.split("for 2 tasks")[0] and "+" in said.split("for 2 tasks")[1]
    assert "means of the sets that were measured. How much of this is their number" in said


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.01, 0.03, "Of the number of tasks by itself nothing is claimed: at equal relatedness a doubling changes"),
        (0.01, 0.03, "With more tasks, equally related, focusing gains: a doubling changes"),
        (-0.03, -0.01, "With more tasks, equally related, sharing gains: a doubling changes"),
    ],
)
def test_the_law_of_breadth_claims_what_its_interval_supports(low, high, expected):
    middle = (low + high) / 2
    law = BreadthLaw(
        1e20, np.array([2, 4, 8]), np.array([0.9, 0.1, 0.0]), np.array([-0.1, 0.1, 0.1]),
        np.array([0.0, middle, -0.2, 0.0]), np.array([-0.1, low, -0.3, -1]), np.array([0.1, high, -0.1, 1]),
        0.01, np.array([-0.1, -0.1, 0.2]), 5.0 if low > 0 else np.nan,
    )  # fmt: skip
    strategies = strategies_of((2, -0.4), (4, 0.9))
    found = replace(focus(strategies, default_tasks(strategies.specialists.tasks), INSIDE), breadth_laws=(law,))
    said = starting(focus_summary(found), "By number of tasks")
    assert expected in said and ("turns at 5.0 tasks" in said) is (low > 0)
    assert (
        "changes it by −2.0 % for each tenth" in said
        and "on 2 of 3 sets left out, always naming specialists on 2" in said
    )


@pytest.mark.parametrize("told", [True, False])
def test_the_law_of_breadth_reads_pairs_where_the_runs_tell_them(told):
    """Eight sets of two to five of five tasks, whose pairs save a hundredth for each letter that they are apart."""
    names = tuple(f"t{number}" for number in range(5))
    alone = chinchilla(dict.fromkeys(names, HOFFMANN), draws=20, seed=1)
    sets = [names[a:b] for a in range(4) for b in range(a + 2, 6)][:8]
    shared = tuple(
        StrategyCurves(
            "generalist",
            one_model(chinchilla({name: replace(HOFFMANN, E=1.7 + 0.02 * at) for name in mine}, draws=20, seed=at)),
        )
        for at, mine in enumerate(sets)
    )
    pairs = {
        frozenset(pair): np.full(20, 0.01 * (int(pair[1][1]) - int(pair[0][1]))) for pair in combinations(names, 2)
    }
    strategies = FittedStrategies(StrategyCurves(SPECIALISTS, alone), shared, pairs=pairs if told else {})
    found = focus(strategies, default_tasks(names), INSIDE)
    said = starting(focus_summary(found), "By number of tasks")
    law = found.breadth_laws[0]
    if told:
        expected = [np.mean([int(b[1]) - int(a[1]) for a, b in combinations(each, 2)]) for each in found.sets]
        np.testing.assert_allclose(law.relatedness, 0.01 * np.array(expected))
        assert "two of its tasks save each other +1.0 % to +2.0 % of their loss in one model" in said
        assert "for each hundredth" in said and law.measured_by == "pairs"
    else:
        assert "its partners' tokens are worth" in said and "for each tenth" in said and law.measured_by == "tokens"


def test_thresholds_say_what_focusing_serves_and_whether_a_shared_model_passes():
    poor, rich = (starting(summary(strategies_of((4, more)), INSIDE), "Thresholds") for more in (0.8, -1.5))
    assert "focusing on some serves 2.0 more tasks than the best plan for all" in poor and poor.endswith("on 0 of 1.")
    assert "focusing on some serves 2.0 fewer tasks" in rich and rich.endswith("on 1 of 1.")


def test_the_trend_says_from_where_on_it_rests_on_no_run():
    said = starting(summary(strategies_of((2, 0.8), (4, 0.8)), (*INSIDE, *FAR)), "Over ")
    assert "extrapolated, and from 1.00e24 FLOPs on no set rests on a run." in said
    assert "rests on a run" not in starting(summary(strategies_of((2, 0.8)), INSIDE), "Over ")


def test_the_trend_s_verdict_is_counted():
    said = starting(summary(strategies_of((3, 0.8)), INSIDE), "Over 1.0 decades")
    assert "the advantage of specialists grows on 1 (t0 + t1 + t2), shrinks on 0 and is undecided on 0 of 1 set" in said


def judged(strategies, alone=("PASS",) * 5, shared="PASS"):
    """The same strategies with these verdicts of the five specialists, and one of all shared curves."""
    own = replace(strategies.specialists, curves=replace(strategies.specialists.curves, verdict=alone))
    served = (
        replace(each, curves=replace(each.curves, verdict=(shared,) * len(each.tasks))) for each in strategies.shared
    )
    return replace(strategies, specialists=own, shared=tuple(served))


@pytest.mark.parametrize("verdict", ["", "REVIEW", "FAIL"])
def test_a_trend_is_told_of_curves_that_passed_their_backtest_only(verdict):
    sets = strategies_of((2, 0.8), (4, 0.8))
    # the specialist of t3 is in the larger set alone
    some = starting(summary(judged(sets, ("PASS", "PASS", "PASS", verdict, "PASS")), INSIDE), "Over ")
    assert "grows on 1 (t0 + t1), shrinks on 0 and is undecided on 0 of 1 set" in some
    why = "was not backtested here" if not verdict else "did not pass a backtest"
    assert f"Not told of 1 set: 1 curve behind it {why} (t3 by specialists)" in some
    assert ("'budget focus' on these runs backtests" in some) == (not verdict)
    none = summary(judged(sets, shared=verdict), INSIDE)
    assert not any(said.startswith("Over ") for said in none)
    untold = starting(none, "Whether")
    assert "is not told of any of 2 sets: " in untold
    assert ("were not backtested here" in untold) == (not verdict) == ("did not pass" not in untold)
    assert "t0 by generalist" in starting(none, "Whether")
    names = sets.specialists.tasks
    answer = " ".join(focus_answer(focus(judged(sets, shared=verdict), default_tasks(names), INSIDE)))
    assert "surely grows" not in answer


def test_a_task_alone_is_told_where_its_own_curve_passed_and_none_beside_it_is_doubted():
    sets = strategies_of((2, 0.8), (4, 0.8))
    alone = ("PASS", "FAIL", "", "PASS", "PASS")
    said = starting(summary(judged(sets, alone, shared=""), INSIDE), "Alone")
    assert "2 of 2 tasks reach more than any plan" in said
    assert "Not told of 2, whose curves passed no backtest: t1 by specialists and t2 by specialists." in said
    doubted = starting(summary(judged(sets, shared="REVIEW"), INSIDE), "What a task reaches alone")
    assert "no curve behind it passed a backtest (t0 by generalist, t1 by generalist" in doubted


def test_the_task_alone_says_from_where_on_it_rests_on_no_run():
    said = starting(summary(strategies_of((2, 0.8)), (*INSIDE, *FAR)), "Alone")
    assert "From 1.00e24 FLOPs on none of these models rests on a run." in said
    assert "rests on a run" not in starting(summary(strategies_of((2, 0.8)), INSIDE), "Alone")


def test_what_was_assumed_stands_first_among_what_was_left_out():
    strategies = with_assumed(strategies_of((3, 0.8)), "atlas")
    found = focus(strategies, default_tasks(strategies.specialists.tasks), INSIDE)
    first, *rest = assumptions(found)
    assert first.startswith("Strategy 'generalist (assumed: atlas)' was not measured") and len(rest) == 2
    assert rest[0] == "Strategy 'trunk' is left out." and rest[1].startswith(
        "Serving a subset ('subset') is not planned"
    )


def test_groups_are_named_with_their_models_and_what_flatters_them():
    """A pair whose model costs nothing beside one specialist: the partition wins everywhere."""
    strategies = strategies_of((2, -0.3), (3, 0.5))
    said = starting(summary(strategies, INSIDE), "Groups")
    assert "in 3 of 3 cases inside the measured range" in said and "with t0 + t1 (generalist)" in said
    assert said.endswith("It is chosen by the same fit, which flatters it.")
    none = starting(summary(strategies_of((2, 0.9), (3, 0.5)), INSIDE), "Groups")
    assert none.endswith("in 0 of 3 cases inside the measured range.")


def with_unserved(*values):
    return TaskSettings(tuple(f"t{number}" for number in range(5)), unserved=np.array(values))


def test_leaving_tasks_out_is_said_with_what_it_gains_and_who_is_left_out():
    """Two tasks that nobody misses: given nothing they are as good as alone with everything."""
    strategies = strategies_of((3, 0.8))
    near = 2.0
    rich = with_unserved(9.0, near, near, 9.0, 9.0)
    said = starting(focus_summary(focus(strategies, rich, INSIDE)), "Leaving tasks out")
    assert "beats every plan for all tasks in 3 of 3 cases inside the measured range, at most by" in said
    assert said.endswith("at 1.00e19 FLOPs, by specialists, without t1 and t2.")
    none = starting(focus_summary(focus(strategies, with_unserved(*[9.0] * 5), INSIDE)), "Leaving tasks out")
    assert none.endswith("none of 3 cases inside the measured range.")
    assert not any(said.startswith("Leaving") for said in summary(strategies, INSIDE))


def test_alone_with_everything_is_said_with_who_is_not_and_what_a_task_takes_at_least():
    """The pair's model is better than a specialist with everything; the others are better alone."""
    found = focus(strategies_of((2, -1.5), (5, 0.8)), with_unserved(9.0, 9.0, 9.0, 9.0, 1.0), INSIDE + FAR)
    said = starting(focus_summary(found), "Alone with the whole budget, at 1.00e20 FLOPs, 3 of 5 tasks reach more")
    assert "3 of them in at least 90% of the draws; not t0 and t1." in said and "target" not in said
    assert "3 of 5 at the smallest budget and 3 of 5 at the largest budget (extrapolated for 5 of 5 tasks)." in said
    least = starting(focus_summary(found), "The smallest efficient spend")
    spends = [each.efficient for each in found.single_task[:4]]
    assert f"{quantity(spends[0], 'flops')} (t0)" in least
    assert "No spend improves on giving nothing to t4." in focus_summary(found)
    assert not any(said.startswith("The smallest") for said in summary(strategies_of((3, 0.8)), INSIDE))


def test_the_table_of_tasks_alone_says_what_the_study_does_at_the_middle_budget():
    target = np.r_[np.full(4, 2.6), np.nan]
    tasks = TaskSettings(tuple(f"t{n}" for n in range(5)), unserved=np.r_[np.full(4, 9.0), 1.0], target=target)
    found = focus(strategies_of((2, -1.5), (5, 0.8)), tasks, INSIDE)
    table = alone_table(found)
    assert table.columns[-1].label == "spend to target" and "3.00e19 FLOPs" in table.caption
    for each, row in zip(found.single_task, table.rows, strict=True):
        assert row[0].text == each.task and row[1].text == value(each.value[1])
        assert row[1].detail == f"{value(each.low[1])} to {value(each.high[1])}"
        assert (row[2].text, row[2].detail) == (value(each.shared[1]), each.strategy[1])
        assert row[3].text == ("yes" if each.ahead[1] else "no") and row[3].detail == percent(each.share[1])
    assert table.rows[0][4].text == quantity(found.single_task[0].efficient, "flops")
    assert table.rows[4][4].text == "none" and table.rows[4][5].text == "–"
    words = ["with others too" if each.met_shared[1] else "nobody" for each in found.single_task[:4]]
    assert [row[5].detail for row in table.rows[:4]] == words and len(set(words)) == 2
    bare = alone_table(focus(strategies_of((3, 0.8), draws=0), default_tasks(tasks.names), FAR))
    assert len(bare.columns) == 5 and bare.rows[0][1].detail == "extrapolated" and bare.rows[0][4].text == "–"


def test_targets_that_only_a_task_alone_or_a_subset_meets_are_named():
    """A target that a third of 1e20 reaches, and an eighth less than that does not."""
    strategies = strategies_of((5, 0.8))
    reached = focus(strategies, default_tasks(tuple(f"t{n}" for n in range(5))), [1e20 / 2]).single_task[0].value[0]
    found = focus(strategies, TaskSettings(strategies.specialists.tasks, target=np.full(5, reached)), [1e20])
    alone = starting(focus_summary(found), "Alone with the whole budget")
    assert alone.endswith("Met only alone: the stated targets of t0, t1, t2, t3 and 1 more.")
    said = starting(focus_summary(found), "Focusing on stated targets")
    assert (
        "meets more than the best plan for all in 1 of 1 case of set and budget, as many in 0 and fewer in 0." in said
    )
    assert said.endswith(
        "range: the targets of t0 and t1 by specialists, where the best plan for all, by specialists, meets none."
    )
    easy = focus(strategies, TaskSettings(strategies.specialists.tasks, target=np.full(5, 9.0)), [1e20])
    assert starting(focus_summary(easy), "Focusing on stated targets").endswith("as many in 1 and fewer in 0.")
    assert starting(focus_summary(easy), "Alone with").endswith("No target is met only alone.")


def test_dilution_claims_no_interval_without_draws_and_a_saving_is_no_negative_cost():
    said = {draws: starting(summary(strategies_of((3, -0.5), draws=draws), INSIDE), "At 1.00e20") for draws in (0, 40)}
    assert "0 show interference and 3 transfer, without intervals" in said[0] and "80 %" not in said[0]
    assert "0 show interference and 3 transfer beyond the 80 % interval" in said[40]
    assert "to a shared model saves" in said[0]
    assert "to a shared model costs" in starting(summary(strategies_of((3, 0.8)), INSIDE), "At 1.00e20")


def test_an_advantage_that_only_shrinks_its_own_loss_is_shown_with_its_level():
    """Specialists lose everywhere, by less at larger budgets: their advantage grows, and stays negative."""
    said = starting(summary(strategies_of((3, -0.02), draws=0), INSIDE), "Inside")
    assert "the best is generalist in 3" in said
    strategies = strategies_of((3, -0.02))
    found = focus(strategies, default_tasks(strategies.specialists.tasks), INSIDE)
    (each,) = found.trends
    assert each.advantage[-1] < 0
    said = starting(focus_summary(found), "Over 1.0 decades")
    assert f"its median goes from −{100 * -each.advantage[0]:.1f} % to −{100 * -each.advantage[-1]:.1f} %" in said
    assert "negative where sharing wins" in said


def test_the_value_of_focus_is_stated_by_threshold_at_both_ends_with_what_is_extrapolated():
    poor = starting(summary(strategies_of((4, 0.8)), INSIDE), "By threshold")
    assert "+0.0 and +0.0 with an equal share, +2.0 and +2.0 with half of it and +1.0 and +1.0 with all of it." in poor
    rich = starting(summary(strategies_of((4, -1.5)), INSIDE + FAR), "By threshold")
    assert "−2.0 and −2.0 with half of it" in rich and "(1 set extrapolated at the largest)" in rich


def test_what_thresholds_bring_lies_inside_its_own_interval():
    """Counts step: where the point fit serves one more than the draws do, what is told is theirs."""
    strategies = strategies_of((4, 0.8))
    found = focus(strategies, default_tasks(strategies.specialists.tasks), INSIDE)
    (first, *_) = found.strictness
    off = tuple(replace(each, focused=each.focused + 3) for each in found.strictness)
    told, shifted = half_the_budget(found), half_the_budget(replace(found, strictness=off))
    assert len(first.scenarios) and told.span and shifted == replace(told, cases=shifted.cases)


@pytest.mark.parametrize(("target", "nobody", "everybody"), [(0.5, 1, 0), (9.0, 0, 1)])
def test_targets_that_nobody_or_everybody_reaches_are_said(target, nobody, everybody):
    strategies = strategies_of((3, 0.8))
    tasks = TaskSettings(strategies.specialists.tasks, target=np.full(5, target))
    said = starting(focus_summary(focus(strategies, tasks, INSIDE)), "Stated targets")
    assert f"no strategy meets any on {nobody} and every strategy meets all on {everybody}." in said
    between = TaskSettings(strategies.specialists.tasks, target=np.full(5, 2.8))
    said = starting(focus_summary(focus(strategies, between, [1e20])), "Stated targets")
    assert said.endswith("where they differ, most are met by specialists on 1.")
    assert not any(each.startswith("Stated") for each in summary(strategies, INSIDE))


def test_the_table_names_the_winner_of_the_study_where_two_differ_by_rounding():
    """Alike tasks: the equal split is the best split but for rounding."""
    strategies = strategies_of((5, 0.8))
    found = focus(strategies, default_tasks(strategies.specialists.tasks), INSIDE)
    (row,) = focus_table(found).rows
    cell = found.of(found.sets[0])[1]
    assert row[2].text == cell.best_strategy.strategy == SPECIALISTS and row[2].detail != "0 %"


def test_sentences_speak_of_the_largest_budget_with_most_sets_inside():
    """One of three sets was measured far out: what is said of all stays where the other two were measured."""
    strategies = strategies_of((2, 0.8), (3, 0.8), (4, 0.8))
    wide = strategies.shared[0].curves
    reach = {name: 1e6 * ends for name, ends in wide.largest.items()}
    strategies = replace(
        strategies, shared=(replace(strategies.shared[0], curves=replace(wide, largest=reach)), *strategies.shared[1:])
    )
    alone = strategies.specialists.curves
    outer = {name: ends * np.where(np.arange(5) < 2, 1e6, 1) for name, ends in alone.largest.items()}
    strategies = replace(strategies, specialists=replace(strategies.specialists, curves=replace(alone, largest=outer)))
    found = focus(strategies, default_tasks(alone.tasks), INSIDE + FAR)
    assert [cell.extrapolates for cell in found.of(("t0", "t1"))] == [False] * 6
    said = focus_summary(found)
    for start in ("By number of tasks, at 1.00e20", "Thresholds, at 1.00e20", "At 1.00e20 FLOPs an equal share"):
        assert "extrapolated" not in starting(said, start)
    assert {each.budget for each in found.dilution} == {1e20}


def test_where_every_budget_is_far_out_the_smallest_is_spoken_of_and_marked():
    said = summary(strategies_of((3, 0.8), (4, 0.8)), FAR)
    assert "At 1.00e24 FLOPs" in starting(said, "At 1.00e24") and "extrapolated on 2 of 2" in starting(
        said, "At 1.00e24"
    )


def test_every_sentence_that_an_assumed_strategy_stands_behind_says_so():
    """Only specialists were measured: whatever is compared is compared with an assumption."""
    alone = strategies_of()
    strategies = with_assumed(alone, "atlas")
    tasks = TaskSettings(alone.specialists.tasks, target=np.full(5, 2.5))
    idle = focus(strategies, replace(tasks, unserved=np.full(5, 9.0)), INSIDE + FAR)
    assert "assumed" in starting(focus_summary(idle), "Leaving tasks out")
    found = focus(strategies, tasks, INSIDE + FAR)
    for said in focus_summary(found):
        assert "assumed" in said, said
    assert "assumed" in focus_table(found).caption
    measured = strategies_of((3, 0.8))
    assert not any("assumed" in said for said in summary(measured, INSIDE))
