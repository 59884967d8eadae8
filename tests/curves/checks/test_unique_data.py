"""Curves of repeated data that were measured with one number of unique tokens: where that is left, it is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.allocation.evaluate import evaluate
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.checks.unique_data import leaves_unique_count, unique_warnings
from budget.curves.fitting.fit import fit_curves
from budget.studies.predictions import predict_points
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles.repeated import value


def measured(least, most):
    """Curves of runs whose unique tokens go from the least to the most."""
    curves, name = made.repeat(), "unique_tokens"
    return replace(
        curves,
        smallest={**curves.smallest, name: np.array([least])},
        largest={**curves.largest, name: np.array([most])},
    )


ONE, SEVERAL = measured(1e9, 1e9), measured(5e8, 1e9)
SAID = "All runs had one number of unique tokens, and another is asked for: web (measured with 1e+09, asked for"


@pytest.mark.parametrize(
    ("tokens", "unique", "leaves"),
    [
        (4e9, 1e9, False),  # as measured
        (4e9, 1.005e9, False),
        (5e8, 5e8, False),  # read once, of as many as there are
        (5e8, 1e10, False),  # nor is anything read twice here
        (4e9, 2e9, True),  # more unique data
        (4e9, 5e8, True),  # fewer
        (5e8, 1e8, True),
        (1e10, 1e10, True),
    ],
)
def test_points_leave_what_was_measured_where_the_distinct_tokens_read_do(tokens, unique, leaves):
    inputs = np.log([[1e9, tokens, unique]])
    assert leaves_unique_count(ONE, np.array([0]), inputs).tolist() == [leaves]
    assert bool(unique_warnings(ONE, np.array([0]), inputs)) == leaves
    assert not leaves_unique_count(SEVERAL, np.array([0]), inputs).any()


def test_curves_that_read_no_unique_tokens_have_nothing_to_say():
    assert unique_warnings(made.chinchilla(), np.array([0, 1]), np.log([[1e9, 2e10], [1e9, 1e10]])) == ()


@pytest.mark.parametrize(("unique", "warned"), [(1e9, False), (5e9, True)])
def test_predictions_plans_and_given_splits_warn(tmp_path, unique, warned):
    path = tmp_path / "points.csv"
    path.write_text(f"params,tokens,unique_tokens\n1e9,1e10,{unique}\n1e9,2e10,{unique}\n")
    _, said = predict_points(ONE, path)
    tasks = replace(default_tasks(ONE.tasks), unique_tokens=np.array([unique]))
    spec = plan_spec(ONE, tasks, 2e20)
    plan = allocate(ONE, spec, draws=False)
    given = evaluate(ONE, spec, Split(np.array([2e20]), np.full(1, np.nan), np.full(1, np.nan)), plan)
    for sentences in (said, plan.warnings, given.warnings):
        told = [each for each in sentences if each.startswith(SAID)]
        assert len(told) == warned, sentences
        assert not warned or f"{SAID} {unique:.3g})" in told[0]


def test_a_fit_names_the_tasks_that_had_one_number():
    params, tokens = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(2e8, 2e10, 5)))
    frame = pd.DataFrame({"params": params, "tokens": tokens})
    unique = {"one": np.full(20, 1e9), "several": np.where(np.arange(20) % 2, 1e9, 5e8)}
    theta = made.MUENNIGHOFF.values()
    parts = [
        frame.assign(task=name, unique_tokens=each, value=value(*theta, params, tokens, each))
        for name, each in unique.items()
    ]
    curves = fit_curves(pd.concat(parts), draws=0)
    (told,) = [each for each in curves.notes if "unique tokens" in each]
    assert told.startswith("One number of unique tokens was measured of one (1e+09): what more or less unique data")
