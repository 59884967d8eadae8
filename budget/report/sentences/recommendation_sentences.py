"""What to train, in words: the models of the best decision over every measured strategy, and what they gain."""

from collections.abc import Sequence

import numpy as np

from budget.allocation.plan.plan import Plan
from budget.numerics.interval import interval
from budget.numerics.words import listing
from budget.report.judged_curves import Judged, backtest_tile
from budget.report.report_parts import Tile
from budget.report.sentences.plan_sentences import capital, objective_name
from budget.report.written_numbers import (
    LEVEL,
    UNIT_WORDS,
    difference,
    factor,
    percent,
    plural,
    quantity,
    span,
    value,
)
from budget.studies.strategies.recommendation import DECIDED, SURE, Recommendation, RivalDecision, TrainedModel
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL
from budget.tables.target_met import target_met

NAMED = 3
"""Tasks of a shared model that a sentence names; of more the first is, and the others are counted."""

SHOWN = 4
"""Undecided shared models that a sentence names."""

AS_GOOD = 5e-5
"""Gain, as a share of a rival's objective, below which neither is called better."""

RIVALS = {SPECIALISTS: "one model for each task", EQUAL: "an equal split among one model for each"}
"""A rival's name → how a sentence calls it; any other is one model for all."""

HOW = {"generalist": "", "moe": " with experts", "trunk": " with a shared trunk"}
"""A strategy → what the words ``one model`` lack to name it."""


def rival_words(rival: RivalDecision) -> str:
    """A rival as a sentence calls it."""
    return RIVALS.get(rival.name) or f"one model{how(rival.name)} for all"


def how(strategy: str) -> str:
    """What tells a shared model from a plain one, such as `` with experts``; a strategy of the file's own by name."""
    return HOW.get(strategy, f" by strategy '{strategy}'")


def what_to_train(found: Recommendation) -> str:
    """The headline: how many models for how many tasks, and who shares."""
    nothing = found.plan.leaves_out
    tasks = plural(len(found.plan.tasks) - len(nothing), "task")
    without = f"; nothing for {_names(nothing)}" if nothing else ""
    if len(found.models) == 1 and len(found.models[0].tasks) > 1:
        which = tasks if nothing else f"all {tasks}"
        first = "Probably train" if found.models[0].wins < SURE else "Train"
        return f"{first} one model{how(found.models[0].strategy)} for {which}{without}."
    shared = [model for model in found.models if len(model.tasks) > 1]
    if not shared:
        return f"Train {plural(len(found.models), 'model')}, one for each task{without}."
    alone = len(found.models) - len(shared)
    parts = [
        f"{_tasks(model)} {'probably ' if model.wins < SURE else ''}share one{how(model.strategy)}" for model in shared
    ]
    if alone:
        parts.append(f"{alone} {'has' if alone == 1 else 'have'} one of {'its' if alone == 1 else 'their'} own")
    return f"Train {plural(len(found.models), 'model')} for {tasks}: {listing(parts)}{without}."


def _tasks(model: TrainedModel) -> str:
    return _names(model.tasks)


def _names(names: tuple[str, ...]) -> str:
    return listing(list(names)) if len(names) <= NAMED else f"{names[0]} and {len(names) - 1} others"


def lede(found: Recommendation, plan: Plan) -> str:
    """What the decision reaches and how it compares, in one sentence."""
    spec = plan.spec
    if spec.objective.minimizes_spend:
        met = "every target" if spec.at_least is None else f"{spec.at_least} targets"
        reached = target_met(found.plan.predicted, spec.tasks.target, bool(plan.higher_is_better)).sum()
        if reached < plan.targets_asked:
            met = f"{reached} of {plural(plan.targets_asked, 'target')}, all of them by the curves planned on,"
        said = f"They are predicted to meet {met} with {quantity(found.objective, spec.unit)}"
    else:
        given = quantity(found.plan.budget, spec.unit)
        said = f"With {given} they are predicted to reach {_objective(found, plan)}"
    others = [
        f"{_gained(found, rival)} than {words} ({_told_beside(found, rival, plan)})"
        for words, rival in (
            ("an equal split", found.rival(EQUAL)),
            ("one model for each task", found.rival(SPECIALISTS)),
        )
        if rival is not None
    ]
    compared = f"{said}: {listing(others)}." if others else f"{said}."
    simple = found.rival(SPECIALISTS)
    if simple is not None and simple.enough < 1:
        compared += f" To reach what one model for each task does, {percent(simple.enough)} of the budget is enough."
    return " ".join([compared, *surer(found, plan)])


def surer(found: Recommendation, plan: Plan) -> tuple[str, ...]:
    """What it costs to do without the shared models of which the draws are not sure; nothing where all are sure."""
    if found.safer is None:
        return ()
    tasks = listing([_names(names) for names in found.safer.apart])
    reached = _reached(found.safer.objective, plan)
    price = percent(abs(found.safer.price))
    worth = f"{price} worse" if found.safer.price > 0 else f"{price} better" if found.safer.price < 0 else "as good"
    if plan.spec.objective.minimizes_spend:
        worth = f"{price} {'dearer' if found.safer.price > 0 else 'cheaper'}"
    return (f"Surer is to do without the model of {tasks}, which is predicted {worth} ({reached}).",)


