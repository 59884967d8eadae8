"""The laws' exports: natural parameters, posynomials, and the choice of law."""

import numpy as np
import pytest

from budget.curves.fitting.fit import fit_curves
from budget.curves.laws import LAWS, choose_law, choose_scale, law_inputs
from budget.errors import DataError, FitError
from budget.tables.runs import read_runs
from tests.simulate import TRUTHS, runs_of, table

POSYNOMIAL = [law for law in LAWS.values() if law.posynomial_terms]


@pytest.mark.parametrize("law", POSYNOMIAL, ids=lambda law: law.name)
def test_posynomial_and_natural_parameters_say_the_same(law):
    random = np.random.default_rng(1)
    theta = random.uniform(0.1, 1.0, (4, len(law.parameters)))
    reference = random.uniform(1e3, 1e9, (4, len(law.inputs)))
    u = np.log(reference) + random.uniform(-3, 3, reference.shape)
    expected = law.value(theta, u - np.log(reference))
    np.testing.assert_allclose(law.posynomial(theta, reference).value(u), expected, rtol=1e-12)
    natural = law.natural(theta, reference)
    by_hand = natural[:, 0] + (natural[:, 1::2] * np.exp(u) ** -natural[:, 2::2]).sum(axis=1)
    np.testing.assert_allclose(by_hand, expected, rtol=1e-10)


def test_law_and_scale_follow_the_columns(tmp_path):
    assert choose_law(("params", "tokens", "flops")) == "chinchilla"
    assert choose_law(("flops",)) == "power"
    assert choose_scale(("params", "tokens", "flops")) == "flops"
    runs = runs_of(table(TRUTHS).drop(columns="params"), tmp_path)
    assert law_inputs(runs, LAWS["power"], "tokens") == ("tokens",)
    with pytest.raises(DataError, match="needs the column 'params'"):
        law_inputs(runs, LAWS["chinchilla"])
    with pytest.raises(DataError, match="--scale is for --law power"):
        law_inputs(runs, LAWS["chinchilla"], "tokens")
    with pytest.raises(DataError, match="needs the column 'x'"):
        law_inputs(runs, LAWS["power"], "x")


def test_runs_of_several_strategies_are_refused_where_their_curves_differ(tmp_path):
    """Reading keeps them, since the law ``shared`` compares numbers of tasks; every other law needs one strategy."""
    (tmp_path / "runs.csv").write_text("task,x,value,strategy\na,1,1,moe\na,2,1,trunk\n")
    runs = read_runs(tmp_path / "runs.csv")
    assert runs.strategy == "moe|trunk"
    with pytest.raises(DataError, match="--where strategy=moe") as caught:
        law_inputs(runs, LAWS["power"])
    assert "runs.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("law", [law for law in LAWS.values() if not law.posynomial_terms], ids=lambda law: law.name)
def test_a_law_that_no_plan_can_use_is_refused_with_one_sentence(law):
    with pytest.raises(FitError, match=f"'{law.name}' is not; fit again with --law power") as caught:
        law.posynomial(np.zeros((1, len(law.parameters))), np.ones((1, len(law.inputs))))
    assert "\n" not in str(caught.value)


def test_an_unknown_law_is_refused_with_the_ones_there_are(tmp_path):
    with pytest.raises(DataError, match="There is no law 'cubic'; choose one of power, chinchilla"):
        fit_curves(table(TRUTHS), "cubic")
