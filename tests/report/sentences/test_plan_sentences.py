import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.plan.size_tradeoff import size_tradeoff
from budget.allocation.solve import allocate
from budget.allocation.spec.objectives import OBJECTIVES
from budget.curves.checks.added_findings import with_verdicts
from budget.report import written_numbers as numbers
from budget.report.pictures.curve_series import curve_series
from budget.report.sentences import headline as narrative
from budget.report.sentences import trust
from budget.report.sentences.plan_sentences import baseline_sentence, comparison, plan_summary


def test_the_summary_of_a_split_names_objective_bound_solver_and_baseline(studies):
    plan = studies["specialists"].plan
    summary = plan_summary(plan)
    assert summary.startswith(f"Mean nats {numbers.value(plan.objective)} (no plan is better than")
    assert "Clarabel, optimal" in summary
    assert f"A uniform split {numbers.value(plan.baselines[0].objective)}: the plan is" in summary


def test_the_summary_of_a_shared_model_gives_its_inputs_with_their_range(studies):
    plan = studies["shared"].plan
    summary = plan_summary(plan)
    assert f"One model with {numbers.count(plan.params[0])} parameters" in summary
    assert (
        f"{numbers.count(plan.input_ranges['tokens'][0])} to {numbers.count(plan.input_ranges['tokens'][1])} tokens"
        in summary
    )


def test_unequal_weights_are_said_and_both_baselines_compared(studies):
    summary = plan_summary(studies["weights"].plan)
    assert summary.startswith("Weighted mean nats")
    assert "A split by weight" in summary


def test_a_single_task_has_no_mean(studies):
    assert plan_summary(studies["one task"].plan).startswith("Nats ")


@pytest.mark.parametrize(
    ("gain", "words"),
    [(0.02, "0.020 better"), (-0.02, "0.020 worse"), (1e-5, "1.0e-5 better, practically the same"), (0, "the same")],
)
def test_a_gain_has_a_direction_and_a_size(studies, gain, words):
    plan = replace(studies["specialists"].plan, objective=2.0)
    baseline = replace(plan.baselines[0], objective=2.0 + gain)
    assert comparison(plan, baseline) == words


def test_the_same_split_is_neither_better_nor_as_good(studies):
    """A split with the plan's own numbers in every draw: the draws add nothing to "the same"."""
    plan = studies["specialists"].plan
    mine = replace(plan.baselines[0], objective=plan.objective, drawn_objective=plan.drawn_objective)
    said = baseline_sentence(plan, mine, "would reach")
    assert said.endswith(": the plan is the same.") and "draws" not in said
    assert "of the draws" in baseline_sentence(plan, plan.baselines[0], "would reach")


def test_a_mean_that_a_few_draws_make_is_not_told(studies):
    """Where the mean of the gains lies outside their 80 % interval, the sentence has the median."""
    plan = studies["specialists"].plan
    drawn, lost = np.zeros(100), np.linspace(0.01, 0.02, 100)
    lost[0] = 1e6
    plan = replace(plan, drawn_objective=drawn)
    mine = replace(plan.baselines[0], drawn_objective=drawn + lost)
    gain = plan.gain_in_draws(mine)
    assert gain.is_exploded and gain.low <= gain.median <= gain.high
    said = baseline_sentence(plan, mine, "would reach")
    assert "(median " in said and "expected" not in said
    lost[0] = 0.01
    assert "(expected " in baseline_sentence(plan, replace(mine, drawn_objective=drawn + lost), "would reach")


def test_a_model_at_its_reach_has_a_range_of_sizes_near_its_best(studies):
    """More budget is worth nothing there, and a tenth of what is spent is: the range is not one size alone."""
    study = studies["shared"]
    plan = allocate(study.planned, replace(study.plan.spec, reach=1.0))
    assert plan.unspent > 0 and plan.shadow_price == 0 < plan.marginal[0]
    low, high = size_tradeoff(study.planned, plan).near
    assert low < plan.params[0] < high
    said = narrative.near_best(size_tradeoff(study.planned, plan))
    assert " to " in said and said.endswith("lose less than what 10 % of it is worth.")


