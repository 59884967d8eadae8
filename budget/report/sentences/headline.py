"""What is said of a whole study, one function a question; numbers come from the study and from ``facts``."""

from dataclasses import replace

import numpy as np

from budget.allocation.plan.baselines import RULE_OF_THUMB, TOKENS_PER_PARAMETER
from budget.allocation.plan.plan import AS_PREDICTED, AT_PREDICTIONS, Plan
from budget.allocation.plan.size_tradeoff import NEAR_SHARE, SizeTradeoff
from budget.numerics.words import listing, shortened
from budget.report.decision_response import ShownResponse, shown_response
from budget.report.judged_curves import backtest_tile, judged_curves
from budget.report.report_parts import Tile
from budget.report.sentences import facts
from budget.report.sentences.plan_sentences import (
    baseline_sentence,
    better_by,
    by_hand,
    capital,
    direction,
    in_lines,
    input_ranges,
    met_as_predicted,
    model_words,
    objective_name,
    objective_written,
    plan_summary,
    rivals_of_one,
)
from budget.report.sentences.recommendation_sentences import (
    decision_tiles,
    gains,
    lede,
    targets_tile,
    what_to_train,
)
from budget.report.written_numbers import (
    LEVEL,
    NOTHING,
    count,
    count_in_words,
    count_span,
    difference,
    percent,
    plural,
    quantity,
    span,
    told_apart,
    value,
)
from budget.studies.growth.budget_sharing import BudgetSharing
from budget.studies.growth.growth import Growth
from budget.studies.make_plan import Study

NAMED = 3
"""Tasks whose share is said in words."""

TILES = 5
"""Numbers of the headline that stand beside each other."""

HALVINGS = 60
"""Of a bracket of logarithms, which ends at a rounding."""

NEGLIGIBLE = 1e-8
"""A gap below this share of the objective is called none; plan.json holds the number."""

HYPOTHETICAL = "Hypothetical"
"""The label of everything that rests on specialists nobody measured."""


def headline(study: Study) -> str:
    """What to do, in one sentence."""
    plan = study.plan
    if study.recommendation is not None and study.recommendation.shares:
        return what_to_train(study.recommendation)
    spec = plan.spec
    if facts.is_shared(plan):
        return f"Train {model_words(plan, count_in_words)}."
    budget = quantity(spec.whole_budget, spec.unit)
    if study.question.split is not None:
        return f"The given split of {quantity(plan.total, spec.unit)} over {plural(len(plan.spend), 'task')}, scored."
    if spec.objective.minimizes_spend:
        met = "every target" if spec.at_least is None else f"{spec.at_least} of {len(plan.spend)} targets"
        served = plural(int(plan.served.sum()), "task")
        least = f"by the best guess no less meets {met}"
        if plan.misses_targets:
            least = f"as predicted {met_as_predicted(plan)}, by the curves planned on no less meets {met}"
        return f"Spend {quantity(plan.total, spec.unit)} on {served}: {least}."
    nothing = [name for name, served in zip(spec.tasks.names, plan.served, strict=True) if not served]
    if nothing:
        some = f"{len(plan.spend) - len(nothing)} of {plural(len(plan.spend), 'task')}"
        return f"Split {budget} over {some}, one model for each; nothing for {shortened(nothing)}."
    if spec.is_held.all():
        return (
            f"No curve is trusted (every backtest failed): split {budget} by weight over "
            f"{plural(len(plan.spend), 'task')}, one model for each."
        )
    if len(plan.spend) == 1 and not spec.reserved:
        return _only_model(plan)
    known = len(study.curves.tasks)
    tasks = plural(known, "task") if known == len(plan.spend) else f"{len(plan.spend)} of {plural(known, 'task')}"
    kept = [*spec.held, *(name for name, _, _ in spec.reserved)]
    if not kept:
        return f"Split {budget} over {tasks}, one model for each."
    if spec.reserved:
        tasks = plural(len(plan.spend) + len(spec.reserved), "task")
    to = "to " if spec.held else ""  # a task whose curve failed may get less than its share
    keep = f"keep {to}their spends or shares by weight" if len(kept) > 1 else f"keeps {to}its spend or share by weight"
    return f"Split {budget} over {tasks}, one model for each; {listing(kept)} {keep}, for want of a trusted curve."


