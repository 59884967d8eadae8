"""The laws' exports: natural parameters, posynomials, and the choice of law."""

import numpy as np
import pytest

from budget.curves.laws import LAWS, choose_law, choose_scale, law_inputs
from budget.errors import DataError
from tests.simulate import TRUTHS, runs_of, table


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
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