def test_a_size_that_is_predicted_better_than_the_plans_is_near_the_best(studies):
    study = studies["shared"]
    found = size_tradeoff(study.planned, study.plan)
    worse = replace(study.plan, objective=study.plan.objective + 0.5 * study.plan.spec.sign)
    low, high = size_tradeoff(study.planned, worse).near
    assert low <= found.near[0] and high >= found.near[1]


def test_a_budget_beyond_the_reach_is_told_before_what_is_compared(studies):
    study = studies["specialists"]
    plan = allocate(study.planned, replace(study.plan.spec, reach=1e-2))
    first = narrative.summary(replace(study, plan=plan))[0]
    assert re.search(r"Only [0-9.]+ % of the budget can be spent, ", first)


def test_a_hair_is_practically_the_same_on_either_side_of_a_rounding(studies):
    plan = replace(studies["specialists"].plan, objective=1.44254)
    assert comparison(plan, replace(plan.baselines[0], objective=1.44247)) == "7.0e-5 worse, practically the same"
    assert comparison(plan, replace(plan.baselines[0], objective=1.44214)) == "0.00040 worse"


def test_a_higher_score_is_better(studies):
    plan = replace(studies["scores"].plan, objective=0.8)
    assert comparison(plan, replace(plan.baselines[0], objective=0.7)) == "0.10 better"


def test_the_headline_says_what_to_train(studies):
    shared = studies["shared"]
    assert narrative.headline(shared).startswith("Train one model with")
    assert narrative.headline(studies["specialists"]).startswith("Split ")
    assert "over 4 tasks, one model for each; static keeps its spend or share" in narrative.headline(
        studies["specialists"]
    )
    one = studies["one task"].plan
    size = f"{numbers.count_in_words(one.params[0])} parameters on {numbers.count_in_words(one.tokens[0])} tokens"
    assert narrative.headline(studies["one task"]).startswith(f"Train only with {size}: {numbers.value(one.objective)}")
    assert narrative.headline(studies["shared power"]) == "Train one model with 300,000 units of x."


def test_what_the_cheapest_plan_leaves_is_not_said_to_be_stopped_by_limits(studies):
    study = studies["specialists"]
    spec = replace(study.plan.spec, budget=2 * study.plan.spec.budget)
    left = replace(study, plan=replace(study.plan, spec=spec))
    cheapest = replace(study, plan=replace(study.plan, spec=replace(spec, objective=OBJECTIVES["cheapest"])))
    assert "stay unspent: every task is at" in narrative.summary(left)[0]
    assert "unspent" not in narrative.summary(cheapest)[0]


def test_shared_runs_are_said_to_be_shared(studies):
    expected = "16 trained models are each measured on 3 tasks, so these curves describe one shared model"
    assert expected in narrative.whose_runs(studies["shared"])
    assert expected in narrative.whose_runs(studies["hypothetical"])
    assert "nobody measured a specialist" in narrative.whose_runs(studies["hypothetical"])
    assert "one model for each task" in narrative.whose_runs(studies["specialists"])


def test_doubts_count_what_the_backtest_says(studies):
    study = studies["specialists"]
    names = study.planned.tasks
    assert "Backtest" not in " ".join(trust.doubts(study))
    told = [("PASS", "fine")] * (len(names) - 2) + [("FAIL", "worse"), ("REVIEW", "narrow")]
    assert trust.doubts(replace(study, planned=with_verdicts(study.planned, told)))[1] == (
        f"Backtest of curves: {len(names) - 2} of {len(names)} curves predicted the largest runs when these were "
        f"hidden; {names[-2]} did worse than taking that nothing improves (FAIL); {names[-1]} had too narrow "
        "intervals or too few runs to judge (REVIEW)."
    )


