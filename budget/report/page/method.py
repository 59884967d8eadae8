"""How the numbers came about, what the words mean, and what is needed to get them again."""

import numpy as np

from budget.allocation.plan.plan import AS_PREDICTED, AT_PREDICTIONS, Plan
from budget.curves.curves import Curves
from budget.numerics.words import listing
from budget.report.report_parts import Cell, Column, Table
from budget.report.sentences import facts
from budget.report.sentences.plan_sentences import objective_name, objective_written
from budget.report.written_numbers import LEVEL, UNIT_WORDS, difference, percent, plural, value
from budget.studies.make_plan import Study
from budget.studies.strategies.recommendation import Recommendation

GLOSSARY = (
    ("Task", "One thing a model is judged on, with one metric and a direction."),
    ("Run", "One measurement: a task's value at one scale. Runs of several tasks can be one trained model."),
    ("Law", "The form of a curve: how a value depends on scale, with a few parameters to be fitted."),
    ("Curve", "A law fitted to one task's runs."),
    ("Spend", "What a task is given of the budget, in the budget's unit."),
    ("Target", "The value at which a task counts as served."),
    ("Uniform split", "The same spend for every task: what a plan has to beat."),
    ("Certificate", "A bound proven with the plan: no plan of the stated problem has a better objective."),
    ("Gap", "How far the plan is from that bound; 0 means that it cannot be improved."),
    ("Shadow price", "How much the objective improves for one more unit of budget."),
    ("Extrapolation", "A planned spend over the largest measured one; above 1 the law is trusted beyond the data."),
    (
        "Bootstrap draw",
        "The whole calculation again with new noise, drawn from the runs' own scatter about their curves; the spread "
        "over many draws gives the intervals.",
    ),
    ("Specialist", "A model trained for one task; a shared model serves several."),
    ("1.00e22", "1.00 times 10 to the power 22; k, M, B and T are thousand, million, billion and trillion."),
)
"""Term → explanation."""


def _fit_words(curves: Curves) -> str:
    if curves.form.is_posterior:
        return (
            "Many curves for each task, each as likely as the runs and what is known of such curves make it. The law "
            "may bend slowly, more so the further it goes beyond the runs. Plans read of each the nearest convex curve."
        )
    return f"One curve for each task, minimizing {curves.estimator}."


def _interval_words(curves: Curves) -> str:
    if not len(curves.draws):
        return "None: no draws were asked for."
    held = f"{LEVEL} of them lie inside the stated interval, which is for the mean curve and not for a single run."
    if curves.form.is_posterior:
        many = plural(len(curves.draws), "such curve")
        return f"{many} of each task, the law's own error beyond the runs in them; {held}"
    drawn = f"{plural(len(curves.draws), 'bootstrap draw')} over trained models"
    if curves.told.drifts:
        drawn += ", each of which drifts from the law beyond the runs as the law may be off"
    return f"{drawn}; {held}"


def _other_costs(study: Study) -> str:
    """What runs cost of the strategies that are trained and cost something else."""
    assert study.curves.cost is not None, "the cost of the curves is told before"
    found, common = study.recommendation, study.curves.cost.formula
    models = () if found is None else found.models
    others = {model.strategy: model.cost for model in models if model.cost not in ("", common)}
    told = listing([f"{cost} of strategy {strategy}" for strategy, cost in others.items()])
    return f" It is {told}, where N counts all parameters, experts that a token does not meet too." if others else ""


