"""What a fit says of itself, against the same numbers computed by hand and against planted faults."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from budget.curves.checks.convergence import FAR, ILL, RIVAL, STATIONARY, Convergence, convergence, findings, primary
from budget.curves.fitting.batch import Batch, make_batch, transfer_prior
from budget.curves.fitting.batching import choose_devices
from budget.curves.fitting.constraints import make_constraints
from budget.curves.fitting.loss import LOSSES, Loss, make_loss
from budget.curves.fitting.search import Estimator, Points, fit_points
from budget.curves.fitting.solver import Prior
from budget.curves.laws.table import LAWS, law_inputs
from budget.tables.checks.status import STATUS
from budget.tables.runs import runs_from_frame
from tests.searched import fit_searched
from tests.simulate import HOFFMANN, table


@dataclass(frozen=True)
class Fit:
    """The point fits of a table and what they were made of."""

    estimator: Estimator
    batch: Batch
    points: Points
    prior: Prior

    @property
    def record(self) -> Convergence:
        return convergence(self.estimator, self.batch, self.points, self.prior)

    @property
    def error(self) -> np.ndarray:
        residual = self.batch.residual(self.estimator.law, self.points.theta, self.estimator.loss)
        return np.sqrt((residual**2).sum(axis=1) / self.batch.there.sum(axis=1))

    def at(self, theta: np.ndarray) -> "Fit":
        return replace(self, points=replace(self.points, theta=theta))


def fit_of(frame: pd.DataFrame, law: str = "power", loss: Loss | None = None, fix: dict | None = None) -> Fit:
    runs, form = runs_from_frame(frame), LAWS[law]
    inputs, constraints = law_inputs(runs, form), make_constraints(form, fix or {}, ())
    estimator = Estimator(form, loss or make_loss(), constraints, choose_devices(None))
    tasks = np.arange(len(runs.tasks))
    batch = make_batch(runs, tasks, form, inputs, np.full(len(tasks), np.nan), constraints)
    prior = transfer_prior(form, batch, np.zeros(len(tasks)))
    return Fit(estimator, batch, fit_points(estimator, batch, prior), prior)


def planted(*floors: float, rows: int = 24, noise: float = 0.02, exponent: float = 0.4) -> pd.DataFrame:
    random = np.random.default_rng(11)
    x = np.geomspace(1e6, 1e10, rows)
    frames = [
        pd.DataFrame(
            {
                "task": f"t{position}",
                "x": x,
                "value": (floor + (x / 1e8) ** -exponent) * np.exp(noise * random.normal(size=rows)),
                "weight": random.uniform(0.5, 2.0, rows),
            }
        )
        for position, floor in enumerate(floors)
    ]
    return pd.concat(frames, ignore_index=True)


def two_scales(seed: int = 0) -> pd.DataFrame:
    """Twelve runs that a law with a break describes in several ways (found among 60 seeds)."""
    random = np.random.default_rng(seed)
    x = np.geomspace(1e6, 1e9, 12)
    value = 0.5 + (x / 1e7) ** -random.uniform(0.2, 0.5)
    return pd.DataFrame({"task": "t", "x": x, "value": value * np.exp(0.02 * random.normal(size=12))})


def slopes_by_hand(fit: Fit, theta: np.ndarray, task: int) -> np.ndarray:
    """(R, P) derivatives of the log curve by forward and backward differences of the law."""
    z = fit.batch.z[task][fit.batch.there[task]]
    step = np.eye(len(theta)) * 1e-6
    ahead, behind = (np.log(fit.estimator.law.value((theta + sign * step)[:, None], z)) for sign in (1, -1))
    return ((ahead - behind) / 2e-6).T


def share_by_hand(fit: Fit, theta: np.ndarray, task: int) -> float:
    """The largest |Σ| over Σ|·| of the derivatives of each row's own loss, by differences of the loss itself."""
    there = fit.batch.there[task]
    z, value, weight = (array[task][there] for array in (fit.batch.z, fit.batch.value, fit.batch.weight))

    def each(theta: np.ndarray) -> np.ndarray:
        residual = np.log(value) - np.log(fit.estimator.law.value(theta, z))
        return np.array(
            [fit.estimator.loss.objective(r, w) for r, w in zip(residual[:, None], weight[:, None], strict=True)]
        )

    shares = []
    for step in np.eye(len(theta)) * 1e-7:
        pull = each(theta + step) - each(theta - step)
        shares.append(abs(pull.sum()) / np.abs(pull).sum())
    return max(shares)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "lad"])