def test_doubts_name_what_rests_on_extrapolation_and_open_parameters(studies):
    study = studies["specialists"]
    outside = {name: np.array([2.0, 1.0, 1.0]) for name in study.plan.extrapolation_factors}
    study = replace(study, plan=replace(study.plan, extrapolation_factors=outside))
    beyond = int(np.any([factors != 1 for factors in study.plan.extrapolation_factors.values()], axis=0).sum())
    assert 0 < beyond < 3
    assert trust.extrapolation(study).startswith(f"Extrapolation: {beyond} of 3 predictions lie outside")
    open_end, wild = ("at_bound", "the floor E is 0"), ("outliers", "row 7 lies off the curve")
    pooled = np.array([False, True, False])
    curves = replace(study.planned, findings=((open_end,), (), (wild, open_end)), pooled=pooled)
    said = " ".join(trust.doubts(replace(study, planned=curves)))
    third = study.planned.tasks[2]
    assert f"for prose and {third}, the floor E is 0" in said
    assert f"do not belong to their curve: for {third}, row 7 lies off" in said
    assert f"the exponents of {study.planned.tasks[1]} lean on" in said
    inside = {name: np.ones(3) for name in study.plan.extrapolation_factors}
    within = replace(study, plan=replace(study.plan, extrapolation_factors=inside))
    assert trust.extrapolation(within).startswith("Extrapolation: none")
    below = replace(
        study, plan=replace(study.plan, extrapolation_factors=inside | {"params": np.array([1.0, 1e-3, 2.0])})
    )
    assert f"1,000× below the smallest measured parameters ({study.plan.spec.tasks.names[1]})" in trust.extrapolation(
        below
    )


def test_failed_draws_are_said(studies):
    study = studies["specialists"]
    said = " ".join(trust.doubts(replace(study, plan=replace(study.plan, failed_draws=2))))
    assert "2 draws could not be solved and are not in the ranges" in said


def test_breadth_makes_every_task_worse(studies):
    for kind in ("specialists", "scores", "power", "tokens"):
        assert (studies[kind].sharing.worse > 0).all(), kind


def test_the_first_task_alone_is_the_growth_study_of_one_task(studies):
    for kind in ("specialists", "scores", "power", "tokens", "shared"):
        found = studies[kind].sharing
        assert found.alone[0] == pytest.approx(found.shared[0, 0], rel=1e-6), kind


def test_the_budget_for_an_objective_is_the_inverse_of_the_response(studies):
    study = studies["specialists"]
    assert study.response.budget_for(study.response.at_factor(2.0)) == pytest.approx(2 * study.plan.spec.budget)
    assert study.response.budget_for(study.plan.objective) == pytest.approx(study.plan.spec.budget, rel=1e-6)
    assert np.isnan(study.response.budget_for(1e9))


def test_the_budget_for_a_baseline_is_what_a_new_plan_needs(studies):
    """Between the budgets looked at: solved again at the interpolated budget, the plan is as good as the baseline."""
    study = studies["specialists"]
    (baseline,) = [each for each in study.plan.baselines if each.name == "uniform"]
    budget = study.response.budget_for(baseline.objective)
    assert 0.1 * study.plan.spec.budget < budget < study.plan.spec.budget
    again = allocate(study.planned, replace(study.plan.spec, budget=budget), draws=False)
    gain = study.plan.gain_over(baseline)
    assert again.objective == pytest.approx(baseline.objective, abs=0.02 * gain)


def test_the_plan_is_the_best_of_the_sizes(studies):
    study = studies["shared"]
    sizes = study.sizes
    assert sizes.objective.min() == pytest.approx(study.plan.objective, rel=1e-9)
    cost = study.planned.cost.flops(sizes.params, sizes.tokens)
    assert cost == pytest.approx(study.plan.total)
    assert sizes.near[0] < study.plan.params[0] < sizes.near[1]
    assert (sizes.low <= sizes.objective).all() and (sizes.objective <= sizes.high).all()


def test_the_plan_lies_on_every_curve(studies):
    for kind in ("specialists", "shared", "tokens", "power", "scores"):
        study = studies[kind]
        for task in range(len(study.planned.tasks)):
            found = curve_series(study, task)
            on_curve = np.interp(np.log(found.planned_x), np.log(found.x), found.predicted)
            assert on_curve == pytest.approx(found.planned, rel=1e-3), kind
            assert len(found.measured) == study.planned.runs[task]


def test_the_objective_interval_holds_the_objective(studies):
    for kind, study in studies.items():
        low, high = study.plan.objective_low, study.plan.objective_high
        if kind == "no draws":
            assert low != low and high != high
        else:
            assert low <= study.plan.objective <= high, kind


def test_words_load_no_pictures_or_templates():
    code = "import sys, budget.report.sentences.plan_sentences; print({'jinja2', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
