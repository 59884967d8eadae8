"""Laws over several tasks and over mixtures: shared exponents, transfer, and what the runs must vary for them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.curves.laws.table import LAWS
from budget.errors import DataError
from budget.tables.runs import Mixture
from tests.curves.cases import SOURCES, log_inputs, planted
from tests.oracles import joint as oracle
from tests.searched import fit_searched


@pytest.fixture(scope="module")
def shared():
    runs, _ = planted("shared", 3, noise=0.01, seed=2)
    return runs, fit_searched(runs, "shared", draws=6)


def test_no_better_joint_optimum_is_found_by_scipy(shared):
    runs, curves = shared
    there = log_inputs(runs, curves.scale_columns)
    tasks, start = [], curves.parameters.copy()
    for task in range(3):
        mine = runs.task == task
        unit = np.median(runs.value[mine])
        tasks.append((there[mine] - np.log(curves.reference[task]), runs.value[mine] / unit))
        start[task, 0] /= unit
        start[task, [1, 3]] -= np.log(unit)
    total = curves.objective.sum()
    random = np.random.default_rng(0)
    moved = start + 0.05 * random.normal(size=start.shape)
    moved[:, 5:] = 0.0
    assert total <= oracle.best_loss(tasks, start) * (1 + 1e-6)  # nothing downhill from where it stands
    assert total <= oracle.best_loss(tasks, moved) * (1 + 1e-6)


def test_common_parameters_are_common_in_every_draw(shared):
    _, curves = shared
    assert (curves.parameters[:, 5:] == curves.parameters[:1, 5:]).all()
    assert (curves.draws[:, :, 5:] == curves.draws[:, :1, 5:]).all()
    assert (np.ptp(curves.draws[:, 0, 5:], axis=0) > 0).all()


def test_shared_needs_models_of_several_numbers_of_tasks():
    runs, _ = planted("shared", 2, seed=2)
    one = runs.keep(runs.extra["n_tasks"] == 3)
    with pytest.raises(DataError, match="all runs have n_tasks 3; measure others") as caught:
        fit_searched(one, "shared", draws=0)
    assert "\n" not in str(caught.value)


NEGATIVE = 24
"""A seed whose truths hold helpful and harmful sources."""


def transfer_runs(change=lambda tokens: tokens, **options):
    runs, truths = planted("transfer", 2, **options)
    return replace(runs, mixture=Mixture(SOURCES, change(runs.mixture.tokens.copy()))), truths


@pytest.mark.slow
def test_transfer_recovers_help_and_harm():
    runs, truths = planted("transfer", 2, noise=0.002, seed=NEGATIVE)
    curves = fit_searched(runs, "transfer", draws=0)
    taus = curves.form.transfers
    expected = np.array([[truth[f"tau_{source}"] for source in SOURCES] for truth in truths])
    assert (expected < 0).any() and (expected[[0, 1], [0, 1]] == 1).all()
    np.testing.assert_allclose(curves.parameters[:, taus], expected, atol=0.05)
    assert (curves.parameters[[0, 1], [taus[0], taus[1]]] == 1).all()  # the own source counts as it is


def test_transfer_is_pulled_to_nothing_where_runs_say_little(monkeypatch):
    runs, _ = planted("transfer", 1, noise=0.05, seed=NEGATIVE)
    few = runs.keep(np.flatnonzero(np.arange(len(runs.value)) % 5 == 0))
    sizes = []
    law = LAWS["transfer"]
    for deviation in (1e-4, law.parameters[-1].prior, 1e4):
        pulled = (*law.parameters[:-1], replace(law.parameters[-1], prior=deviation))
        monkeypatch.setitem(LAWS, "transfer", replace(law, parameters=pulled))
        taus = [fit_searched(each, "transfer", draws=0).parameters[0, -2:] for each in (few, runs)]
        sizes.append([np.abs(tau).sum() for tau in taus])
    (few_at_0, _), (few_pulled, many_pulled), (few_free, many_free) = sizes
    assert few_at_0 < 1e-3 and few_pulled < few_free
    assert many_free - many_pulled < few_free - few_pulled  # the more runs, the less it matters


def constant_shares(tokens):
    return tokens.sum(axis=1, keepdims=True) * np.array([0.5, 0.3, 0.2])


def without_own(tokens):
    tokens[:, 0] = 0.0
    return tokens


@pytest.mark.parametrize(
    ("change", "task", "sentence"),
    [
        (constant_shares, 0, "do not tell its 3 sources apart"),
        (without_own, 0, "no run was trained on a source called"),
    ],
)
def test_transfer_is_not_identified_where_mixtures_do_not_say(change, task, sentence):
    runs, _ = transfer_runs(change, noise=0.01, seed=1)
    curves = fit_searched(runs, "transfer", draws=2)
    assert curves.status[task] == "not_identified" and sentence in curves.message[task]
    assert np.isnan(curves.draws[:, task]).all() and not curves.used[task]
    assert np.isfinite(curves.parameters[1]).all() or change is constant_shares


def test_transfer_without_mixtures_says_what_is_missing():
    runs, _ = planted("chinchilla", 1)
    with pytest.raises(DataError, match="give it with --mixtures CSV"):
        fit_searched(runs, "transfer", draws=0)


def test_a_transfer_that_no_run_shows_is_not_certain():
    """A source of a thousandth in every mixture: its coefficient spreads as its prior does."""
    random = np.random.default_rng(0)
    rows, mixtures = [], []
    for number, (params, total) in enumerate(
        (n, d) for n in np.geomspace(1e7, 1e9, 5) for d in np.geomspace(1e9, 1e11, 6)
    ):
        rare = 1e-3 * random.uniform(0.5, 1.5)
        share = random.uniform(0.2, 0.8)
        for source, part in (("own", share), ("other", 1 - share - rare), ("rare", rare)):
            mixtures.append({"run": number, "source": source, "tokens": part * total})
        useful = total * (share + 0.5 * (1 - share - rare) + 1.5 * rare)
        value = 1.5 + 300 / params**0.34 + 800 / useful**0.3
        rows.append({"task": "own", "run": number, "params": params, "tokens": total, "value": value})
    frame = pd.DataFrame(rows)
    frame["value"] *= np.exp(0.005 * random.normal(size=len(frame)))
    curves = fit_searched(frame, "transfer", mixtures=pd.DataFrame(mixtures), draws=100)
    spread = curves.draws[:, 0].std(axis=0)
    known, unknown = (curves.form.names.index(f"tau_{name}") for name in ("other", "rare"))
    assert spread[known] < 0.2 and 0.35 < spread[unknown] < 0.65
    assert "transfer pulled toward 0" in curves.estimator