def test_the_gradient_vanishes_at_optima_and_is_large_away_from_them(loss):
    fit = fit_of(planted(0.5, 0.9, 1.4), loss=make_loss(loss))
    assert (fit.record.gradient < 1e-5).all()
    away = fit.at(fit.points.theta + np.array([0.1, 0.2, -0.05]))
    assert (away.record.gradient > 0.3).all()
    for task in range(3):
        by_hand = share_by_hand(away, away.points.theta[task], task)
        np.testing.assert_allclose(away.record.gradient[task], by_hand, rtol=1e-3)


def test_a_gradient_that_pushes_into_a_bound_is_no_gradient():
    fit = fit_of(planted(0.0, exponent=0.1))
    assert fit.record.bounds == (("E",),) and fit.record.gradient[0] < 1e-5
    inside = fit.points.theta.copy()
    inside[0, 0] += 0.01
    assert fit.at(inside).record.gradient[0] > 0.1 and fit.at(inside).record.bounds == ((),)


def test_the_pull_of_a_prior_is_part_of_the_gradient():
    fit = fit_of(planted(0.5))
    strength = np.array([[0.0, 0.0, 10.0]])
    pulled = replace(fit, prior=Prior(np.full((1, 3), 1.0), strength))
    assert pulled.record.gradient[0] > 0.5
    settled = replace(pulled, points=fit_points(fit.estimator, fit.batch, pulled.prior))
    assert settled.record.gradient[0] < 1e-5 and settled.points.theta[0, 2] > fit.points.theta[0, 2]


@pytest.mark.parametrize("law", ["power", "bnsl"])
def test_the_condition_number_is_that_of_the_scaled_normal_equations(law):
    fit = fit_of(planted(0.6, 1.2), law)
    for task in range(2):
        theta = fit.points.theta[task]
        inside = (theta > fit.batch.lower[task]) & (theta < fit.batch.upper[task])
        slopes = slopes_by_hand(fit, theta, task)[:, inside]
        slopes *= np.sqrt(fit.batch.weight[task][fit.batch.there[task]])[:, None]
        slopes /= np.linalg.norm(slopes, axis=0)
        np.testing.assert_allclose(fit.record.condition[task], np.linalg.cond(slopes.T @ slopes), rtol=1e-3)


def test_fixed_parameters_are_neither_at_a_bound_nor_in_the_condition_number():
    frame = planted(0.0, exponent=0.1)
    free, fixed = fit_of(frame), fit_of(frame, fix={"E": 0.0})
    assert free.record.bounds == (("E",),) and fixed.record.bounds == ((),)
    np.testing.assert_allclose(free.record.condition, fixed.record.condition, rtol=1e-3)


@pytest.mark.parametrize(
    ("frame", "bounds", "sentence"),
    [
        (planted(0.0, exponent=0.1), ("E",), "the floor E is 0: the runs do not show where the curve flattens"),
        (planted(0.5, exponent=6.0), ("a",), "a is at the upper end of its range"),
    ],
)
def test_parameters_at_an_end_of_their_range_are_named(frame, bounds, sentence):
    curves = fit_searched(frame, "power", draws=0)
    assert curves.bounds == (bounds,) and dict(curves.findings[0])["at_bound"] == sentence
    assert curves.table()["bounds"].tolist() == ["|".join(bounds)]


def test_several_optima_are_said_where_starts_end_in_rivals():
    frame = two_scales()
    curves, fit = fit_searched(frame, "bnsl", draws=0), fit_of(two_scales(), "bnsl")
    sentence = dict(curves.findings[0])["several_optima"]
    # by hand, in the file's units: the value at ten times the largest run of every end that is hardly worse
    near = fit.points.losses[0] <= fit.points.losses[0].min() * (1 + RIVAL)
    reference, unit = fit.batch.reference[0], fit.batch.unit[0]
    ends = fit.estimator.law.natural(fit.points.found[0][near], reference)
    E, A, c0, c1, d, f = ends.T
    x = 10 * frame["x"].max()
    value = (E + A * x**-c0 * (1 + (x / d) ** (1 / f)) ** ((c0 - c1) * f)) * unit
    best, _, _ = curves.predict(np.array([0]), np.log([[x]]))
    furthest = np.abs(value / best - 1).max()
    assert furthest > 0.1 and f"a {furthest:.0%} different value" in sentence
    assert FAR == np.log(10)
    # data that decide have none
    assert "several_optima" not in dict(fit_searched(planted(0.5, noise=0.001), "power", draws=0).findings[0])


