"""The link from loss to score against planted links, an independent optimizer, and invariances."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from budget.curves.link.fit import with_link
from budget.curves.link.link import LINK, score
from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import DataError
from budget.tables.checks.status import LINK_STATUS
from budget.tables.files.text import json_text
from budget.tables.loss_score_pairs import join, read_pair
from tests.oracles import link_fit as oracle
from tests.searched import fit_searched
from tests.simulate import LINKS, TRUTHS, TrueLink, scored, table

NOISE = 0.01


def pair_of(frame, folder):
    path = folder / "runs.csv"
    frame.to_csv(path, index=False)
    return read_pair(path, "nats", "accuracy")


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    """A table of losses with 1 % noise and the curves fitted to it."""
    frame = table(TRUTHS, noise=0.01, shared=True)
    runs, _ = pair_of(scored(frame), tmp_path_factory.mktemp("losses"))
    return frame, fit_searched(runs, draws=12, seed=5)


@pytest.fixture(scope="module")
def noisy(losses, tmp_path_factory):
    """Losses, scores with noise, and the curves with their link, chance fitted."""
    frame, curves = losses
    pair = pair_of(scored(frame, noise=NOISE), tmp_path_factory.mktemp("noisy"))
    return *pair, with_link(curves, *pair)


def random_box(count, random):
    """Slope and midpoint (count, 2) over the whole box in working coordinates, its corners first."""
    low, high = LINK.lower[1:], LINK.upper[1:]
    corners = np.array([[low[0], low[1]], [low[0], high[1]], [high[0], low[1]], high])
    return np.concatenate([corners, random.uniform(low, high, (count, 2))])


def test_the_link_is_anchored_monotone_and_finite_on_its_whole_box():
    working = random_box(300, np.random.default_rng(0))
    loss = np.concatenate([[0.0, 1e-300], np.geomspace(1e-6, 1e6, 400), [1e300, np.inf]])
    parameters = np.stack([*np.exp(working).T, np.full(len(working), 0.25), np.full(len(working), 1.0)], axis=1)
    value = score(parameters[:, None], loss[None])
    assert np.isfinite(value).all()
    np.testing.assert_array_equal(value[:, 0], 1.0)
    np.testing.assert_array_equal(value[:, -1], 0.25)
    assert (np.diff(value, axis=1) <= 0).all()
    half = score(parameters, parameters[:, 1])
    np.testing.assert_allclose(half, (1 + 0.25) / 2, rtol=1e-12)


def test_the_link_is_the_shifted_logistic_sigmoid():
    loss = np.linspace(0, 5, 50)
    for truth in LINKS.values():
        found = score(np.array([truth.slope, truth.midpoint, truth.chance, truth.best]), loss)
        np.testing.assert_allclose(found, truth.score(loss), rtol=1e-12)


def test_gradients_agree_with_finite_differences():
    random = np.random.default_rng(1)
    theta = np.column_stack([random.uniform(0.5, 1.0, 300), random_box(296, random)])
    z = random.uniform(-1.5, 1.5, (300, 1))
    with jax.enable_x64(True):
        exact = np.asarray(jax.vmap(jax.grad(lambda theta, z: LINK.value(theta, z, jnp)))(theta, z))
    assert np.isfinite(exact).all()
    for position in range(3):
        step = np.zeros(3)
        step[position] = 1e-6
        finite = (LINK.value(theta + step, z) - LINK.value(theta - step, z)) / 2e-6
        np.testing.assert_allclose(exact[:, position], finite, rtol=2e-4, atol=1e-7)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    slope=st.floats(3.0, 25.0),
    centre=st.floats(0.75, 1.15),
    chance=st.floats(0.01, 0.5),
    best=st.sampled_from([1.0, 100.0]),
)
def test_any_planted_link_is_recovered(losses, tmp_path, slope, centre, chance, best):
    frame, curves = losses
    middle = frame[frame["task"] == "prose"]["value"].median()
    truth = TrueLink(slope / middle, centre * middle, chance * best, best)
    linked = with_link(curves, *pair_of(scored(frame, {"prose": truth}), tmp_path), best=np.array([best] * 3))
    loss = np.linspace(0.8, 1.2, 9) * middle
    found = linked.link.value(np.zeros(9, dtype=int), loss)
    np.testing.assert_allclose(found, truth.score(loss), atol=3e-4 * best)
    stated = with_link(
        curves, *pair_of(scored(frame, {"prose": truth}), tmp_path),
        best=np.array([best] * 3), chance=np.array([chance * best, np.nan, np.nan]),
    )  # fmt: skip
    expected = [truth.slope, truth.midpoint, chance * best, best]
    np.testing.assert_allclose(stated.link.parameters[0], expected, rtol=1e-3)


@pytest.mark.parametrize("stated", [True, False])
def test_no_better_optimum_is_found_by_scipy(noisy, stated):
    runs, scores, linked = noisy
    chance = np.array([link.chance for link in LINKS.values()]) if stated else None
    linked = with_link(linked, runs, scores, chance=chance)
    pairs = join(runs, scores)
    for task, name in enumerate(linked.tasks):
        mine = pairs.task == task
        loss, value = runs.value[pairs.loss[mine]], scores.value[pairs.score[mine]]
        rival = oracle.best_loss(loss, value, best=1.0, chance=LINKS[name].chance if stated else None)
        assert objective(linked.link.parameters[task], loss, value, stated) <= rival * (1 + 1e-6)
        assert linked.link.agreement[task] > 0.5 and linked.link.gradient[task] < 1e-6


def objective(parameters, loss, value, stated, weight=1.0):
    """The oracle's objective of a link as the package states it."""
    slope, midpoint, chance, best = parameters
    centre = np.log(np.exp(slope * midpoint) - 2) / slope
    return oracle.objective(slope, centre, chance, loss, value, weight, best, best - (chance if stated else 0.0))


