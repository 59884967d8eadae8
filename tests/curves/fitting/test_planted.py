"""Every law gives back what was planted from random truths."""

import numpy as np
import pytest

from budget.curves.laws.table import LAWS
from tests.curves.cases import log_inputs, planted
from tests.searched import fit_searched

LONG_TO_COMPILE = {"repeat", "m4", "shared", "transfer"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in LONG_TO_COMPILE else ())
        for name, law in LAWS.items()
        if not law.is_posterior
    ],
)
def test_every_law_is_recovered_from_random_truths(name):
    for seed in range(6):
        runs, (truth,) = planted(name, 1, seed=seed)
        curves = fit_searched(runs, name, draws=0)
        assert curves.status == ("ok",), curves.findings
        predicted = curves.distance(runs.task, log_inputs(runs, curves.scale_columns))
        np.testing.assert_allclose(predicted, runs.value, rtol=1e-5)
        (found,) = curves.form.natural(curves.parameters, curves.reference)
        np.testing.assert_allclose(found, [truth[parameter] for parameter in curves.form.names], rtol=1e-4)