def study_summary(study: Study) -> tuple[str, ...]:
    """The study for the terminal: what to train, and the best split among one model for each task."""
    found = study.recommendation
    if found is None:
        return (plan_summary(study.plan),)
    split = f"One model for each: {plan_summary(study.plan)}"
    return in_lines(what_to_train(found), *gains(found, study.plan.spec.unit)), split


def shares(study: Study) -> str:
    """How a split is divided, the largest shares by name."""
    plan = study.plan
    order = np.argsort(-plan.spend, kind="stable")
    shown = order if len(order) <= NAMED + 1 else order[:NAMED]
    share = plan.shares(plan.spend)
    parts = [f"{plan.spec.tasks.names[i]} gets {percent(share[i])}" for i in shown]
    rest = len(order) - len(shown)
    if rest:
        parts.append(f"the other {rest} get {percent(share.sum() - share[shown].sum())}")
    return f"Of it, {listing(parts)}."


def summary(study: Study) -> tuple[str, ...]:
    """What the headline rests on: the outcome, its comparison, and whose runs these are."""
    plan = study.plan
    low, high = plan.objective_low, plan.objective_high
    interval = "" if np.isnan(low) else f", {LEVEL} interval {span(value(low), value(high))}"
    use = f"{_how_good(plan)} use of {quantity(plan.spec.budget, plan.spec.unit)} that the measured runs support"
    reached = f"a predicted {objective_name(plan)} of {value(plan.objective)} ({direction(plan)}{interval})"
    outcome = f"This is {use}: {reached}."
    if not plan.is_planned_as_told:
        outcome = f"By the curves that plans are made on this is {use}, with {reached}."
    if facts.is_of_one_task(plan) and not facts.is_shared(plan):  # what it reaches stands in the headline
        outcome = f"This is {use}{'' if plan.is_planned_as_told else ', by the curves that plans are made on'}."
    if plan.spec.objective.minimizes_spend:
        outcome = f"No plan that meets them spends less than {quantity(plan.bound, plan.spec.unit)}"
        if plan.misses_targets:
            outcome += ", by the curves that plans are made on"
        elif plan.solver == AS_PREDICTED:
            outcome += ", as predicted"
        elif plan.solver == AT_PREDICTIONS:
            outcome += ", by curves moved to the predictions"
        outcome += "."
    split = not facts.is_shared(plan) and len(plan.spend) > 1
    found = study.recommendation
    if found is not None and found.shares:
        return lede(found, plan), whose_runs(study)
    sentences = [outcome]
    rivals = by_hand(plan) if len(plan.spend) > 1 else rivals_of_one(plan)
    said = [baseline_sentence(plan, baseline, "would reach") for baseline in rivals]
    if plan.unspent > 1e-9 * plan.spec.budget and not plan.spec.objective.minimizes_spend:  # which leaves what it can
        stops = "its maximum" if np.isinf(plan.spec.reach) else "its maximum or its reach"
        who = "the model" if facts.is_shared(plan) or facts.is_of_one_task(plan) else "every task"
        spent = f"Only {percent(plan.total / plan.spec.budget)} of the budget can be spent"
        sentences.append(f"{spent}, {quantity(plan.unspent, plan.spec.unit)} stay unspent: {who} is at {stops}.")
    sentences += said[:1]
    rule = rule_of_thumb(study)
    if rule is not None:
        sentences.append(f"The rule trains {count(rule[0])} parameters on {count(rule[1])} tokens.")
    beside = " ".join([*([shares(study)] if split else []), *said[1:]])
    return (" ".join(sentences), *([beside] if beside else []), whose_runs(study))


