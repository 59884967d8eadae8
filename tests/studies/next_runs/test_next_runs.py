"""The value of new runs: against numeric integration, and what must hold whatever the curves are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import planned_cost
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.scenarios import scenarios_of
from budget.curves.fitting.fit import fit_curves
from budget.errors import AllocationError, DataError
from budget.studies.next_runs.next_runs import _off_the_frontier, next_runs
from budget.studies.next_runs.posterior import (
    LEAST_EFFECTIVE_SHARE,
    TEMPERED_SIZE,
    Observer,
    effective,
    weights,
)
from budget.studies.next_runs.posterior_plans import PosteriorPlanner
from budget.studies.next_runs.rival_strategies import Strategy, compete
from budget.studies.next_runs.run_grid import MAX_EXTRAPOLATION, Runs
from budget.studies.next_runs.tabulated_plans import _parts, _product, tabulated
from budget.studies.next_runs.value_of_information import Sampling, alone, perfect
from budget.tables.tasks import TaskSettings, default_tasks
from tests import made
from tests.curves.cases import planted
from tests.searched import fit_searched

ALPHA = np.array([0.3, 0.2])
BUDGET = 1e4


def normal(count, seed):
    """A standard normal sample of almost exact moments, in random order."""
    return np.random.default_rng(seed).permutation(norm.ppf((np.arange(count) + 0.5) / count))


def two_powers(exact_curves, spread, noise, draws=800):
    """Two tasks ``exp(a)·x^-alpha``: of the first, a is normal with a standard deviation; the second is known."""
    parameters = np.stack([np.full(2, 1e-12), np.zeros(2), ALPHA], axis=1)
    scenarios = np.tile(parameters, (draws, 1, 1))
    scenarios[:, 0, 1] = spread * normal(draws, 0)
    measured = {"x": np.full(2, 10.0)}
    return replace(
        exact_curves.take(np.array([0, 1])),
        law="power",
        scale_columns=("x",),
        parameters=parameters,
        draws=scenarios,
        noise=noise * np.stack([normal(draws, 1), normal(draws, 2)], axis=1),
        reference=np.ones((2, 1)),
        smallest=measured,
        largest={"x": np.full(2, 100.0)},
        cost=None,
    )


def study_of(curves, spend=200.0, budget=BUDGET, seed=0):
    spec = plan_spec(curves, default_tasks(curves.tasks), budget)
    return Sampling((Strategy.of("", curves, spec, spend),), np.random.default_rng(seed))


def best_value(factor):
    """Least mean of the two tasks, the first times a factor, by SciPy."""

    def value(share):
        return 0.5 * (factor * (share * BUDGET) ** -ALPHA[0] + ((1 - share) * BUDGET) ** -ALPHA[1])

    return minimize_scalar(value, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-10}).fun


@pytest.mark.parametrize(("spread", "noise"), [(0.5, 0.5), (0.8, 0.3), (0.4, 1.0)])
def test_the_value_of_a_run_is_that_of_numeric_integration(exact_curves, spread, noise):
    """With normal draws of one coefficient the posterior is conjugate; the outcomes are integrated by Gauss-Hermite."""
    study = study_of(two_powers(exact_curves, spread, noise))
    left = spread**2 * noise**2 / (spread**2 + noise**2)
    centre = spread**2 / np.sqrt(spread**2 + noise**2)
    at, mass = np.polynomial.hermite_e.hermegauss(31)
    after = sum(m * best_value(np.exp(centre * x + left / 2)) for x, m in zip(at, mass, strict=True)) / mass.sum()
    exact = best_value(np.exp(spread**2 / 2)) - after
    run = int(np.flatnonzero(study.runs.group == 0)[0])
    gain, _ = alone(study, run, {})
    error = gain.std() / np.sqrt(len(gain))
    assert error < 0.3 * exact
    assert abs(gain.mean() - exact) < 3 * error
    known = sum(m * best_value(np.exp(spread * x)) for x, m in zip(at, mass, strict=True)) / mass.sum()
    regret, by_group = perfect(study)
    np.testing.assert_allclose(regret.mean(), best_value(np.exp(spread**2 / 2)) - known, rtol=0.05)
    np.testing.assert_allclose(by_group, [regret.mean(), 0.0], atol=1e-9)


def test_a_task_without_uncertainty_has_no_value(exact_curves):
    study = study_of(two_powers(exact_curves, 0.5, 0.1, draws=100))
    for run in np.flatnonzero(study.runs.group == 1):
        np.testing.assert_array_equal(alone(study, int(run), {})[0], 0.0)
    certain = next_runs(two_powers(exact_curves, 0.0, 0.1, draws=100), default_tasks(exact_curves.tasks[:2]), 1e4, 200)
    assert certain.batch == () and (certain.gain == 0).all() and abs(certain.regret) < 1e-12
    assert set(certain.table()["reason"]) == {"its value is not told from 0"}


def test_more_noise_is_less_value_and_perfect_information_bounds_all(exact_curves):
    values = []
    for noise in (1e-3, 0.1, 0.3, 1.0, 3.0, 100.0):
        study = study_of(two_powers(exact_curves, 0.5, noise, draws=400))
        gain, _ = alone(study, 0, {})
        error = gain.std() / np.sqrt(len(gain))
        assert -2 * error <= gain.mean() <= perfect(study)[1][0] + 2 * error
        values.append(gain.mean())
    assert (np.diff(values) < 1e-12).all() and values[0] > 10 * values[-2]
    assert values[-1] == pytest.approx(0, abs=1e-3 * values[0])


def test_prior_plan_is_the_one_of_least_mean_over_the_draws(noisy_curves):
    """The tables place the plan where the interior point finds it, for two scales and three tasks."""
    tasks = default_tasks(noisy_curves.tasks)
    plan = allocate(noisy_curves, plan_spec(noisy_curves, tasks, 1e21, risk="mean"), draws=False)
    found = PosteriorPlanner.of(noisy_curves, plan_spec(noisy_curves, tasks, 1e21)).plan()
    np.testing.assert_allclose([np.exp(spend[0]) for spend, _ in found], plan.spend, rtol=2e-3)


def test_prices_of_all_models_at_once_are_those_of_each(noisy_curves):
    """Spends under equal weights are lines between known prices; of learnt models they are looked up one by one."""
    tasks = TaskSettings(noisy_curves.tasks, max=np.array([np.nan, 3e20, np.nan]))
    planner = PosteriorPlanner.of(noisy_curves, plan_spec(noisy_curves, tasks, 1e21))
    random = np.random.default_rng(5)
    draws = len(noisy_curves.draws)
    weight = random.dirichlet(np.full(draws, 0.3), size=draws)
    learnt = {0: planner.models[0].under(weight)}
    spends = planner._spends(learnt, draws)
    np.testing.assert_allclose(np.exp(spends).sum(axis=0), 1e21, rtol=1e-9)
    breaks, level, rise = planner._known
    price = random.uniform(breaks[0] - 2, breaks[-1] + 2, 500)
    for model, response in enumerate(planner.prior):
        at = np.searchsorted(breaks, price)
        np.testing.assert_allclose(level[model, at] + rise[model, at] * price, response.log_spend(price)[0], rtol=1e-9)
    # at each outcome's split the marginal returns of models inside their limits agree
    for outcome in range(0, draws, 7):
        known = planner.prior[2]
        prices = [
            np.interp(spends[0][outcome], planner.models[0].nodes, learnt[0].marginal[outcome]),
            np.interp(spends[2][outcome], planner.models[2].nodes, known.marginal[0]),
        ]
        np.testing.assert_allclose(prices[0], prices[1], atol=1e-6)


def test_tables_keep_every_draw_beside_a_wild_one():
    random = np.random.default_rng(2)
    place = np.linspace(0, 5, 60)
    exponent, height = random.uniform(0.1, 0.6, (2, 40, 1))
    table = 1 + height * np.exp(-exponent * place)
    table[7] *= 1e200
    left, right = _parts(table)
    assert left.shape[1] == len(right) < 15
    np.testing.assert_allclose(left @ right, table, rtol=1e-11)
    np.testing.assert_array_equal(_product(left, right).shape, table.shape)
    np.testing.assert_allclose(_product(random.normal(size=(900, 40)), left[:, :3]).shape, (900, 3))
    zero = _parts(np.zeros((4, 5)))
    np.testing.assert_array_equal(zero[0] @ zero[1], 0.0)


def test_a_run_shows_what_the_prediction_says(noisy_curves):
    """Plans read convex curves that are near to the prediction where plans go; runs are smaller."""
    told = replace(noisy_curves, draws=noisy_curves.draws + 0.05)
    planned = replace(noisy_curves, prediction=told)
    at = np.tile(np.log([1e9, 1e10]), (1, 1))
    shown = Observer.of(planned, np.array([1])).predicted(at)
    np.testing.assert_array_equal(shown, Observer.of(told, np.array([1])).predicted(at))
    assert (shown != Observer.of(noisy_curves, np.array([1])).predicted(at)).any()


def test_draws_of_the_prediction_go_with_those_of_the_plan(noisy_curves):
    draws = noisy_curves.draws.copy()
    draws[5, 0, 0] = np.nan
    curves = replace(noisy_curves, prediction=replace(noisy_curves, draws=draws))
    taken = compete({"": curves}, default_tasks(curves.tasks), 1e23, 1e22, 0)[0][0].curves
    np.testing.assert_array_equal(taken.draws, taken.told.draws)
    assert len(taken.draws) == len(draws) - 1


@pytest.mark.slow
@pytest.mark.parametrize("law", ["power", "trend"])
def test_reweighting_says_what_fitting_again_would(law):
    """Every outcome is fitted together with the runs, planned on, and judged in the scenario that made it."""
    random = np.random.default_rng(1)
    x = np.geomspace(1e6, 1e8, 7)
    value = np.stack([1.0 + (x / 1e8) ** -0.3, 1.2 + 1.5 * (x / 1e8) ** -0.2])
    value *= np.exp(0.02 * random.normal(size=value.shape))
    runs = pd.DataFrame({"task": np.repeat(["a", "b"], 7), "flops": np.tile(x, 2), "value": value.ravel()})

    def fitted(frame):
        curves = fit_curves(frame, law, scale="flops", draws=200, borrow=False)
        return curves.usable().planned_on("predicted")

    curves, budget = fitted(runs), 5e9
    tasks = default_tasks(curves.tasks)
    study = Sampling(compete({"": curves}, tasks, budget, 1e9, 0)[0], np.random.default_rng(0))
    strategy = study.strategies[0]
    run = int(np.flatnonzero(study.runs.group == 1)[-1])
    gain, _ = alone(study, run, {})
    shown = strategy.observers[1].predicted(np.log(study.runs.inputs[[run]]))[:, 0]
    shown = np.exp(shown + strategy.curves.noise[study.orders[0], 1])
    pick = np.linspace(0, study.draws - 1, 40).astype(int)
    again = []
    for draw in pick:
        row = pd.DataFrame({"task": ["b"], "flops": [study.runs.inputs[run, 0]], "value": [shown[draw]]})
        refit = fitted(pd.concat([runs, row], ignore_index=True))
        plan = PosteriorPlanner.of(refit, plan_spec(refit, tasks, budget)).plan()
        models = zip(strategy.planner.models, plan, strict=True)
        after = sum(model.worth(np.array([draw]), spend, size)[0] for model, (spend, size) in models)
        again.append(study.today[0][draw] - after)
    apart = np.array(again) - gain[pick]
    assert np.corrcoef(again, gain[pick])[0, 1] > 0.5
    assert abs(apart.mean()) < 3 * apart.std(ddof=1) / np.sqrt(len(pick))
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))


def test_prior_plan_under_repeated_data_is_too():
    runs, _ = planted("repeat", noise=0.01)
    curves = fit_searched(runs, "repeat", draws=30).usable()
    tasks = TaskSettings(curves.tasks, unique_tokens=np.full(2, 1e10))
    plan = allocate(curves, plan_spec(curves, tasks, 1e21, risk="mean"), draws=False)
    found = PosteriorPlanner.of(curves, plan_spec(curves, tasks, 1e21)).plan()
    np.testing.assert_allclose([np.exp(spend[0]) for spend, _ in found], plan.spend, rtol=5e-3)
    table = next_runs(curves, tasks, 1e21, 1e20, count=1).table()
    assert (table["unique_tokens"] <= np.minimum(table["tokens"], 1e10)).all()


def test_limits_of_the_tasks_hold(noisy_curves):
    most = np.array([np.nan, 1e20, np.nan])
    tasks = TaskSettings(noisy_curves.tasks, max=most, min=np.array([5e20, np.nan, np.nan]))
    spends = [
        np.exp(spend[0]) for spend, _ in PosteriorPlanner.of(noisy_curves, plan_spec(noisy_curves, tasks, 1e21)).plan()
    ]
    assert spends[0] >= 5e20 * (1 - 1e-9) and spends[1] <= 1e20 * (1 + 1e-9)
    np.testing.assert_allclose(sum(spends), 1e21, rtol=1e-9)


def test_posterior_weights_leave_out_the_draw_itself_and_keep_enough_of_the_others():
    random = np.random.default_rng(3)
    logs = -0.5 * (random.normal(size=(100, 1)) - random.normal(size=(1, 100))) ** 2 * 1e4
    weight = weights(logs)
    np.testing.assert_array_equal(np.diag(weight), 0.0)
    np.testing.assert_allclose(weight.sum(axis=1), 1.0)
    least = LEAST_EFFECTIVE_SHARE * 100
    np.testing.assert_array_less(least * (1 - 1e-9), effective(weight))
    np.testing.assert_array_less(effective(weight), least * (1 + 2 * TEMPERED_SIZE))  # all are tempered, as far as need
    np.testing.assert_allclose(effective(weights(np.zeros((100, 100)))), 99)


def test_likelihood_is_the_normal_one(shared_curves):
    """Of three tasks on one model: against SciPy's density, up to a factor for each outcome."""
    from scipy.stats import multivariate_normal

    group = np.arange(3)
    observer = Observer.of(shared_curves, group)
    predicted = observer.predicted(np.tile(np.log([1e9, 1e10]), (3, 1)))
    order = np.random.default_rng(0).permutation(len(predicted))
    logs = observer.log_likelihood(predicted, order)
    outcome = predicted[4] + shared_curves.noise[order[4]]
    covariance = observer.root @ observer.root.T
    exact = [multivariate_normal.logpdf(outcome, each, covariance) for each in predicted]
    np.testing.assert_allclose(logs[4] - logs[4, 0], np.array(exact) - exact[0], rtol=1e-6, atol=1e-6)