FAULTS = {
    "not_converged": "a step still promises",
    "flat": "how the value depends on the scale",
    "poor_fit": "explains 0% of the spread of log values",
    "at_bound": "the floor E is 0",
    "several_optima": "only 1.00% higher predicts",
    "ill_conditioned": "condition number 1.0e+13",
}
"""Code → part of its sentence, in the order in which findings come."""


def with_fault(fit: Fit, code: str) -> Fit:
    """The fit with points that have the fault; those in record and error are ``record_with``'s."""
    points, theta = fit.points, fit.points.theta.copy()
    if code == "not_converged":
        return replace(fit, points=replace(points, slack=np.array([2 * STATIONARY])))
    if code == "flat":
        theta[0, 1] = fit.batch.lower[0, 1]
        return fit.at(theta)
    if code == "at_bound":
        theta[0, 0] = fit.batch.lower[0, 0]
        return fit.at(theta)
    if code == "several_optima":
        rival = theta + np.array([0.3, 0.0, 0.0])
        losses = points.losses.min() * np.array([[1.0, 1.01]])
        return replace(fit, points=replace(points, found=np.stack([points.theta, rival], axis=1), losses=losses))
    return fit


def said(fit: Fit, *codes: str) -> list[tuple[str, str]]:
    """The findings of the fit with the faults ``codes``."""
    for code in codes:
        fit = with_fault(fit, code)
    record = fit.record
    record = replace(
        record,
        bounds=(("E",),) if "at_bound" in codes else ((),),
        condition=np.array([10 * ILL]) if "ill_conditioned" in codes else record.condition,
    )
    error = np.ones(1) if "poor_fit" in codes else np.array([0.02])
    (found,) = findings(fit.estimator, fit.batch, fit.points, error, record, fit.batch.there, error)
    return found


@pytest.fixture(scope="module")
def clean() -> Fit:
    return fit_of(planted(0.5))


def test_a_clean_fit_has_no_findings(clean):
    assert clean.error[0] < 0.03 and said(clean) == [] and primary([]) == ("ok", "")


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_has_its_code_and_sentence(clean, code):
    found = said(clean, code)
    assert dict(found).keys() >= {code} and code in STATUS
    assert FAULTS[code] in dict(found)[code]
    # a vanished term or a moved floor moves the curve away from its starts' ends, which then are rivals
    assert {other for other, _ in found} - {code} <= {"several_optima"}


def test_faults_come_one_after_the_other_and_the_first_is_the_status(clean):
    found = said(clean, *FAULTS)
    assert [code for code, _ in found] == list(FAULTS) and primary(found) == found[0]


@pytest.mark.parametrize(
    ("rival", "cost", "named"),
    [(0.3, 1.01, True), (0.3, 1 + 1.1 * RIVAL, False), (0.001, 1.01, False)],
    ids=["near and different", "too much worse", "near and alike"],
)
def test_a_rival_is_hardly_worse_and_predicts_something_else(clean, rival, cost, named):
    points = clean.points
    found = np.stack([points.theta, points.theta + np.array([rival, 0.0, 0.0])], axis=1)
    other = replace(clean, points=replace(points, found=found, losses=points.losses.min() * np.array([[1.0, cost]])))
    assert ("several_optima" in dict(said(other))) is named


