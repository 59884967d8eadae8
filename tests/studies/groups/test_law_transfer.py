"""Transfer read off a fitted law: signs, intervals over the draws, and mixtures that are refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from budget.errors import AllocationError
from budget.studies.groups.law_transfer import LawTransfer, law_transfer
from tests.curves.cases import FORMULAS, SOURCES, planted
from tests.searched import fit_searched

pytestmark = pytest.mark.slow

NEGATIVE = 24
"""A seed whose truths hold helpful and harmful sources."""


@pytest.fixture(scope="module")
def fitted():
    runs, truths = planted("transfer", 2, noise=0.002, seed=NEGATIVE)
    tau = np.array([[truth[f"tau_{source}"] for source in SOURCES] for truth in truths])
    return law_transfer(fit_searched(runs, "transfer", draws=39)), tau, truths


def test_signs_and_intervals_of_planted_coefficients(fitted):
    transfer, tau, _ = fitted
    assert transfer.sources == SOURCES and (transfer.own == [[True, False, False], [False, True, False]]).all()
    np.testing.assert_allclose(transfer.tau, tau, atol=0.05)
    clear = ~transfer.own & (np.abs(tau) > 0.1)
    assert (tau[clear] < 0).any() and (tau[clear] > 0).any()
    for level in (0.80, 0.95):
        assert (transfer.verdict(level)[clear] == np.where(tau < 0, "harm", "help")[clear]).all()
        assert (transfer.verdict(level)[transfer.own] == "own").all()
    narrow, wide = transfer.interval(0.80), transfer.interval(0.95)
    assert (wide[0] <= narrow[0]).all() and (narrow[1] <= wide[1]).all()
    table = transfer.table()
    assert list(table.columns) == [
        "task", "source", "tau", "low_80", "high_80", "verdict_80", "low_95", "high_95", "verdict_95", "basis",
    ]  # fmt: skip
    assert len(table) == 4 and set(table["basis"]) == {"predicted"}
    json.dumps(transfer.record(), allow_nan=False)


def test_intervals_are_percentiles_of_the_draws(fitted):
    transfer, _, _ = fitted
    draws = np.arange(1.0, 40)[:, None, None] * np.ones_like(transfer.tau)
    low, high = replace(transfer, draws=draws).interval(0.80)
    np.testing.assert_allclose(low, 4)  # the k-th of 39 draws stands at k/40
    np.testing.assert_allclose(high, 36)
    low, high = replace(transfer, draws=draws).interval(0.95)
    np.testing.assert_allclose(low, 1)
    np.testing.assert_allclose(high, 39)


def test_too_few_draws_say_nothing(fitted):
    transfer, _, _ = fitted
    few = replace(transfer, draws=transfer.draws[:38])
    assert np.isnan(few.interval(0.95)[0]).all() and (few.verdict(0.95)[~few.own] == "no draws").all()
    assert np.isfinite(few.interval(0.80)[0]).all()
    json.dumps(replace(transfer, draws=transfer.draws[:0]).record(), allow_nan=False)


def test_gains_in_the_metric_s_unit_have_the_sign_of_tau(fitted):
    transfer, tau, truths = fitted
    params, tokens = 1e9, 2e10
    gain, low, high = transfer.gain(params, tokens)
    assert (np.isnan(gain) == transfer.own).all()
    for task, truth in enumerate(truths):
        own = [np.array([tokens if SOURCES[s] == f"t{task}" else 0.0]) for s in range(3)]
        alone = FORMULAS["transfer"](truth, np.array([params]), *own)[0]
        for source in np.flatnonzero(~transfer.own[task]):
            both = [each if s != source else np.array([tokens]) for s, each in enumerate(own)]
            expected = alone - FORMULAS["transfer"](truth, np.array([params]), *both)[0]
            assert gain[task, source] == pytest.approx(expected, abs=0.05 * abs(expected) + 2e-3)
            assert low[task, source] <= gain[task, source] <= high[task, source]
    clear = ~transfer.own & (np.abs(tau) > 0.1)
    assert (np.sign(gain[clear]) == np.sign(tau[clear])).all()


def harmed(transfer: LawTransfer) -> LawTransfer:
    tau = transfer.tau.copy()
    tau[1, 2] = -1.2
    return replace(transfer, tau=tau)


def test_negative_effective_data_are_refused(fitted):
    transfer = harmed(fitted[0])
    np.testing.assert_allclose(transfer.effective(np.array([0, 1e9, 5e8])), [*transfer.tau[:1] @ [0, 1e9, 5e8], 4e8])
    for ask in (lambda: transfer.effective(np.array([1e8, 1e9, 1e9])), lambda: transfer.gain(1e9, 1e9)):
        with pytest.raises(AllocationError, match=r"Task 't1' would have -.* source 'web' \(tau -1.2\)") as caught:
            ask()
        assert str(caught.value).endswith("give that source fewer tokens.") and "\n" not in str(caught.value)


def test_other_laws_have_no_transfer(fitted):
    curves = replace(fitted[0].curves, law="chinchilla", scale_columns=("params", "tokens"))
    with pytest.raises(AllocationError, match="has no transfer between tasks; fit again with --law transfer"):
        law_transfer(curves)