def _gained(found: Recommendation, rival: RivalDecision) -> str:
    """The gain over a rival in words, before ``than``."""
    asked = None if found.asked is None else found.asked.objective
    if asked is not None and asked.counts_targets:
        more = rival.objective - found.objective
        return f"{difference(more)} {'more' if more >= 0 else 'fewer'} targets met"
    size = percent(abs(rival.gain))
    if asked is not None and asked.minimizes_spend:
        return f"{size} {'less' if rival.gain >= 0 else 'more'}"
    return f"{size} {'better' if rival.gain >= 0 else 'worse'}"


def _reached(objective: float, plan: Plan) -> str:
    """What something reaches, as a reader sees it."""
    if plan.spec.objective.minimizes_spend:
        return quantity(objective, plan.spec.unit)
    return value(plan.spec.sign * objective)


def _told_beside(found: Recommendation, rival: RivalDecision, plan: Plan) -> str:
    """The gain's own interval, paired over the draws; what the rival reaches without draws, and of targets.

    Of these the interval is a share of the rival's number, where the gain stands in targets.
    """
    in_targets = found.asked is not None and found.asked.objective.counts_targets
    if in_targets or not np.isfinite(rival.interval).all():
        return _reached(rival.objective, plan)
    return f"{LEVEL}: {_gain_span(rival)}"


def _gain_span(rival: RivalDecision) -> str:
    return span(*(f"{100 * end:.2g} %".replace("-", "−") for end in rival.interval))


def _objective(found: Recommendation, plan: Plan) -> str:
    """What is made as good as can be, with its interval."""
    scenarios = plan.spec.sign * found.drawn
    ends = f" ({LEVEL}: {span(*(value(float(end)) for end in interval(scenarios)))})" if len(scenarios) else ""
    name = "mean" if found.asked is None else objective_name(plan)
    return f"a {name} of {value(plan.spec.sign * found.objective)}{ends}"


def decision_tiles(found: Recommendation, plan: Plan, judged: Sequence[Judged] = ()) -> tuple[Tile, ...]:
    """The headline numbers, in the order of a payer's questions: saved, reached, targets, trust, how far out.

    Args:
        found: the decision.
        plan: the best split among one model for each task, for targets and the objective's direction.
        judged: the curves that a backtest judged.
    """
    tiles, sign, draws = [], plan.spec.sign, len(found.plan.scenarios)
    equal = found.rival(EQUAL)
    if equal is not None:
        sure = f", better in {percent(equal.wins)} of the draws" if draws else ""
        same = "mean" if found.asked is None else objective_name(plan)
        if np.isfinite(equal.enough) and equal.enough < 1:
            tiles.append(
                Tile("Saved against an equal split", percent(1 - equal.enough), f"for the same {same}{sure}", "saved")
            )
        before, after = value(sign * equal.objective), value(sign * found.objective)
        scenarios = sign * found.drawn
        ends = f"{LEVEL}: {span(*(value(float(end)) for end in interval(scenarios)))}" if draws else "by the point fit"
        name = f"Mean {plan.metric}" if found.asked is None else capital(objective_name(plan))
        tiles.append(Tile(name, f"{before} → {after}", ends, "mean"))
    mine, target = found.plan, plan.spec.tasks.target
    tiles += targets_tile(mine.predicted, mine.low, mine.high, target, bool(plan.higher_is_better))
    tiles += backtest_tile(judged)
    far = max(found.models, key=lambda model: model.beyond)
    scales = listing([UNIT_WORDS.get(name, name) for name in far.inputs])
    where = "inside what was measured" if far.beyond <= 1 else f"in {scales}: {_tasks(far)}"
    tiles.append(Tile("Furthest beyond the runs", "none" if far.beyond <= 1 else factor(far.beyond), where))
    return tuple(tiles)


def targets_tile(
    predicted: np.ndarray, low: np.ndarray, high: np.ndarray, target: np.ndarray, higher: bool
) -> tuple[Tile, ...]:
    """How many targets the intervals reach, leave open and miss; none where no target is stated; each of shape (T,)."""
    rows = np.column_stack([predicted, low, high, target]).tolist()
    signs = [target_sign(point, least, most, aim, higher) for point, least, most, aim in rows]
    stated = [sign for sign in signs if sign]
    if not stated:
        return ()
    number = f"{stated.count('●')} of {len(stated)} sure"
    return (Tile("Targets met", number, targets_words(stated), "targets"),)


def targets_words(signs: list[str]) -> str:
    """How many targets are reached, left open and missed, from their signs."""
    sure, close, missed = (signs.count(sign) for sign in "●◐○")
    return f"● {sure} sure, ◐ {close} too close, ○ {missed} missed"