def rule_of_thumb(study: Study) -> tuple[float, float] | None:
    """Parameters and tokens of one model by the rule of ``TOKENS_PER_PARAMETER``; ``None`` where it is no rival.

    A model that is served, too, or paid in another unit, is not what the rule of thumb speaks of.
    """
    plan, cost = study.plan, study.planned.cost
    spec = plan.spec
    rule = next((each for each in plan.baselines if each.name == RULE_OF_THUMB), None)
    if rule is None or cost is None or spec.unit != "flops" or np.isfinite(spec.tasks.served_tokens).any():
        return None
    low, high = 0.0, 1.0 + float(np.log(rule.total))  # a parameter takes more than one FLOP a token
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        size = np.exp(np.array([middle]))
        takes = float(cost.flops(size, TOKENS_PER_PARAMETER * size)[0])
        low, high = (middle, high) if takes < rule.total else (low, middle)
    size_of = float(np.exp(high))
    return size_of, TOKENS_PER_PARAMETER * size_of


def one_each(plan: Plan) -> str:
    """What the best split among one model for each task reaches."""
    low, high = plan.objective_low, plan.objective_high
    interval = "" if np.isnan(low) else f", {LEVEL} interval {span(value(low), value(high))}"
    return f"The best split among one model for each task is predicted to reach {value(plan.objective)}{interval}."


def _how_good(plan: Plan) -> str:
    proven = plan.gap <= NEGLIGIBLE * abs(plan.objective)
    best = "the best" if proven else f"within {difference(plan.gap)} of the best"
    return best


def whose_runs(study: Study) -> str:
    """Whether the curves describe one shared model or one model a task."""
    curves, plan = study.curves, study.plan
    if not curves.is_shared:
        if curves.shared_models:
            measured = f", {curves.shared_models} of them measured on several tasks and the others on one"
        else:
            measured = ", measured on one task each"
        found = study.recommendation
        trains = (
            "the shared models rest on runs of their own strategy"
            if found is not None and found.shares
            else "the plan trains one model for each task"
        )
        return f"The runs are of {plural(study.runs.trained_models, 'trained model')}{measured}; {trains}."
    each = study.runs.tasks_per_run()
    counts = each[each > 1]
    tasks = span(str(counts.min()), str(counts.max()))
    measured = (
        f"{curves.shared_models} trained models are each measured on {tasks} tasks, "
        "so these curves describe one shared model"
    )
    if plan.hypothetical:
        return (
            f"{HYPOTHETICAL}: nobody measured a specialist. {measured}; the split below assumes that a model trained "
            "for one task alone would follow the shared model's curve."
        )
    return f"{measured}; recommended: {model_words(plan, count)}."


def tiles(study: Study) -> tuple[Tile, ...]:
    """The headline numbers."""
    plan = study.plan
    if study.recommendation is not None and study.recommendation.shares:
        return decision_tiles(study.recommendation, plan, judged_curves(study))
    low, high = plan.objective_low, plan.objective_high
    interval = "" if np.isnan(low) else f"{LEVEL} interval {span(value(low), value(high))}; "
    reached = objective_written(plan, plan.objective)
    found = [*(_size_tiles(plan) if facts.is_of_one_task(plan) else ())]
    found.append(Tile(f"Predicted {objective_name(plan)}", reached, interval + direction(plan), "mean"))
    rivals = [baseline for baseline in plan.baselines if baseline.is_feasible]
    if rivals and len(plan.spend) > 1:
        first = rivals[0]
        against_first = better_by(plan.gain_over(first), plan.objective)
        found.append(Tile(f"Against {first.name}", against_first, against(study, first.objective)))
    found += targets_tile(plan.predicted, plan.low, plan.high, plan.spec.tasks.target, bool(plan.higher_is_better))
    found += backtest_tile(judged_curves(study))
    twice = study.response.at_factor(2.0)
    if not np.isnan(twice) and len(found) < TILES - 1:
        found.append(
            Tile(
                "Twice the budget would bring",
                better_by(plan.gain_of(twice), plan.objective),
                f"{value(twice)} for {quantity(2 * plan.spec.budget, plan.spec.unit)}{_at_reach(plan, twice)}",
            )
        )
    times, _, where = facts.farthest(plan).partition(" ")
    inside = all(np.allclose(factors, 1) for factors in plan.extrapolation_factors.values())
    if len(found) == TILES:
        far = "the plan is within what was measured" if inside else f"the plan: {times} {where}"
        return (*found[:-1], replace(found[-1], detail=f"{found[-1].detail}; {far}"))
    found.append(
        Tile("Largest extrapolation", "none" if inside else times, "within what was measured" if inside else where)
    )
    return tuple(found)