@pytest.fixture(scope="module")
def found(noisy_curves):
    return next_runs(noisy_curves, default_tasks(noisy_curves.tasks), 1e23, 1e22, seed=3)


def test_batch_fits_the_spend_and_is_bounded(found):
    table = found.table()
    assert list(table.columns) == [
        "rank", "task", "params", "tokens", "flops", "expected_gain", "error", "per_flop", "chosen", "reason", "seed",
    ]  # fmt: skip
    chosen = table[table["chosen"]]
    assert 1 <= len(chosen) <= 8 and chosen["flops"].sum() <= 1e22 * (1 + 1e-9)
    np.testing.assert_allclose(table["flops"], 6 * table["params"] * table["tokens"], rtol=1e-9)
    np.testing.assert_allclose(table["per_flop"], table["expected_gain"] / table["flops"])
    assert not chosen.duplicated(["task", "params", "tokens", "seed"]).any()
    assert (np.diff(table.loc[~table["chosen"], "expected_gain"]) <= 0).all()
    assert (found.gain > -3 * found.error).all()
    assert (found.gain <= found.bound + 3 * found.error).all()
    assert 0 < found.batch_gain <= found.regret
    assert found.batch_gain >= max(found.gain) - 2 * (found.error[found.gain.argmax()] + found.batch_error)
    limits = (
        MAX_EXTRAPOLATION * found.curves.largest["params"].max(),
        MAX_EXTRAPOLATION * found.curves.largest["tokens"].max(),
    )
    assert (table["params"] <= limits[0]).all() and (table["tokens"] <= limits[1]).all()


