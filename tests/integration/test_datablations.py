"""279 runs on repeated data (Muennighoff et al. 2023, arXiv 2305.16264)."""

import numpy as np
import pytest

from budget.curves.laws.table import LAWS
from budget.tables.runs import read_runs
from tests.searched import fit_searched

pytestmark = pytest.mark.slow  # 279 rows and the seven parameters of one law: some 15 s


@pytest.fixture(scope="module")
def runs(shared_data):
    path = shared_data / "datablations" / "runs.csv"
    return read_runs(path, columns={"value": "val_loss"}, task="c4")


@pytest.fixture(scope="module")
def repeat(runs):
    return fit_searched(runs, "repeat", draws=0)


def test_every_row_is_fitted_and_wild_ones_are_named(runs, repeat):
    """Runs of thousands of epochs overfit up to a loss of 11, which no falling law describes: they are named."""
    assert repeat.runs.tolist() == [len(runs.row)] == [279]
    assert repeat.used.all() and "outliers" in dict(repeat.findings[0])
    worst = runs.row[np.argsort(runs.value)[-3:]]
    assert set(worst.tolist()) <= set(repeat.outliers[0])


def test_repeats_lose_their_value_at_a_finite_rate(repeat):
    """R_D is inside its box; 15.4 is published, from a selection of these runs."""
    at, law = repeat.form.names.index("R_D"), LAWS["repeat"]
    assert law.lower[at] < repeat.parameters[0, at] < law.upper[at] and "R_D" not in repeat.bounds[0]


def test_a_law_of_repeats_describes_the_runs_better_than_one_without(runs, repeat):
    plain = fit_searched(runs, "chinchilla", draws=0)
    assert repeat.objective[0] < 0.8 * plain.objective[0] and repeat.error[0] < 0.8 * plain.error[0]


def test_fewer_unique_tokens_at_the_same_number_of_tokens_are_worse(repeat):
    unique = np.geomspace(1e11, 1e8, 13)
    inputs = np.log(np.column_stack([np.full(13, 1e9), np.full(13, 1e11), unique]))
    value, _, _ = repeat.predict(np.zeros(13, dtype=int), inputs)
    assert (np.diff(value) > 0).all() and value[-1] > 1.05 * value[0]