def test_draws_take_their_noise_from_the_runs_that_the_curves_draws_take_it_from(losses, tmp_path):
    frame, _ = losses
    # scores whose distance to the link is a tenth of the loss's own relative distance to its curve
    truth, link = TRUTHS["prose"], LINKS["prose"]
    exact = truth.value(frame["params"].to_numpy(), frame["tokens"].to_numpy())[:25]
    mixed = change(scored(frame), lambda loss, _: link.score(loss) + 0.1 * np.log(loss / exact))
    losses_only, scores = pair_of(mixed, tmp_path)
    many = fit_searched(losses_only, draws=150, seed=5)
    linked = with_link(many, losses_only, scores, chance=np.array([0.25, np.nan, np.nan]))
    assert np.corrcoef(linked.link.noise[:, 0], linked.noise[:, 0])[0, 1] > 0.6
    other = with_link(replace(many, seed=6), losses_only, scores, chance=np.array([0.25, np.nan, np.nan]))
    assert abs(np.corrcoef(other.link.noise[:, 0], linked.noise[:, 0])[0, 1]) < 0.3


def test_the_score_is_predicted_draw_by_draw(noisy):
    _, _, linked = noisy
    task, there = np.arange(3), np.log([[1e10, 1e12]] * 3)
    value, low, high = linked.predict_score(task, there)
    loss = linked.predict(task, there)[0]
    np.testing.assert_array_equal(value, linked.link.value(task, loss))
    scenarios = np.stack([score(linked.link.draws[b], linked.distance_draws(task, there)[b]) for b in range(12)])
    np.testing.assert_allclose(low, np.minimum(np.percentile(scenarios, 10, axis=0, method="weibull"), value))
    np.testing.assert_allclose(high, np.maximum(np.percentile(scenarios, 90, axis=0, method="weibull"), value))
    true = [LINKS[name].score(TRUTHS[name].value(1e10, 1e12)) for name in linked.tasks]
    np.testing.assert_allclose(value, true, atol=0.05)
    assert (low < high).all() and (high <= 1).all()
    _, lowest, highest = linked.predict_score(task, there, new_run=True)
    assert (highest - lowest > high - low).all()


def test_rows_in_any_order_give_the_same_link(losses, noisy, tmp_path):
    frame, curves = losses
    mixed = scored(frame, noise=NOISE)
    scores = mixed[mixed["metric"] == "accuracy"].sample(frac=1, random_state=2)
    again = with_link(curves, *pair_of(pd.concat([mixed[mixed["metric"] == "nats"], scores]), tmp_path))
    np.testing.assert_allclose(again.link.parameters, noisy[2].link.parameters, rtol=1e-5)
    np.testing.assert_allclose(again.link.draws, noisy[2].link.draws, rtol=1e-3, atol=1e-4)


