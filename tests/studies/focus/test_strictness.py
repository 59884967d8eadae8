"""How many tasks each strategy serves at thresholds of any strictness."""

from dataclasses import replace

import numpy as np
import pytest

from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL
from tests.made import chinchilla
from tests.simulate import HOFFMANN, TRUTHS
from tests.studies.focus.exact import TOTALS, alone_with, compared, copies, lifted, strategies_of


@pytest.mark.parametrize("count", [2, 3, 6])
def test_focusing_serves_what_equal_shares_cannot(count):
    crowded = replace(HOFFMANN, A=HOFFMANN.A * 1.1, B=HOFFMANN.B * count**HOFFMANN.beta)
    found = compared(strategies_of(chinchilla(copies(HOFFMANN, count)), chinchilla(copies(crowded, count))), TOTALS)
    assert len(found.strictness) == len(TOTALS)
    for strict in found.strictness:
        share = np.r_[0.25 / count, 0.5 / count, 1 / np.arange(count, 0, -1)]
        np.testing.assert_allclose(strict.share, share, rtol=1e-15)
        assert strict.focused.tolist() == [count, count, *range(count, 0, -1)]
        for level, part in enumerate(share):
            expected = alone_with(HOFFMANN, part * strict.budget)
            np.testing.assert_allclose(strict.value[level], expected, rtol=1e-8)
        for name in (EQUAL, SPECIALISTS):
            served = strict.served[strict.strategies.index(name)]
            assert served.tolist() == [count] * 3 + [0] * (count - 1)
        assert strict.served[1, -1] == 0
        assert strict.value_of_focus[3:].tolist() == [*range(count - 1, 0, -1)]
        assert np.isnan(strict.low).all()


def test_a_better_shared_model_passes_what_a_task_reaches_alone_with_everything():
    helped = replace(HOFFMANN, E=HOFFMANN.E - 0.05)
    better = {"t0": helped, "t1": HOFFMANN, "t2": replace(HOFFMANN, E=HOFFMANN.E + 0.05)}
    (strict,) = compared(strategies_of(chinchilla(copies(HOFFMANN, 3)), chinchilla(better)), [1e21]).strictness
    shared = strict.served[strict.strategies.index("generalist")]
    # with the size that suits all, which have the same terms, t1 reaches exactly what it reaches alone
    assert strict.share[-1] == 1 and shared[-1] == 2
    assert strict.value_of_focus[-1] == -1 and strict.best_shared[-1] == 2
    table = strict.table()
    last = table[(table["strictness"] == 1) & (table["strategy"] == "generalist")]
    assert last["served"].item() == 2 and set(table["strategy"]) == {"subset", SPECIALISTS, EQUAL, "generalist"}
    assert table[(table["strictness"] == 1) & (table["strategy"] == "subset")]["served"].item() == 1


def test_draws_are_held_against_thresholds_of_their_own():
    alone, shared = (chinchilla(copies(HOFFMANN, 3), draws=40, seed=seed) for seed in (0, 1))
    found = compared(strategies_of(alone, shared), [1e21])
    (strict,), (cell,) = found.strictness, found.comparisons
    limits = []
    for share in strict.share:
        a, b = HOFFMANN.alpha, HOFFMANN.beta
        best = (a * HOFFMANN.A / (b * HOFFMANN.B)) ** (1 / (a + b)) * (share * 1e21 / 6) ** (b / (a + b))
        inputs = np.log(np.tile([best, share * 1e21 / 6 / best], (3, 1)))
        limits.append(alone.distance_draws(np.arange(3), inputs))
    counts = [(each.scenarios <= np.array(limits) * (1 + 1e-9)).sum(axis=2) for each in cell.plans]
    for place, count in enumerate(counts):
        low, high = np.percentile(count, (10, 90), axis=1, method="weibull")
        np.testing.assert_array_equal(strict.low[place], np.minimum(low, strict.served[place]))
        np.testing.assert_array_equal(strict.high[place], np.maximum(high, strict.served[place]))
    assert (strict.low < strict.high).any()
    value = strict.focused - np.max(counts, axis=0).T
    np.testing.assert_array_equal(strict.scenarios, value)
    low, high = np.percentile(value, (10, 90), axis=0, method="weibull")
    record = strict.record()
    np.testing.assert_array_equal(record["value_of_focus_low"], np.minimum(low, strict.value_of_focus))
    np.testing.assert_array_equal(record["value_of_focus_high"], np.maximum(high, strict.value_of_focus))
    assert "worlds" not in record and record["value_of_focus"] == strict.value_of_focus.tolist()


def test_a_plan_exactly_at_its_threshold_passes_in_every_draw():
    """Equal shares against the threshold of an equal share: the same models, whatever the draw."""
    curves = chinchilla(TRUTHS, draws=50, spread=0.05)
    (strict,) = compared(strategies_of(curves, chinchilla(lifted(TRUTHS, 3.0), draws=50)), [1e21]).strictness
    at = int(np.flatnonzero(np.isclose(strict.share, 1 / 3))[0])
    place = strict.strategies.index(EQUAL)
    assert strict.low[place, at] == strict.served[place, at] == strict.high[place, at] == 3
    assert (strict.scenarios[:, at] == 0).all() and (strict.focused_low == strict.focused).all()
    assert (strict.scenarios[:, -1] >= 1).all()  # alone with everything, one is served and nobody by a third