def _at_reach(plan: Plan, more: float) -> str:
    """Why more budget brings nothing, where that is the reach of plans beyond the runs."""
    if plan.gain_of(more) > NEGLIGIBLE * abs(plan.objective) or np.isinf(plan.spec.reach):
        return ""
    return f": plans end at {plan.spec.reach:g}× the largest run"


def against(study: Study, objective: float) -> str:
    """What a baseline's objective would cost the planner."""
    plan = study.plan
    needed = study.response.budget_for(objective) / plan.spec.budget
    if np.isnan(needed) or abs(needed - 1) < 0.005:
        return f"which reaches {value(objective)}"
    return f"which reaches {value(objective)}; the plan needs {percent(needed)} of the budget for that"


def size_range(study: Study) -> str:
    """How sure the best size of one shared model is."""
    plan = study.plan
    return (
        f"Over {plural(len(study.curves.draws) - plan.failed_draws, 'draw')}, "
        f"the best choice lies between these bounds in {LEVEL} of them: {input_ranges(plan)}."
    )


def lowest_point(study: Study) -> str:
    """Where the best guess would put the size, if that is notably elsewhere; empty where it is not."""
    plan, found = study.plan, study.sizes
    assert found is not None  # the story asks for this sentence only then
    sign = plan.spec.sign
    best = int(np.argmin(sign * found.objective))
    low, high = plan.sizes.params_near[0]
    if low <= found.params[best] <= high or not plan.gain_of(float(found.objective[best])) > 0 or low != low:
        return ""
    wider = found.high[best] - found.low[best] > found.high[found.plan] - found.low[found.plan]
    why = "with a wider interval" if wider else "by the best guess alone"
    return f" {count(found.params[best])} would be predicted best, {why}: sizes are chosen where the draws agree."


def near_best(sizes: SizeTradeoff) -> str:
    """How flat the optimum is."""
    low, high = sizes.near
    return (
        f"The size need not be met exactly: models of {span(count(low), count(high))} parameters, for the same "
        f"spend, lose less than what {100 * NEAR_SHARE:g} % of it is worth."
    )


def alternative(study: Study) -> str:
    """How a hypothetical split among specialists compares with the shared plan."""
    plan, other = study.plan, study.alternative
    assert other is not None  # the section exists only where there is one
    gain = other.gain_over(plan)
    return (
        f"{HYPOTHETICAL}: nobody measured a specialist. If a model trained for one task alone followed the shared "
        f"model's curve, the best split of the same budget over {plural(len(other.spend), 'model')} would reach "
        f"{objective_name(other)} {value(other.objective)}, {better_by(gain, plan.objective)} than the one model"
        + (": one training gives every task the whole budget, a split only a share. " if gain < 0 else ". ")
        + "A real specialist may do better or worse than that curve; a few measured ones would tell."
    )