def test_units_do_not_matter(losses, noisy, tmp_path):
    frame, curves = losses
    scaled = scored(frame, noise=NOISE)
    is_score = scaled["metric"] == "accuracy"
    scaled["value"] *= np.where(is_score, 100.0, 1e3)
    found = with_link(curves, *pair_of(scaled, tmp_path)).link
    np.testing.assert_allclose(found.parameters, noisy[2].link.parameters * [1e-3, 1e3, 100, 100], rtol=1e-4)


def test_a_score_where_lower_is_better_is_mirrored(losses, noisy, tmp_path):
    frame, curves = losses
    rate = scored(frame, noise=NOISE)
    is_score = rate["metric"] == "accuracy"
    rate["value"] = np.where(is_score, 1 - rate["value"], rate["value"])
    found = with_link(curves, *pair_of(rate.assign(higher_is_better=0), tmp_path)).link
    expected = noisy[2].link.parameters.copy()
    expected[:, 2:] = 1 - expected[:, 2:]
    np.testing.assert_allclose(found.parameters, expected, rtol=1e-4, atol=1e-6)


def test_a_wild_row_does_not_bend_the_link(losses, tmp_path):
    frame, curves = losses
    clean = scored(frame, noise=0.003)
    wild = clean.copy()
    wild.loc[wild.index[wild["metric"] == "accuracy"][[3, 30, 60]], "value"] = [0.95, 0.05, 0.98]
    loss = np.array([2.4, 1.2, 2.0])
    first, second = (with_link(curves, *pair_of(each, tmp_path)).link for each in (clean, wild))
    np.testing.assert_allclose(second.value(np.arange(3), loss), first.value(np.arange(3), loss), atol=0.01)


def test_links_survive_their_file_and_take(noisy):
    linked = noisy[2]
    back = curves_from_record(json.loads(json_text(record_of(linked))), "curves.json")
    assert json_text(record_of(back)) == json_text(record_of(linked))
    np.testing.assert_array_equal(back.link.draws, linked.link.draws)
    one = back.take(np.array([1]))
    np.testing.assert_array_equal(one.link.parameters, linked.link.parameters[[1]])
    assert one.link.draws.shape == (12, 1, 4) and one.link.status == ("ok",)


def test_the_table_has_the_link_with_intervals(noisy):
    frame = noisy[2].table()
    for name in ("slope", "midpoint", "chance"):
        assert (frame[f"{name}_low"] < frame[f"{name}_high"]).all()
    assert (frame["best"] == 1).all() and (frame["link_pairs"] == 25).all() and set(frame["score"]) == {"accuracy"}
    assert frame["link_error"].between(NOISE / 2, 2 * NOISE).all()


def change(frame, value):
    """The prose scores replaced by a function of their losses."""
    result = frame.copy()
    mine = (result["metric"] == "accuracy") & (result["task"] == "prose")
    loss = result.loc[(result["metric"] == "nats") & (result["task"] == "prose"), "value"].to_numpy()
    result.loc[mine, "value"] = value(loss, np.random.default_rng(0))
    return result


def drop(frame, keep):
    """Only some of the prose scores."""
    mine = (frame["metric"] == "accuracy") & (frame["task"] == "prose")
    return frame[~mine | (mine.cumsum() <= keep)]


def line(slope):
    """Scores that rise with falling loss in a straight line, with noise."""
    return lambda loss, random: 0.35 + slope * (3.2 - loss) + NOISE * random.normal(size=len(loss))


def tail(noise):
    """Scores near guessing, in whose noise most of the rise is lost."""
    random = np.random.default_rng(3)
    return lambda loss, _: 0.4 + 0.05 * np.exp(2.3 - loss) + noise * random.normal(size=len(loss))