def test_runs_of_unlike_shapes_say_why():
    inputs = np.array([[1e6, 2e5], [1e6, 2e7], [1e5, 4e6]])
    runs = Runs(np.zeros(3, dtype=int), inputs, 6 * inputs.prod(axis=1), "flops", ("params", "tokens"))
    (said,) = _off_the_frontier(runs, [0, 1])
    assert said.startswith("The chosen runs have 0.2 to 20 tokens a parameter: ")
    assert _off_the_frontier(runs, [1, 2]) == () and _off_the_frontier(runs, []) == ()


def test_the_seed_decides_everything(found, noisy_curves):
    tasks = default_tasks(noisy_curves.tasks)
    again, other = (next_runs(noisy_curves, tasks, 1e23, 1e22, seed=seed) for seed in (3, 4))
    assert again.record() == found.record()
    assert (other.gain != found.gain).any()


def test_runs_of_shared_models_measure_all_their_tasks(shared_curves):
    tasks = default_tasks(shared_curves.tasks)
    for strategy in ("shared", "specialists"):
        study = next_runs(shared_curves, tasks, 1e23, 1e22, strategy=strategy)
        assert set(study.names) == {"prose|code|maths"}
        assert (study.gain > -3 * study.error).all() and study.regret > 0


def test_one_scale_is_its_own_cost_where_it_is_no_flops(exact_curves):
    curves = two_powers(exact_curves, 0.5, 0.1, draws=100)
    study = next_runs(curves, default_tasks(curves.tasks), 1e4, 300.0, count=2)
    table = study.table()
    assert table["flops"].isna().all() and table[["params", "tokens"]].isna().all(axis=None)
    assert table.loc[table["chosen"], "x"].sum() <= 300 and len(study.batch) == 2
    assert any("runs cost their x" in note for note in study.notes)
    assert study.record()["spend_unit"] == "x"


