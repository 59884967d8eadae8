"""``budget laws``: the laws, and curves that others published."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from budget.curves.laws.table import LAWS
from budget.curves.published import curves_of_published
from budget.errors import DataError
from tests.commands.invoking import frame_of, refused, run
from tests.oracles.laws import FORMULAS

PUBLISHED = [(law, each) for law in LAWS.values() for each in law.published]


def test_every_law_is_listed_with_its_source():
    frame = frame_of(run("laws"))
    assert list(dict.fromkeys(frame["law"])) == list(LAWS) and frame["source"].str.len().min() > 3
    assert set(frame["published"].dropna()) == {each.name for _, each in PUBLISHED}


@pytest.mark.parametrize("law, each", PUBLISHED, ids=lambda part: getattr(part, "name", ""))
def test_a_published_curve_is_its_formula(law, each):
    curves = curves_of_published(each.name, ("a", "b"))
    at = {name: low**0.3 * high**0.7 for name, (low, high) in each.measured.items()}
    value, low, _ = curves.predict(np.array([1]), np.log([list(at.values())]))
    np.testing.assert_allclose(value, FORMULAS[law.name](each.constants, *at.values()), rtol=1e-12)
    assert np.isnan(low).all()  # nobody printed how sure the curve is


def test_a_plan_from_nothing_measured_says_so_and_is_the_papers(tmp_path):
    curves = tmp_path / "curves.json"
    result = run("laws", "--published", "chinchilla2022", "--task", "text", "--out", curves)
    assert result.exit_code == 0
    planned = run("allocate", curves, "--budget", "5.76e23", "--reach", "inf")
    row = pd.read_csv(io.StringIO(planned.stdout)).iloc[0]
    # Hoffmann et al., section 3.3: N = G·(C/6)^(beta/(alpha + beta)), G = (alpha·A/(beta·B))^(1/(alpha + beta))
    balance = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
    assert row["params"] == pytest.approx(balance * (5.76e23 / 6) ** (0.28 / 0.62), rel=1e-3)
    assert "published" in planned.stderr and "measure some runs" in planned.stderr
    assert json.loads(curves.read_text())["tasks"][0]["status"] == "published"


def test_what_is_not_there_is_refused():
    assert "no published curve 'kaplan'" in refused("laws", "--published", "kaplan")
    assert "give --published" in refused("laws", "--task", "text")
    with pytest.raises(DataError, match="names one task twice"):
        curves_of_published("chinchilla2022", ("a", "a"))
