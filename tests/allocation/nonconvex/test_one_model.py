"""One shared model whose objective is no convex function of its size: against grids and the convex program."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.nonconvex.one_model import plan_one_model
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.curves import Curves
from budget.curves.link.link import Link
from budget.errors import AllocationError
from budget.tables.tasks import default_tasks

BUDGET = 1e22


def with_scores(curves: Curves) -> Curves:
    """The curves with steep links from loss to a score between chance and 1."""
    parameters = np.array([[12.0, 2.13, 0.25, 1.0], [30.0, 1.122, 0.1, 1.0], [25.0, 1.91, 0.5, 1.0]])
    count = len(curves.tasks)
    link = Link(
        metric="accuracy",
        higher_is_better=np.ones(count, dtype=bool),
        status=("ok",) * count,
        message=("",) * count,
        parameters=parameters,
        draws=np.tile(parameters, (len(curves.draws), 1, 1)),
        noise=np.zeros((len(curves.draws), count)),
        stated=np.ones(count, dtype=bool),
        pairs=np.full(count, 25),
        error=np.zeros(count),
        agreement=np.ones(count),
        gradient=np.zeros(count),
        estimator="",
    )
    return replace(curves, link=link)


def losses_on_a_grid(curves: Curves) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (G,) and the tasks' losses (G, T) of models that cost the budget."""
    params = np.geomspace(1e7, 1e13, 60_001)
    floor, a, alpha, b, beta = curves.form.natural(curves.parameters, curves.reference).T
    tokens = BUDGET / (6 * params)
    return params, floor + a / params[:, None] ** alpha + b / tokens[:, None] ** beta


def test_the_mean_is_that_of_the_convex_program(shared_curves):
    spec = plan_spec(shared_curves, default_tasks(shared_curves.tasks), BUDGET, strategy="shared")
    convex = allocate(shared_curves, spec, draws=False)
    found = plan_one_model(shared_curves, spec)
    assert found.bound <= convex.objective <= found.bound * (1 + 1e-7)
    np.testing.assert_allclose(np.exp(found.log_inputs[0, 0]), convex.params[0], rtol=1e-2)


@pytest.mark.parametrize("objective", ["mean", "worst"])
def test_scores_match_a_grid(shared_curves, objective):
    curves = with_scores(shared_curves)
    spec = plan_spec(
        curves, default_tasks(curves.tasks), BUDGET, strategy="shared", measure="score", objective=objective
    )
    plan = allocate(curves, spec)
    _, losses = losses_on_a_grid(curves)
    scores = curves.link.value(np.arange(3), losses)
    expected = float((scores.mean(axis=1) if objective == "mean" else scores.min(axis=1)).max())
    assert expected <= plan.objective + 1e-9 <= expected + 1e-6
    assert 0 <= plan.bound - plan.objective <= 1e-6 and plan.solver_status == "proven"
    assert plan.input_ranges["params"][0] <= plan.params[0] and (plan.low <= plan.predicted).all()
    assert all(plan.gain_over(baseline) >= 0 for baseline in plan.baselines)


@pytest.mark.parametrize("targets", [(2.12, 1.125, 1.9077), (2.1345, 1.1204, 1.9), (2.2, 1.2, 2.0), (2.0, 1.0, 1.7)])
def test_targets_match_a_grid(shared_curves, targets):
    tasks = replace(default_tasks(shared_curves.tasks), target=np.array(targets), weight=np.array([1.0, 2.0, 4.0]))
    plan = allocate(
        shared_curves, plan_spec(shared_curves, tasks, BUDGET, strategy="shared", objective="targets"), draws=False
    )
    _, losses = losses_on_a_grid(shared_curves)
    assert plan.objective == plan.bound == ((losses <= targets) @ tasks.weight).max()


def test_a_menu_takes_its_best_size(shared_curves):
    menu = (1e9, 7e9, 4e10)
    spec = plan_spec(shared_curves, default_tasks(shared_curves.tasks), BUDGET, strategy="shared", sizes=menu)
    plan = allocate(shared_curves, spec, draws=False)
    params, losses = losses_on_a_grid(shared_curves)
    expected = min(menu, key=lambda size: losses[np.abs(np.log(params / size)).argmin()].mean())
    np.testing.assert_allclose(plan.params, expected)


def test_what_one_model_cannot_be_asked_is_refused(shared_curves):
    tasks = replace(default_tasks(shared_curves.tasks), target=np.full(3, 3.0), unserved=np.full(3, 9.0))
    for asked in ({"allow_unserved": True}, {"objective": "cheapest", "at_least": 2}):
        with pytest.raises(AllocationError, match="one shared model serves every task"):
            plan_spec(shared_curves, tasks, BUDGET, strategy="shared", **asked)