def test_the_measure_and_token_budgets(noisy_curves):
    unserved = TaskSettings(noisy_curves.tasks, unserved=np.full(3, 10.0))
    assert next_runs(noisy_curves, unserved, 1e23, 1e22, measure="progress").regret < 1
    sized = next_runs(noisy_curves, default_tasks(noisy_curves.tasks), 1e13, 1e22, unit="tokens", params=1e9)
    assert sized.spec.unit == "tokens" and sized.runs.unit == "flops"


@pytest.mark.parametrize(
    ("change", "asked", "error", "sentence"),
    [
        ({}, {"budget": None}, AllocationError, "A plan needs a budget: give --budget NUMBER"),
        ({}, {"spend": 10.0}, AllocationError, "--spend 10 buys no run: the cheapest of the measured sizes costs"),
        ({}, {"spend": -1.0}, DataError, "--spend is -1; give a positive number"),
        ({"draws": 0}, {}, DataError, r"The curves have no draws \(a point fit\)"),
        ({"draws": 7}, {}, DataError, "The curves have 7 draws, and what a run would teach"),
    ],
)
def test_mistakes_get_one_sentence(noisy_curves, change, asked, error, sentence):
    curves = noisy_curves
    if change:
        curves = replace(curves, draws=curves.draws[: change["draws"]], noise=curves.noise[: change["draws"]])
    options = {"budget": 1e23, "spend": 1e22} | asked
    with pytest.raises(error, match=sentence):
        next_runs(curves, default_tasks(curves.tasks), options["budget"], options["spend"])


