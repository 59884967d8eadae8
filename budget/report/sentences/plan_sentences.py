"""What is said of one plan. Sentences only; loads no picture or template library."""

from collections.abc import Callable

import numpy as np

from budget.allocation.plan.baselines import (
    CURRENT,
    CURRENT_SCALED,
    GREEDY,
    PROPORTIONAL,
    RULE_OF_THUMB,
    SAME_TOTAL,
    TO_TARGETS,
    UNIFORM,
    WITHIN,
)
from budget.allocation.plan.binding_limits import broken_words
from budget.allocation.plan.gains import Gain
from budget.allocation.plan.plan import AS_PREDICTED, AT_PREDICTIONS, KEPT, Baseline, Plan
from budget.allocation.spec.objectives import Naming
from budget.allocation.spec.risks import RISKS
from budget.numerics.words import listing, shortened
from budget.report.written_numbers import (
    LEVEL,
    NOTHING,
    UNIT_WORDS,
    amount,
    count,
    count_span,
    difference,
    percent,
    plural,
    quantity,
    span,
    told_apart,
    value,
)

BASELINE_WORDS = {
    UNIFORM: "a uniform split",
    UNIFORM + WITHIN: "a uniform split within the limits",
    PROPORTIONAL: "a split by weight",
    PROPORTIONAL + WITHIN: "a split by weight within the limits",
    RULE_OF_THUMB: "the rule of 20 tokens per parameter",
    CURRENT: "today's split",
    CURRENT_SCALED: "today's split scaled to the budget",
    CURRENT + WITHIN: "today's split within the limits",
    UNIFORM + TO_TARGETS: "the smallest uniform split that meets the targets",
    PROPORTIONAL + TO_TARGETS: "the smallest split by weight that meets the targets",
    CURRENT + TO_TARGETS: "today's split scaled until it meets the targets",
    GREEDY: "a greedy split by marginal return",
    "optimal": "the best plan",
}
"""Name of a baseline → how a sentence calls it."""

SAME = "the same"

SAME_SHARE = 1e-9
"""Share of the objective up to which a gain is rounding."""

ALIKE_SHARE = 1e-4
"""Share of the objective up to which a gain is practically none: four digits show no smaller one."""

ROUNDING = 1e-12
"""A gap below this share of the objective is rounding, and called 0."""

BINDING_WORDS = {"budget": "the budget", "min": "its minimum", "max": "its maximum", "reach": "its reach",
                 KEPT: "kept, for want of a trusted curve"}  # fmt: skip
"""What stops a spend → how the report calls it."""


def plan_summary(plan: Plan) -> str:
    """The plan for the terminal, a sentence a line."""
    sentences = [f"{capital(objective_name(plan))} {objective_written(plan, plan.objective)} ({proof(plan)})."]
    told = plan.baselines if len(plan.spend) > 1 else rivals_of_one(plan)
    sentences += [baseline_sentence(plan, baseline) for baseline in told]
    if plan.spec.is_one_model:
        sentences.append(f"{capital(model_words(plan, count))}{_ranges_in_brackets(plan)}.")
    return in_lines(*sentences, *_size_sentences(plan))


def in_lines(*sentences: str) -> str:
    """Sentences for the terminal, each on a line of its own, those behind the first set in."""
    return "\n  ".join(sentences)


def proof(plan: Plan) -> str:
    """What is proven of the plan, and of which curves where these are not the predictions."""
    gap = plan.gap if plan.gap > ROUNDING * abs(plan.planned_objective) else 0.0
    proven = f"no plan is better than {objective_written(plan, plan.bound)}; gap {difference(gap)}"
    solved = f"{plan.solver}, {plan.solver_status}"
    if plan.solver == AS_PREDICTED:
        return f"as predicted {proven}; {solved}"
    if plan.solver == AT_PREDICTIONS:
        return f"on curves moved to the predictions {proven}; {solved}"
    if plan.misses_targets:
        return f"on the curves that it is planned on {proven}; as predicted {met_as_predicted(plan)}; {solved}"
    if plan.is_planned_as_told:
        return f"{proven}; {solved}"
    return f"on the curves that it is planned on {value(plan.planned_objective)}, where {proven}; {solved}"


def objective_written(plan: Plan, number: float) -> str:
    """A value of the plan's objective, a spend as spends are written."""
    return amount(number, plan.spec.unit) if plan.spec.objective.minimizes_spend else value(number)