CASES = {
    "no_score": (lambda frame: drop(frame, 0), {}, "there is no row of the score"),
    "too_few_pairs": (lambda frame: drop(frame, 3), {}, "3 runs have both loss and score; 4 are needed"),
    "no_best": (lambda frame: change(frame, lambda loss, _: 900 - 100 * loss), {}, "neither stated nor told"),
    "beyond": (lambda frame: frame, {"best": 0.6}, "is better than the best score 0.6"),
    "no_chance": (lambda frame: change(frame, lambda loss, _: 2 - loss), {"best": 3.0}, "gives it no limit"),
    "constant": (lambda frame: change(frame, lambda loss, _: 0 * loss + 0.3), {}, "the same in all runs"),
    "no_signal": (lambda frame: change(frame, lambda loss, random: random.uniform(size=25)), {}, "told from noise"),
    "at_chance": (lambda frame: frame, {"chance": 0.9}, "no better than guessing"),
    "wrong_direction": (lambda frame: change(frame, lambda loss, _: loss / 10), {}, "gets worse as the loss falls"),
    "not_identified": (lambda frame: change(frame, tail(0.03)), {}, "show its slope within a factor of"),
    "poor_fit": (lambda frame: change(frame, tail(0.02)), {}, "explains 27% of the spread"),
    "at_bound": (lambda frame: change(frame, line(0.03)), {}, "the rows show no S"),
    "open_chance": (lambda frame: change(frame, line(0.12)), {}, "the level of guessing is"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_link_lacks_is_said(losses, tmp_path, case):
    spoil, stated, sentence = CASES[case]
    frame, curves = losses
    code = {"beyond": "no_best", "constant": "no_signal", "at_chance": "no_signal"}.get(case, case)
    ends = {name: np.array([stated.get(name, np.nan), np.nan, np.nan]) for name in ("best", "chance")}
    linked = with_link(curves, *pair_of(spoil(scored(frame)), tmp_path), **ends)
    link = linked.link
    assert link.status[0] == code and sentence in link.message[0], (link.status, link.message)
    assert link.status[1:] == ("ok", "ok"), "the others are not touched"
    assert LINK_STATUS[code].advice and link.used[0] == LINK_STATUS[code].used
    value = linked.predict_score(np.array([0]), np.log([[1e9, 1e11]]))
    assert np.isfinite(np.array(value)).all() == link.used[0]
    assert len(linked.unlinked) == (0 if link.used[0] else 1)


def test_a_task_without_a_curve_has_no_link(losses, tmp_path):
    frame, curves = losses
    curves = replace(curves, status=("too_few_runs", "ok", "ok"))
    linked = with_link(curves, *pair_of(scored(frame), tmp_path))
    assert linked.link.status == ("no_curve", "ok", "ok") and linked.unlinked == ()


def test_chance_that_is_not_worse_than_best_is_refused(losses, tmp_path):
    frame, curves = losses
    with pytest.raises(DataError, match=r"guessing scores 1.2 at task 'code', not worse than the best score 1;"):
        with_link(curves, *pair_of(scored(frame), tmp_path), chance=np.array([np.nan, 1.2, np.nan]))


def test_chance_of_the_runs_file_is_taken_unless_the_tasks_file_says_otherwise(losses, tmp_path):
    frame, curves = losses
    pair = pair_of(scored(frame).assign(chance=lambda each: each["task"].map({"prose": 0.25, "code": 0.05})), tmp_path)
    link = with_link(curves, *pair, chance=np.array([np.nan, 0.1, np.nan])).link
    assert link.stated.tolist() == [True, True, False]
    np.testing.assert_allclose(link.parameters[:2, 2], [0.25, 0.1])


def test_without_draws_there_are_no_intervals(losses, tmp_path):
    frame, curves = losses
    linked = with_link(
        replace(curves, draws=curves.draws[:0], noise=curves.noise[:0]), *pair_of(scored(frame), tmp_path)
    )
    value, low, high = linked.predict_score(np.array([0]), np.log([[1e9, 1e11]]))
    assert np.isfinite(value).all() and np.isnan(low).all() and np.isnan(high).all()


def test_small_losses_keep_their_digits():
    # the textbook's difference of two logistic functions has none left here
    small = 1e-12
    found = 1 - score(np.array([10.0, 4.0, 0.0, 1.0]), np.array(small))
    assert found == pytest.approx(0.0, abs=1e-15)
    share = np.exp(LINK.basis(np.array([0.0, np.log(10.0), np.log(4.0)]), np.array([np.log(small)]), np)[0])
    np.testing.assert_allclose(share, 10 * small * expit(-40.0), rtol=1e-9)