def test_plans_that_are_not_convex_are_refused(noisy_curves):
    tasks = TaskSettings(
        noisy_curves.tasks,
        checkpoint=np.array([1e9, np.nan, np.nan]),
        checkpoint_params=np.array([1e8, np.nan, np.nan]),
    )
    with pytest.raises(AllocationError, match="valued for plans that are convex"):
        next_runs(noisy_curves, tasks, 1e23, 1e22)


def test_draws_without_numbers_are_not_used(noisy_curves):
    draws = noisy_curves.draws.copy()
    draws[2, 1, 0] = np.nan
    study = next_runs(replace(noisy_curves, draws=draws), default_tasks(noisy_curves.tasks), 1e23, 1e22, count=1)
    assert len(study.curves.draws) == len(draws) - 1 and "1 of 40 draws are no numbers" in study.notes[0]


@pytest.mark.parametrize("short", ["params", "tokens"])
@pytest.mark.parametrize("reach", [1.0, 3.0])
def test_tabulated_sizes_are_exact_where_a_plan_stops_at_its_reach(short, reach):
    curves = made.chinchilla()
    largest = dict(curves.largest) | {short: curves.largest[short] / 50}
    curves = replace(curves, draws=curves.parameters[None], noise=np.zeros((1, 3)), largest=largest)
    spec = plan_spec(curves, default_tasks(curves.tasks), 3e21, reach=reach)
    values, costs = scenarios_of(curves, spec.tasks).values, planned_cost(curves, spec, "flops")
    for task, model in enumerate(tabulated(curves, spec)):
        log_spend = model.log_spend[model.log_spend <= model.most]
        mine = np.full(len(log_spend), task)
        best = best_inputs(values.take(mine), costs.take(mine), np.exp(log_spend))
        stopped = (best >= costs.ceiling[task] - 1e-6).any(axis=1)
        table = np.matmul(*model.parts).reshape(len(model.log_spend), -1).min(axis=1)[: len(mine)]
        exact = spec.weight[task] * curves.distance(mine, best)
        assert stopped.any()
        np.testing.assert_allclose(table[stopped], exact[stopped], rtol=1e-9)