def breadth(study: Study, growth: Growth, found: BudgetSharing) -> str:
    """What sharing the budget does to each task."""
    names, worse = growth.names, found.worse
    most = int(np.argmax(worse))
    last = found.shared[-1]
    sentence = (
        f"{names[0]} goes from {value(found.alone[0])} alone to {value(last[0])} when {len(names)} tasks share "
        f"{quantity(study.plan.spec.budget, study.plan.spec.unit)}. "
    )
    if most != 0:
        sentence += f"{names[most]} loses most: {value(found.alone[most])} alone, {value(last[most])} when all share. "
    return sentence + breadth_cost(found)


def breadth_cost(found: BudgetSharing) -> str:
    """What sharing the budget costs the mean task, in a line: one model for each, with all of it and with a share."""
    return (
        f"With a model of its own and its share of the budget a task ends, in the mean, "
        f"{difference(found.worse.mean())} worse than with all of it."
    )


def response(study: Study) -> str:
    """What the next unit of budget brings to the decision."""
    plan, found = study.plan, shown_response(study)
    parts = [
        f"{words} the budget gives {value(found.at(factor))}"
        for words, factor in (("half", 0.5), ("twice", 2.0))
        if not np.isnan(found.at(factor))
    ]
    return (
        f"At {quantity(found.planned, plan.spec.unit)}, 1 % more budget improves the {objective_name(plan)} by "
        f"{difference(found.percent_more)}. " + (f"{capital(listing(parts))}." if parts else "") + _decide_anew(found)
    )


def _decide_anew(found: ShownResponse) -> str:
    """At which budgets the models of the plan are no longer the best known."""
    if not found.apart:
        return ""
    told = [f"with {factor:g}× the budget {value(reached)}" for factor, reached in found.apart.items()]
    return (
        f" These keep the plan's models; one model for each task would reach {listing(told)}, which is better, so plan "
        "again for such a budget."
    )


def _only_model(plan: Plan) -> str:
    """What to train for the only task, and what that is predicted to reach."""
    low, high = float(plan.low[0]), float(plan.high[0])
    name, sure = plan.spec.tasks.names[0], "" if np.isnan(low) else f" ({LEVEL}: {span(*told_apart(low, high))})"
    reached = f"{value(float(plan.predicted[0]))}{sure}"
    if plan.params[0] != plan.params[0] or plan.tokens[0] != plan.tokens[0]:
        return f"Spend {quantity(plan.total, plan.spec.unit)} on {name}: {reached}."
    size = f"{count_in_words(plan.params[0])} parameters on {count_in_words(plan.tokens[0])} tokens"
    return f"Train {name} with {size}: {reached}."


def _size_tiles(plan: Plan) -> tuple[Tile, ...]:
    """Parameters and tokens of the only task's model, each with its ranges; none where the law does not read both."""
    sizes, found = plan.sizes, []
    if plan.params[0] != plan.params[0] or plan.tokens[0] != plan.tokens[0]:
        return ()
    for label, number, ends, near in (
        ("Parameters", plan.params[0], (sizes.params_low[0], sizes.params_high[0]), sizes.params_near[0]),
        ("Tokens", plan.tokens[0], (sizes.tokens_low[0], sizes.tokens_high[0]), sizes.tokens_near[0]),
    ):
        if plan.spec.objective.minimizes_spend or not near[0] <= number <= near[1]:
            near = (np.nan, np.nan)  # chosen by other curves than these ranges are of
        if plan.spec.objective.minimizes_spend:
            ends = (np.nan, np.nan)
        told = (f"{LEVEL} of the draws: {{}}", count_span(*ends)), ("within 0.1 % of the best: {}", count_span(*near))
        said = [words.format(between) for words, between in told if between != NOTHING]
        if label == "Tokens":
            said.append(f"{count(plan.tokens[0] / plan.params[0])} a parameter")
        found.append(Tile(label, count(number), "; ".join(said)))
    return tuple(found)