def met_as_predicted(plan: Plan) -> str:
    """How many targets a plan meets by its predictions."""
    return f"it meets {plan.breadth:.0f} of {plural(len(plan.spend), 'target')}"


def _size_sentences(plan: Plan) -> tuple[str, ...]:
    """How sure the sizes are: the task whose size is least sure, over the draws and by how flat its value is."""
    sizes, said = plan.sizes, []
    shared, names = plan.spec.is_one_model, plan.spec.tasks.names
    told = plan.served
    if plan.spec.objective.minimizes_spend and not shared:  # the smallest model of all stands for a task left out
        told = told & (np.array(plan.binding) != "min")
    chosen = plan.spec.params is None and told & (sizes.params_low > 0) & (sizes.params_high > 0)
    if not shared and np.any(chosen):
        low, high = (np.where(chosen, each, 1.0) for each in (sizes.params_low, sizes.params_high))
        width = np.where(chosen, np.log(high / low), -1.0)
        task = int(width.argmax())
        whose = f" of {names[task]}" if len(names) == 1 else f" of {names[task]}, the least sure,"
        tokens = count_span(sizes.tokens_low[task], sizes.tokens_high[task])
        said.append(
            f"Over the draws the best size{whose} is {count_span(sizes.params_low[task], sizes.params_high[task])} "
            f"parameters on {tokens} tokens ({LEVEL})."
        )
    near = np.where(told[:, None], sizes.params_near, np.nan)
    if np.isfinite(near[:, 0]).any():
        with np.errstate(divide="ignore"):
            width = np.nan_to_num(np.log(near[:, 1]) - np.log(near[:, 0]), nan=-1.0, posinf=1e9)
        task = int(width.argmax())
        whose = "" if shared or len(names) == 1 else f" for {names[task]}"
        said.append(f"Within 0.1 % of the best value{whose}: {count_span(*near[task].tolist())} parameters.")
    return tuple(said)


def capital(sentence: str) -> str:
    """The sentence with its first letter capital."""
    return sentence[:1].upper() + sentence[1:]


def objective_name(plan: Plan) -> str:
    """What the plan optimizes, such as ``weighted mean ce_nats_per_token``; a single task's is the metric itself."""
    spec, weight = plan.spec, plan.spec.tasks.weight
    return spec.objective.title(
        Naming(
            metric=spec.measure.metric,
            unit=spec.unit,
            is_equal=bool((weight == weight[0]).all()),
            is_alone=len(weight) == 1,
            risk=RISKS["mean"].title(spec.level) if spec.reference is not None else spec.risk.title(spec.level),
        )
    )


def by_hand(plan: Plan) -> list[Baseline]:
    """The splits that somebody would make by hand, as they are; the comparison table has the others too."""
    return [baseline for baseline in plan.baselines if baseline.name != GREEDY and not baseline.name.endswith(WITHIN)]


def rivals_of_one(plan: Plan) -> list[Baseline]:
    """What a plan of one task is compared with: today's spend and the rule of thumb, for its budget is not split."""
    names = (RULE_OF_THUMB, CURRENT, CURRENT + TO_TARGETS)
    return [baseline for baseline in plan.baselines if baseline.name in names]


def direction(plan: Plan) -> str:
    """Which way is good."""
    return "higher is better" if plan.larger_is_better else "lower is better"


def baseline_name(baseline: Baseline) -> str:
    """A baseline as a sentence calls it."""
    return BASELINE_WORDS.get(baseline.name, baseline.name)


def baseline_sentence(plan: Plan, baseline: Baseline, reaches: str = "") -> str:
    """A baseline with its value, what it breaks, and how the plan compares; or why it has no value.

    Args:
        plan: what it is compared with.
        baseline: the split.
        reaches: what stands before its value, such as ``would reach``.
    """
    who = capital(baseline_name(baseline))
    total = total_words(plan, baseline)
    if baseline.unscored:
        return f"{who}{total} is not scored: {unscored_words(baseline)}."
    broken = f", which {broken_words(baseline.breaks)}" if baseline.breaks else ""
    verb = f" {reaches}" if reaches else ""
    compared = f"{comparison(plan, baseline)}{gain_in_draws(plan, baseline)}"
    reached = objective_written(plan, baseline.objective)
    if reached == value(plan.objective):
        reached, _ = told_apart(baseline.objective, plan.objective)
    return f"{who}{total}{verb} {reached}{broken}: the plan is {compared}."


