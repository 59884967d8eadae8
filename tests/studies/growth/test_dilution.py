"""The parts of a loss: closed forms for a full split of capacity, transfer, and scores."""

from dataclasses import replace

import numpy as np
import pytest

from budget.errors import AllocationError
from budget.studies.growth.dilution import dilution
from budget.studies.strategies.strategy_curves import SPECIALISTS, StrategyCurves
from budget.tables.tasks import TaskSettings, default_tasks
from tests.made import chinchilla, one_model, power
from tests.simulate import TRUTHS, Truth
from tests.studies.made_sets import BUDGET


def of_one_scale(factor, *, draws=0, names=("a", "b", "c", "d")):
    """Specialists ``1 + 3e4·C^-0.27`` and a model for all whose reducible loss is ``factor`` times that."""
    alone = power({name: (1.0, 3e4, 0.27) for name in names}, draws=draws)
    together = one_model(power({name: (1.0, 3e4 * factor, 0.27) for name in names}, draws=draws))
    return StrategyCurves(SPECIALISTS, alone), StrategyCurves("generalist", together)


@pytest.mark.parametrize("factor", [0.8, 4**0.27, 2.0])
def test_closed_forms_of_one_scale(factor):
    alone, shared = of_one_scale(factor)
    found = dilution(alone, shared, default_tasks(alone.tasks), BUDGET)
    own = 3e4 * BUDGET**-0.27
    np.testing.assert_allclose(found.alone, 1 + own, rtol=1e-12)
    np.testing.assert_allclose(found.dilution, own * (4**0.27 - 1), rtol=1e-8)
    sharing = own * (factor - 4**0.27)
    np.testing.assert_allclose(found.sharing, sharing, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.interference, max(sharing, 0), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.transfer, max(-sharing, 0), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.dilution + found.sharing, found.shared - found.alone, rtol=1e-12)


def test_a_full_split_of_capacity_costs_what_experts_win_back():
    """One model whose N is divided by K is K^γ times the specialists' loss at equal compute (DESIGN)."""
    count, truth = 3, Truth(1.7, 400.0, 0.34, 410.0, 0.28)
    names = [f"t{i}" for i in range(count)]
    alone = chinchilla(dict.fromkeys(names, truth))
    # N is divided by K, and each task sees one K-th of the tokens: both terms as multiples of the same N and D
    divided = Truth(truth.E, truth.A * count**truth.alpha, truth.alpha, truth.B * count**truth.beta, truth.beta)
    together = one_model(chinchilla(dict.fromkeys(names, divided)))
    found = dilution(
        StrategyCurves(SPECIALISTS, alone), StrategyCurves("generalist", together), default_tasks(tuple(names)), BUDGET
    )
    gamma = truth.alpha * truth.beta / (truth.alpha + truth.beta)
    np.testing.assert_allclose(found.share - truth.E, (found.alone - truth.E) * count**gamma, rtol=1e-8)
    np.testing.assert_allclose(found.shared - truth.E, (found.share - truth.E) * count**gamma, rtol=1e-8)
    assert (found.interference > 0).all() and (found.transfer == 0).all()


def test_the_table_and_draws():
    alone, shared = of_one_scale(1.5, draws=50)
    found = dilution(alone, shared, default_tasks(alone.tasks), BUDGET)
    table = found.table()
    assert list(table.columns) == [
        "task", "alone", "share", "shared", "dilution", "interference", "transfer", "low", "high",
    ]  # fmt: skip
    assert (found.low <= found.sharing).all() and (found.sharing <= found.high).all() and (found.low < found.high).all()
    assert (found.dilution_low < found.dilution_high).all()
    record = found.record()
    assert record["strategy"] == "generalist" and record["unit"] == "flops" and len(record["rows"]) == 4
    first = alone.curves.draws[:, 0]
    own = np.exp(first[:, 1]) * (BUDGET / 1e19) ** -first[:, 2]
    ends = np.percentile(own * (4 ** first[:, 2] - 1), (10, 90), method="weibull")
    np.testing.assert_allclose([found.dilution_low[0], found.dilution_high[0]], ends, rtol=1e-8)


def test_scores_get_worse_downwards():
    alone, shared = of_one_scale(1.2)
    score = {"higher_is_better": np.ones(4, dtype=bool), "ceiling": np.full(4, 5.0)}
    found = dilution(
        replace(alone, curves=replace(alone.curves, **score)),
        replace(shared, curves=replace(shared.curves, **score)),
        default_tasks(alone.tasks),
        BUDGET,
    )
    assert (found.share < found.alone).all() and (found.dilution > 0).all() and (found.transfer > 0).all()


def test_the_specialists_may_be_of_more_tasks_in_another_order():
    alone, shared = of_one_scale(1.0)
    some = StrategyCurves("generalist", shared.curves.take(np.array([2, 0])))
    found = dilution(alone, some, TaskSettings(alone.tasks), BUDGET)
    assert found.tasks == ("c", "a")
    np.testing.assert_allclose(found.dilution, 3e4 * BUDGET**-0.27 * (2**0.27 - 1), rtol=1e-8)


def test_what_cannot_be_parted_is_refused():
    alone, shared = of_one_scale(1.0)
    with pytest.raises(AllocationError, match="give the specialists first"):
        dilution(shared, alone, default_tasks(alone.tasks), BUDGET)
    fewer = StrategyCurves(SPECIALISTS, alone.curves.take(np.array([0])))
    with pytest.raises(AllocationError, match="No specialist of b, c, d"):
        dilution(fewer, shared, default_tasks(alone.tasks), BUDGET)
    with pytest.raises(AllocationError, match="positive"):
        dilution(alone, shared, default_tasks(alone.tasks), -1.0)


def test_truths_of_two_scales_run():
    names = tuple(TRUTHS)
    alone, together = chinchilla(draws=5), one_model(chinchilla(draws=5, seed=3))
    found = dilution(
        StrategyCurves(SPECIALISTS, alone), StrategyCurves("generalist", together), default_tasks(names), BUDGET
    )
    assert (found.transfer > 0).all()  # the same curves with the whole budget are better than with a share