def gains(found: Recommendation, unit: str, who: str = "This") -> tuple[str, ...]:
    """What the decision gains over simpler ones, one sentence each, and what it rests on.

    Args:
        found: the decision.
        unit: of its budget.
        who: what its sentences call it.
    """
    said = [_gain(found, rival, unit, who) for rival in found.rivals if not _is_same(found, rival)]
    shared = [model for model in found.models if model.wins == model.wins]
    if shared:
        each = listing([f"{_tasks(model)} in {percent(model.wins)}" for model in shared])
        said.append(f"Share of the draws in which a shared model is better than one for each of its tasks: {each}.")
    if found.undecided:
        shown = found.undecided[:SHOWN]
        more = f" and {len(found.undecided) - len(shown)} more" if len(found.undecided) > len(shown) else ""
        each = listing([f"{_names(one.tasks)}{how(one.strategy)} ({percent(one.wins)})" for one in shown])
        said.append(
            f"Left apart, since fewer than {percent(DECIDED)} of the draws say that one shared model is better: "
            f"{each}{more}."
        )
    short = found.gap / max(abs(found.choice.objective), 1e-300)
    proof = "no other is better" if short < 1e-6 else f"no other is better by more than {percent(short)}"
    if not np.isfinite(short):
        proof = f"{plural(found.choice.compared, 'was', 'were')} compared, and nothing is proven of the others"
    measured = "measured models that are left" if found.undecided else "measured models"
    said.append(
        f"Of every way to divide the tasks among the {measured}, and every split of the budget, {proof} on the convex "
        "curves that plans read."
    )
    far = [model for model in found.models if model.beyond > 3]
    if far:
        most = max(far, key=lambda model: model.beyond)
        said.append(
            f"{plural(len(far), 'model lies', 'models lie')} more than 3 times outside what was measured, that of "
            f"{_tasks(most)} {factor(most.beyond)}."
        )
    return tuple(said)


def _is_same(found: Recommendation, rival: RivalDecision) -> bool:
    """Whether the rival is the decision itself."""
    if rival.name == SPECIALISTS:
        return not found.shares
    return len(found.models) == 1 and found.models[0].strategy == rival.name


def _gain(found: Recommendation, rival: RivalDecision, unit: str, who: str) -> str:
    sure = ""
    if np.isfinite(rival.interval).all():
        sure = f" ({LEVEL}: {_gain_span(rival)}; better in {percent(rival.wins)} of the draws)"
    probably = "" if not len(rival.gains) or max(rival.wins, 1 - rival.wins) >= SURE else " probably"
    asked = None if found.asked is None else found.asked.objective
    is_spend = asked is not None and asked.minimizes_spend
    if abs(rival.gain) < AS_GOOD and not (asked is not None and asked.counts_targets):
        sentence = f"{who} {'takes' if is_spend else 'is'} as {'much' if is_spend else 'good'} as {rival_words(rival)}"
    else:
        verb = "takes" if is_spend else "has" if asked is not None and asked.counts_targets else "is"
        sentence = f"{who}{probably} {verb} {_gained(found, rival)} than {rival_words(rival)}{sure}"
        sentence = sentence.replace(f"{probably} {verb}", f" {verb}{probably}")
    if np.isfinite(rival.enough) and rival.enough < 1:
        enough = quantity(rival.enough * found.plan.budget, unit)
        sentence += f", whose value it reaches with {enough}, {percent(rival.enough)} of the budget"
    return f"{sentence}."


def target_sign(predicted: float, low: float, high: float, target: float, higher: bool) -> str:
    """What an interval says of a target: reached (●), too close to call (◐) or missed (○); empty without a target."""
    if target != target:
        return ""
    ends = (low, high) if low == low else (predicted, predicted)
    good = [end >= target if higher else end <= target for end in ends]
    return "●" if all(good) else "○" if not any(good) else "◐"


def judged_values(
    predicted: np.ndarray, low: np.ndarray, high: np.ndarray, plan: Plan
) -> list[tuple[float, float, float, float, bool]]:
    """What ``target_sign`` and ``target_verdict`` judge a plan's tasks by, from (T,) values and their intervals."""
    numbers = zip(predicted.tolist(), low.tolist(), high.tolist(), plan.spec.tasks.target.tolist(), strict=True)
    return [(*each, bool(plan.higher_is_better)) for each in numbers]


VERDICTS = {"●": "● reached", "◐": "◐ too close to call", "○": "○ missed", "": "no target"}
"""What an interval says of a target → the words."""


def target_verdict(predicted: float, low: float, high: float, target: float, higher: bool) -> str:
    """The same in words, with by how much the prediction misses."""
    sign = target_sign(predicted, low, high, target, higher)
    return f"{VERDICTS[sign]} by {difference(predicted - target)}" if sign == "○" else VERDICTS[sign]
