"""The fit against planted parameters, an independent optimizer, and invariances."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget.curves.fitting.batch import padded_rows
from budget.curves.laws.table import LAWS
from tests.oracles.robust_fit import best_loss
from tests.searched import fit_searched
from tests.simulate import HOFFMANN, TRUTHS, Truth, box, grid, runs_of, table


def test_planted_parameters_are_recovered(exact_curves):
    natural = exact_curves.form.natural(exact_curves.parameters, exact_curves.reference)
    for row, truth in zip(natural, TRUTHS.values(), strict=True):
        np.testing.assert_allclose(row, [truth.E, truth.A, truth.alpha, truth.B, truth.beta], rtol=1e-4)
    assert exact_curves.status == ("ok",) * 3


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    floor=st.floats(0.3, 3.0),
    capacity=st.floats(0.1, 1.0),
    alpha=st.floats(0.15, 0.8),
    data=st.floats(0.1, 1.0),
    beta=st.floats(0.15, 0.8),
)
def test_any_planted_law_is_recovered(tmp_path, floor, capacity, alpha, data, beta):
    truth = Truth(floor, capacity * 1.7e8**alpha, alpha, data * 5e9**beta, beta)
    curves = fit_searched(runs_of(table({"task": truth}), tmp_path), draws=0)
    params, tokens = grid()
    there = np.log(np.column_stack([params, tokens]))
    predicted = curves.distance(np.zeros(len(params), dtype=int), there)
    np.testing.assert_allclose(predicted, truth.value(params, tokens), rtol=2e-5)


def test_planted_power_law_is_recovered(tmp_path):
    frame = table({"task": HOFFMANN}).drop(columns=["params", "tokens", "metric"])
    frame["value"] = 0.7 + 3.0 * (frame["flops"] / 1e18) ** -0.21
    curves = fit_searched(runs_of(frame, tmp_path), draws=0)
    assert curves.law == "power" and curves.scale_columns == ("flops",)
    found = curves.form.natural(curves.parameters, curves.reference)[0]
    np.testing.assert_allclose(found, [0.7, 3.0 * 1e18**0.21, 0.21], rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_no_better_optimum_is_found_by_scipy(tmp_path, seed):
    frame = table({"task": HOFFMANN}, noise=0.02, seed=seed)
    curves = fit_searched(runs_of(frame, tmp_path), draws=0)
    rival = best_loss(frame["params"].to_numpy(), frame["tokens"].to_numpy(), frame["value"].to_numpy(), starts=40)
    assert curves.objective[0] <= rival * (1 + 1e-6)


def test_rows_in_any_order_give_the_same_fit(tmp_path):
    frame = table({"task": HOFFMANN}, noise=0.02)
    first = fit_searched(runs_of(frame, tmp_path), draws=0)
    again = fit_searched(runs_of(frame.sample(frac=1, random_state=3), tmp_path), draws=0)
    np.testing.assert_allclose(first.objective, again.objective, rtol=1e-9)
    np.testing.assert_allclose(first.parameters, again.parameters, rtol=1e-4)


@pytest.mark.parametrize("factor", [1e-30, 1e-6, 1e6, 1e30])
def test_units_do_not_matter(tmp_path, factor):
    frame = table({"task": HOFFMANN}, noise=0.02)
    scaled = frame.assign(params=frame["params"] * factor, tokens=frame["tokens"] / factor)
    first, second = (fit_searched(runs_of(each, tmp_path), draws=0) for each in (frame, scaled))
    np.testing.assert_allclose(first.objective, second.objective, rtol=1e-8)
    np.testing.assert_allclose(first.reference[0] * [factor, 1 / factor], second.reference[0], rtol=1e-9)
    in_value = fit_searched(runs_of(frame.assign(value=frame["value"] * 1e3), tmp_path), draws=0)
    np.testing.assert_allclose(in_value.objective, first.objective, rtol=1e-8)


def test_wild_rows_do_not_bend_the_curve(tmp_path):
    frame = table({"task": HOFFMANN}, noise=0.005)
    wild = frame.copy()
    wild.loc[[4, 11], "value"] *= [1.8, 0.5]
    params, tokens = grid()
    there, task = np.log(np.column_stack([params, tokens])), np.zeros(len(params), dtype=int)
    clean, spoiled = (fit_searched(runs_of(each, tmp_path), draws=0) for each in (frame, wild))
    shift = np.log(spoiled.distance(task, there) / clean.distance(task, there))
    assert np.abs(shift).max() < 0.02


def test_weights_count_rows(tmp_path):
    frame = table({"task": HOFFMANN}, noise=0.02)
    frame["run"] = frame.index
    doubled = frame.assign(weight=np.where(frame.index < 10, 2.0, 1.0))
    copied = frame.loc[[*range(10), *frame.index]].reset_index(drop=True)
    copied["run"] = copied.index  # of runs of their own: what one run says twice counts once
    first, second = (fit_searched(runs_of(each, tmp_path), draws=0) for each in (doubled, copied))
    np.testing.assert_allclose(first.objective, second.objective, rtol=1e-8)


def test_draws_are_seeded_and_joint(tmp_path):
    frame = table(TRUTHS, noise=0.02, shared=True)
    frame.loc[frame["task"] == "code", "value"] = frame.loc[frame["task"] == "prose", "value"].to_numpy()
    runs = runs_of(frame, tmp_path)
    first, again, other = (fit_searched(runs, draws=8, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.draws, again.draws)
    assert np.abs(first.draws - other.draws).max() > 1e-6
    # the same models and values: in every draw both tasks see the same weights, hence the same curve
    np.testing.assert_allclose(first.draws[:, 0], first.draws[:, 1], rtol=1e-6)


def test_score_is_fitted_as_distance_to_its_ceiling(tmp_path):
    frame = table({"task": Truth(0.2, 5e1, 0.3, 6e1, 0.25)})
    score = frame.assign(value=1 - frame["value"] / 10, metric="accuracy")
    curves = fit_searched(runs_of(score, tmp_path, higher_is_better=True), draws=0)
    assert curves.ceiling[0] == 1.0
    task = np.zeros(len(frame), dtype=int)
    value, _, _ = curves.predict(task, np.log(frame[["params", "tokens"]].to_numpy()))
    np.testing.assert_allclose(value, score["value"], rtol=1e-6)


def test_every_law_is_finite_on_its_whole_box():
    random = np.random.default_rng(0)
    for law in (law for law in LAWS.values() if not law.is_posterior):
        lower, upper = box(law)
        corners = np.stack([lower, upper])[random.integers(0, 2, (200, len(law.parameters))), np.arange(len(upper))]
        inside = random.uniform(lower, upper, (200, len(law.parameters)))
        z = random.uniform(-30, 30, (400, len(law.inputs)))
        value = law.value(np.concatenate([corners, inside]), z)
        assert np.isfinite(value).all() and (value >= 0).all()


def test_a_law_that_does_not_describe_the_runs_is_called_poor(tmp_path):
    frame = table({"task": HOFFMANN})
    random = np.random.default_rng(0)
    size = frame["flops"].rank(pct=True)
    frame["value"] = np.where(size > 0.9, 1.0, 3.0) * np.exp(0.3 * random.normal(size=len(frame)))
    curves = fit_searched(runs_of(frame, tmp_path), draws=0)
    assert curves.status == ("poor_fit",) and "explains" in curves.message[0] and curves.used.all()


def test_a_value_that_does_not_depend_on_params_is_flat(tmp_path):
    frame = table({"task": HOFFMANN}, noise=0.002)
    random = np.random.default_rng(3)
    frame["value"] = (1 + 400 / frame["tokens"] ** 0.3) * np.exp(0.01 * random.normal(size=len(frame)))
    curves = fit_searched(runs_of(frame, tmp_path), draws=5)
    assert curves.status == ("flat",) and not curves.used.any() and np.isnan(curves.draws).all()
    assert curves.message == ("the runs do not show how the value depends on params",)


def test_exact_runs_count_all_starts_as_agreeing(exact_curves):
    assert (exact_curves.agreement >= 0.5).all()


def test_a_guessed_ceiling_is_said(tmp_path):
    frame = table({"task": Truth(0.2, 5e1, 0.3, 6e1, 0.25)})
    runs = runs_of(frame.assign(value=1 - frame["value"] / 10), tmp_path, higher_is_better=True)
    assert any("taken as 1 for 1 task" in note for note in fit_searched(runs, draws=0).notes)
    stated = fit_searched(runs, draws=0, best=np.array([1.0]))
    assert not any("taken as" in note for note in stated.notes)


@pytest.mark.parametrize("loss", ["huber", "lad"])
def test_progress_rises_through_starts_and_draws_to_all_of_them(loss, tmp_path):
    seen = []
    fit_searched(
        runs_of(table(TRUTHS, noise=0.01), tmp_path), draws=4, loss=loss, progress=lambda *now: seen.append(now)
    )
    done, total = zip(*seen, strict=True)
    starts = LAWS["chinchilla"].starts * len(TRUTHS)
    assert set(total) == {starts + 4 * len(TRUTHS)} and list(done) == sorted(done) and done[-1] == total[0]
    assert sum(each <= starts for each in done) > 1


@pytest.mark.parametrize("rows, width", [(1, 8), (8, 8), (9, 16), (33, 48), (64, 64), (65, 96), (144, 144)])
def test_rows_are_padded_to_the_next_of_few_widths(rows, width):
    assert padded_rows(rows) == width
