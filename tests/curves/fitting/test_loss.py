"""Every loss: its objective by an independent formula, and its optimum against SciPy."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from budget.curves.fitting.constraints import make_constraints
from budget.curves.fitting.loss import LOSSES, make_loss
from budget.curves.laws.table import LAWS
from budget.errors import DataError
from tests.oracles import losses as oracle
from tests.searched import fit_searched

INPUTS = {"power": ("x",), "chinchilla": ("params", "tokens")}
SHIFT = {"log": 0.0, "raw": 0.0, "raw, negative values": 2.4}
"""How far values are moved down, by residual."""


def simulated(law, shift, seed, noise=0.02):
    """25 runs of one task, some weighing twice, with heavy tails."""
    random = np.random.default_rng(seed)
    if law == "power":
        frame = pd.DataFrame({"x": np.geomspace(1e3, 1e8, 25)})
        value = 1.5 + 30 * frame["x"] ** -0.3
    else:
        params, tokens = np.meshgrid(np.geomspace(1e7, 3e9, 5), np.geomspace(3e8, 1e11, 5))
        frame = pd.DataFrame({"params": params.ravel(), "tokens": tokens.ravel()})
        value = 1.69 + 406.4 / frame["params"] ** 0.34 + 410.7 / frame["tokens"] ** 0.28
    value = value * np.exp(noise * random.standard_t(3, size=25)) - shift
    weight = np.where(np.arange(25) % 3 == 0, 2.0, 1.0)
    return frame.assign(task="task", value=value, weight=weight)


def problem_of(frame, law, loss, residual, **constraints):
    inputs = frame[list(INPUTS[law])].to_numpy(float)
    return oracle.Problem(
        inputs, frame["value"].to_numpy(), loss, residual.partition(",")[0], frame["weight"].to_numpy(), **constraints
    )


def fit(frame, law, loss, residual, **options):
    return fit_searched(frame, law, loss=loss, residual=residual.partition(",")[0], draws=0, **options)


@pytest.mark.parametrize(("law", "residual"), list(product(INPUTS, SHIFT)))
@pytest.mark.parametrize("loss", LOSSES)
def test_scipy_finds_no_lower_loss(law, residual, loss):
    frame = simulated(law, SHIFT[residual], seed=LOSSES.index(loss))
    curves, problem = fit(frame, law, loss, residual), problem_of(frame, law, loss, residual)
    mine = np.array([curves.parameters[0]])
    mine[:, 0] /= problem.unit
    mine[:, 1::2] -= np.log(problem.unit)
    np.testing.assert_allclose(curves.objective[0], problem.value(mine[0]), rtol=1e-9)
    assert curves.objective[0] <= oracle.best(problem) * (1 + 1e-6)
    assert curves.estimator == make_loss(loss, residual=residual.partition(",")[0]).words


CONSTRAINTS = {
    "floor": {"fix": {"E": 1.6}},
    "exponent": {"fix": {"alpha": 0.3}},
    "coefficient": {"fix": {"A": 400.0}},
    "term": {"fix": {"B": 410.0, "beta": 0.28}},
    "tied exponents": {"tie": [("alpha", "beta")]},
    "floor and tied exponents": {"fix": {"E": 1.6}, "tie": [("alpha", "beta")]},
    "coefficient of tied exponents": {"fix": {"A": 400.0}, "tie": [("alpha", "beta")]},
}


@pytest.mark.parametrize("asked", CONSTRAINTS)
@pytest.mark.parametrize("loss", ["huber", "lad"])
def test_fixed_and_tied_parameters_hold_and_scipy_finds_no_lower_loss(asked, loss):
    constraints = CONSTRAINTS[asked]
    frame = simulated("chinchilla", 0.0, seed=7)
    curves = fit(frame, "chinchilla", loss, "log", **constraints)
    natural = dict(zip(curves.form.names, curves.form.natural(curves.parameters, curves.reference)[0], strict=True))
    for name, number in constraints.get("fix", {}).items():
        np.testing.assert_allclose(natural[name], number, rtol=1e-9)
        assert name in curves.estimator
    if "tie" in constraints:
        assert natural["alpha"] == natural["beta"] and "alpha = beta" in curves.estimator
    problem = problem_of(frame, "chinchilla", loss, "log", fixed=constraints.get("fix"), tied="tie" in constraints)
    assert curves.objective[0] <= oracle.best(problem) * (1 + 1e-6)
    free = problem_of(frame, "chinchilla", loss, "log")
    assert curves.objective[0] >= oracle.best(free, starts=3) * (1 - 1e-6)


def test_draws_keep_what_is_fixed_and_tied():
    frame = simulated("chinchilla", 0.0, seed=7)
    curves = fit_searched(frame, fix={"A": 400.0}, tie=[("alpha", "beta")], draws=6)
    natural = curves.form.natural(curves.draws[:, 0], curves.reference[0])
    np.testing.assert_allclose(natural[:, 1], 400.0, rtol=1e-9)
    np.testing.assert_array_equal(natural[:, 2], natural[:, 4])
    assert np.ptp(natural[:, 2]) > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_weight_of_two_is_the_row_twice(loss):
    frame = simulated("chinchilla", 0.0, seed=3)
    twice = frame.loc[frame.index.repeat(frame["weight"].astype(int))].assign(weight=1.0).reset_index(drop=True)
    weighted, copied = (fit(each, "chinchilla", loss, "log") for each in (frame, twice))
    np.testing.assert_allclose(weighted.objective, copied.objective, rtol=1e-6)


def test_an_asymmetric_loss_follows_the_lower_rows():
    frame = simulated("power", 0.0, seed=1, noise=0.05)
    shares = []
    for quantile in (0.1, 0.5, 0.9):
        curves = fit_searched(frame, loss=make_loss("asymmetric", quantile=quantile), draws=0)
        curve = curves.distance(np.zeros(25, dtype=int), np.log(frame[["x"]].to_numpy()))
        shares.append((frame["weight"] * (frame["value"] < curve)).sum() / frame["weight"].sum())
    # as much weight below the curve as the quantile says, up to the rows that the curve passes through
    np.testing.assert_allclose(shares, [0.1, 0.5, 0.9], atol=0.13)
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "cubic"}, "no loss 'cubic'; choose one of huber, lad, squares, asymmetric"),
        ({"residual": "square"}, "no residual 'square'"),
        ({"name": "lad", "delta": 1e-3}, "--delta is the corner of huber and asymmetric"),
        ({"name": "squares", "delta": 1e-3}, "--delta is the corner of huber and asymmetric"),
        ({"quantile": 0.3}, "--quantile is for --loss asymmetric"),
        ({"delta": 0.0}, "--delta is 0; give a number between"),
        ({"delta": float("nan")}, "--delta is nan; give a number between"),
        ({"name": "asymmetric", "quantile": 1.0}, "--quantile is 1; give a number between"),
        ({"name": "asymmetric", "quantile": float("nan")}, "--quantile is nan"),
    ],
)
def test_options_that_do_not_fit_the_loss_get_one_sentence(arguments, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        make_loss(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("law", "fix", "tie", "sentence"),
    [
        ("chinchilla", {"gamma": 1.0}, [], "has no parameter 'gamma'; it has E, A, alpha, B, beta"),
        ("chinchilla", {}, [("alpha", "gamma")], "has no parameter 'gamma'"),
        ("chinchilla", {"alpha": 7.0}, [], "alpha lies between 0.005 and 3"),
        ("chinchilla", {"alpha": -0.3}, [], "alpha lies between 0.005 and 3"),
        ("chinchilla", {"alpha": float("nan")}, [], "--fix alpha=nan"),
        ("chinchilla", {"A": 0.0}, [], "--fix A=0: A must be a positive number"),
        ("chinchilla", {"A": float("inf")}, [], "--fix A=inf"),
        ("repeat", {"R_D": 1e9}, [], "R_D lies between 0.1 and 1000"),
        ("chinchilla", {}, [("A", "B")], "only exponents and other plain numbers"),
        ("chinchilla", {}, [("alpha",)], "two or more"),
        ("chinchilla", {}, [("alpha", "alpha")], "two or more"),
        ("chinchilla", {"alpha": 0.3}, [("alpha", "beta")], "'alpha' is tied or fixed already"),
        ("m4", {}, [("a", "c"), ("c", "a")], "'c' is tied or fixed already"),
        ("shared", {}, [("alpha", "phi")], "only exponents and other plain numbers of a task"),
    ],
)
def test_constraints_that_do_not_fit_the_law_get_one_sentence(law, fix, tie, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        make_constraints(LAWS[law], fix, tie)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fix", "sentence"),
    [
        ({"E": 50.0}, "--fix E=50: no curve of task 'task' can have it"),
        ({"A": 1e60}, "leave no curve for task 'task'"),
        ({"A": 1e60, "alpha": 0.3}, "--fix A=1e\\+60: no curve of task 'task' can have it"),
    ],
)
def test_fixed_values_that_no_curve_can_have_get_one_sentence(fix, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        fit_searched(simulated("chinchilla", 0.0, seed=7), fix=fix, draws=0)
    assert "\n" not in str(caught.value)


def test_values_without_a_logarithm_are_told_which_loss_takes_them():
    frame = simulated("power", SHIFT["raw, negative values"], seed=1)
    curves = fit_searched(frame, draws=0)
    assert curves.status == ("not_positive",) and "--residual raw" in curves.left_out[0]
    assert fit_searched(frame, residual="raw", draws=0).used.all()