def method(study: Study) -> tuple[tuple[str, str], ...]:
    """The steps of the calculation, each in plain words."""
    curves, plan = study.curves, study.plan
    form = curves.form
    unit = UNIT_WORDS[plan.spec.unit]
    symbols = (
        "N is parameters, D is tokens"
        if len(curves.planned_inputs) == 2
        else f"x is {UNIT_WORDS[curves.scale_columns[0]]}"
    )
    floors = listing([form.names[at] for at in form.where("floor")])
    symbols += f", {floors} is the floor that no scale gets below" if floors else ""
    distance = "; for scores it describes the distance to the best possible score" if plan.higher_is_better else ""
    steps = [
        ("Law", f"{form.formula}: {symbols}{distance} ({form.reference})."),
        ("Fit", _fit_words(curves)),
        ("Intervals", _interval_words(curves)),
    ]
    if curves.cost is not None and plan.spec.unit == "flops" and len(curves.planned_inputs) == 2:
        source = (
            "assumed, since the file counts no FLOPs"
            if curves.cost.assumed
            else "which the file's FLOPs follow exactly"
            if curves.cost.max_error < 1e-6
            else f"fitted to the file's FLOPs, typical error {percent(curves.cost.rms_error)}, "
            f"largest {percent(curves.cost.max_error)}"
        )
        steps.append(("Cost", f"A run costs {curves.cost.formula} FLOPs ({source}).{_other_costs(study)}"))
    found = study.recommendation
    decides = found if found is not None and found.shares else None
    shares = (
        "one model for all tasks, whose size and data are chosen together"
        if facts.is_shared(plan)
        else "one training for each model, and the tasks that share one are chosen with it"
        if decides is not None
        else "one training for each task"
    )
    steps += [
        (
            "Objective",
            f"The best {objective_name(plan)}, within the budget in {unit} and the stated limits: {shares}.",
        ),
        (
            "Certificate",
            _decision_bound(decides, plan.spec.sign)
            if decides is not None
            else "A bound is proven beside the plan: no plan of the stated problem is better than "
            f"{objective_written(plan, plan.bound)}{_planned_on(plan)}; the gap is {difference(plan.gap)}. It is a "
            f"statement about the {_proven_on(plan)}, not about the world.",
        ),
        ("Solver", f"{plan.solver}, which reports: {plan.solver_status}."),
    ]
    return tuple(steps)


def _decision_bound(found: Recommendation, sign: float) -> str:
    """What is proven of who shares a model and of the split, as predicted."""
    if not np.isfinite(found.choice.bound):
        return (
            f"Nothing is proven of who shares: of {found.choice.compared} ways to divide the tasks among the measured "
            f"models the best reaches {value(sign * found.choice.objective)}."
        )
    steadied = (
        "The same models with the budget split on steadied curves are predicted to reach "
        if found.asked is None or found.asked.objective.is_linear
        else "The models' own predictions come to "
    )
    return (
        "A bound is proven over every way to divide the tasks among the measured models and every split of the budget, "
        "on the convex curves that plans read: none is better than "
        f"{value(sign * found.choice.bound)}, and the best that was found reaches "
        f"{value(sign * found.choice.objective)}; the gap is {difference(found.gap)}. {steadied}"
        f"{value(sign * found.objective)}, which is what is reported. It is a statement about the curves, not about "
        "the world."
    )


def _proven_on(plan: Plan) -> str:
    """Which curves a bound speaks of."""
    if plan.solver == AS_PREDICTED:
        return "predictions of models of the sizes that the curves planned on choose"
    if plan.solver == AT_PREDICTIONS:
        return "curves that the plan is made on, moved to the predictions there"
    return "curves that the plan is made on"


def _planned_on(plan: Plan) -> str:
    """What the plan itself comes to on the curves that the bound speaks of, where that is not what is predicted."""
    if plan.is_planned_as_told:
        return ""
    return f" where it comes to {value(plan.planned_objective)} itself, on the convex curves that it is made on"


def versions_table(study: Study) -> Table:
    """What is needed to get the same numbers again."""
    rows = [(Cell("Seed of the draws"), Cell(str(study.curves.seed)))]
    rows += [(Cell(f"{file['name']}, SHA-256"), Cell(file["sha256"])) for file in study.input_files.values()]
    rows += [(Cell(name), Cell(number)) for name, number in study.versions.items()]
    return Table("Inputs and versions", (Column("What"), Column("Value")), tuple(rows))