def total_words(plan: Plan, baseline: Baseline) -> str:
    """What a baseline spends in all, in brackets where that is not the budget."""
    budget, unit = plan.spec.budget, plan.spec.unit
    if baseline.name.endswith(TO_TARGETS):  # its total is its value
        return ""
    same = abs(baseline.total - budget) <= SAME_TOTAL * budget if np.isfinite(budget) else False
    return "" if same else f" ({quantity(baseline.total, unit)} in all)"


def unscored_words(baseline: Baseline) -> str:
    """Why a baseline has no value."""
    names = shortened(baseline.unscored)
    return f"it pays for no model of {names}, and column 'unserved' does not say what that is worth"


def comparison(plan: Plan, baseline: Baseline) -> str:
    """How the plan compares with a baseline, such as ``0.018 better``; a gain below the shown digits is called that."""
    words = better_by(plan.gain_over(baseline), plan.objective)
    if baseline.name == GREEDY and plan.gain_over(baseline) < 0 <= plan.planned_gain_over(baseline):
        # handed out by the same curves: what is proven of them stands, and only what is told of both differs
        words += (
            f" as predicted, on the curves that both are made on {better_by(plan.planned_gain_over(baseline), 0.0)}"
        )
    return f"{words}, practically the same" if _looks_equal(plan, baseline) and words != SAME else words


def gain_in_draws(plan: Plan, baseline: Baseline) -> str:
    """What the draws say of the gain over a split by hand, in brackets; nothing without draws."""
    gain = plan.gain_in_draws(baseline)
    if gain is None or baseline.name == GREEDY or _is_alike(plan, baseline, gain):
        return ""
    ends = "" if np.isnan(gain.low) else f"{LEVEL} {span(_signed(gain.low), _signed(gain.high))}, "
    middle = f"median {_signed(gain.median)}" if gain.is_exploded else f"expected {_signed(gain.expected)}"
    told = f"{middle}, {ends}better in {percent(gain.wins)} of the draws"
    return f" ({told}{', so that it is as good as can be told' if gain.is_as_good else ''})"


def _is_alike(plan: Plan, baseline: Baseline, gain: Gain) -> bool:
    """Whether two splits are one: the point fit and every draw give both the same, of which none is the better."""
    ends = [each for each in (gain.expected, gain.low, gain.high) if each == each]
    rounding = SAME_SHARE * abs(plan.objective)
    return abs(plan.gain_over(baseline)) <= rounding and max(map(abs, ends)) <= rounding


def _signed(gain: float) -> str:
    """A gain to two digits, a loss with its sign."""
    return f"{'−' if gain < 0 else ''}{difference(gain)}"


def better_by(gain: float, objective: float) -> str:
    """A gain in words, such as ``0.018 better``; rounding errors are ``the same``."""
    if gain != gain:
        return NOTHING
    if abs(gain) <= SAME_SHARE * abs(objective):
        return SAME
    return f"{difference(gain)} {'better' if gain > 0 else 'worse'}"


def model_words(plan: Plan, count_words: Callable[[float], str]) -> str:
    """One shared model, such as ``one model with 21.9 B parameters on 76.2 B tokens``."""
    parts = []
    if plan.params[0] == plan.params[0]:
        parts.append(f"with {count_words(plan.params[0])} parameters")
    if plan.tokens[0] == plan.tokens[0]:
        parts.append(f"on {count_words(plan.tokens[0])} tokens")
    return " ".join(["one model", *(parts or [f"with {quantity(plan.total, plan.spec.unit)}"])])


def input_ranges(plan: Plan) -> str:
    """Range over the draws of one shared model's best inputs, such as ``7.49 B to 45.1 B parameters``.

    Empty where the budget alone fixes them, so that there is nothing to choose.
    """
    return listing(
        [
            f"{span(count(low), count(high))} {UNIT_WORDS[name]}"
            for name, (low, high) in plan.input_ranges.items()
            if high > low * (1 + 1e-9)
        ]
    )


def _ranges_in_brackets(plan: Plan) -> str:
    ranges = input_ranges(plan)
    return f" ({LEVEL} of the draws: {ranges})" if ranges else ""


def _looks_equal(plan: Plan, baseline: Baseline) -> bool:
    # two values a hair apart may be written apart where one rounds up and the other down
    hair = ALIKE_SHARE * abs(plan.objective)
    return value(plan.objective) == value(baseline.objective) or abs(plan.objective - baseline.objective) <= hair