def test_curves_list_every_finding_and_the_first_is_the_status():
    """Four tasks: clean, floor at 0, too few runs, and several findings at once."""
    few = planted(0.5).head(3).assign(task="few")
    frame = pd.concat([planted(0.5), planted(0.0, exponent=0.1).assign(task="open"), few], ignore_index=True)
    curves = fit_searched(frame, "power", draws=0)
    assert curves.status == ("ok", "at_bound", "too_few_runs")
    several = fit_searched(two_scales(), "bnsl", draws=0)
    assert len(several.findings[0]) > 1
    for each in (curves, several):
        for status, message, found in zip(each.status, each.message, each.findings, strict=True):
            assert (status, message) == (found[0] if found else ("ok", ""))
            assert all(code in STATUS and sentence for code, sentence in found)


def test_one_diverged_run_is_an_outlier_of_a_good_curve():
    """It explains nothing of the spread with that row, and nearly all of it without."""
    frame = planted(0.5)
    frame.loc[10, "value"] *= 4
    curves = fit_searched(frame, "power", draws=0)
    assert curves.status == ("outliers",) and curves.outliers == ((12,),)
    assert curves.message == ("row 12 lies off the curve by many times the scatter of the others",)
    assert "poor_fit" not in dict(curves.findings[0])


def test_a_curve_that_misses_the_best_run_fits_poorly():
    """A value that leaves the others at the largest run may be the rise of an S: no outlier to look away from."""
    frame = planted(1.5, exponent=0.1)
    frame.loc[len(frame) - 1, "value"] /= 8
    (found,) = fit_searched(frame, "power", draws=0).findings
    assert {"poor_fit", "outliers"} <= dict(found).keys()
    assert "without" not in dict(found)["poor_fit"]


def test_a_curve_that_does_not_fit_says_what_it_explains_and_without_what(clean):
    kept = clean.batch.there.copy()
    kept[0, [3, 5]] = False
    fit = clean
    (found,) = findings(fit.estimator, fit.batch, fit.points, np.ones(1), fit.record, kept, np.ones(1))
    assert dict(found)["poor_fit"] == "the law explains 0% of the spread of log values without 2 wild rows"


@pytest.mark.parametrize(
    ("column", "change", "code", "sentence"),
    [
        ("params", lambda cell: cell / 1e6, "suspect_scale", "row 4: params 173.2 lies 4.8 decades below every other"),
        ("value", np.exp, "suspect_values", "row 4: value 58.56 is the exponential (a perplexity?) of what the"),
    ],
)  # fmt: skip
def test_what_is_suspect_before_the_fit_is_said_first_of_its_curve(column, change, code, sentence):
    frame = table({"task": HOFFMANN})
    frame.loc[2, column] = change(frame.loc[2, column])
    frame = frame.drop(columns="flops")
    curves = fit_searched(frame, draws=0)
    assert STATUS[code].headline and curves.status == (code,), curves.findings
    assert curves.message[0].startswith(sentence)


def test_flops_in_another_unit_are_a_warning_of_the_file():
    frame = table({"task": HOFFMANN})
    (warning,) = fit_searched(frame.assign(flops=6e-9 * frame["params"] * frame["tokens"]), draws=0).warnings
    assert "flops are 1e-09 times 6·params·tokens" in warning and "GFLOP (giga)" in warning
    assert fit_searched(frame.assign(flops=8 * frame["params"] * frame["tokens"]), draws=0).warnings == ()


def test_coefficients_at_the_reference_are_those_of_the_terms_there():
    params, tokens = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 3e9, 5), np.geomspace(3e8, 1e11, 5)))
    value = 1.7 + 406 / params**0.34 + 410 / tokens**0.28
    frame = pd.DataFrame({"task": "t", "params": params, "tokens": tokens, "value": value})
    row = fit_searched(frame, "chinchilla", draws=0).table().iloc[0]
    assert row["reference_params"] == pytest.approx(np.exp(np.log(params).mean()))
    for name, exponent, column in (("A", "alpha", "params"), ("B", "beta", "tokens")):
        expected = row[name] * row[f"reference_{column}"] ** -row[exponent]
        np.testing.assert_allclose(row[f"{name}_at_reference"], expected, rtol=1e-10)
    curves = fit_searched(planted(0.5, 0.9), "power", draws=0)
    table = curves.table()
    np.testing.assert_allclose(table["A_at_reference"], np.exp(curves.parameters[:, 1]), rtol=1e-12)
    np.testing.assert_allclose(table["A_at_reference"], table["A"] * table["reference_x"] ** -table["a"], rtol=1e-10)
