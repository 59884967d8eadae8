"""What knowing a curve is worth: beside a search over every split, and nothing where nothing is learnt."""

from dataclasses import replace

import numpy as np
import pytest

from budget.studies.decision_tables import DecisionTables
from budget.studies.spend_tables import TODAY, SpendTable
from budget.studies.value_of_knowing import value_of_knowing

BUDGET = 1e6


def table(task, coefficients, exponent=0.3, held="", most=np.inf):
    """A model whose task's value is c · spend^-exponent, with the mean of the coefficients as its prediction."""
    log_spend = np.linspace(np.log(1e1), np.log(min(1e7, most)), 60)
    line = np.exp(-exponent * log_spend)[:, None]
    drawn = np.asarray(coefficients)[:, None, None] * line
    mean = drawn.mean(axis=0)
    marginal = np.log(exponent * mean) - log_spend[:, None]
    return SpendTable((task,), "", log_spend, marginal, mean, mean, mean, drawn, 0.0, most, held)


def worth_of(*models):
    count = len(models)
    tables = DecisionTables(models, models, np.ones(count), np.zeros(count), 0.0, 0.0)
    return value_of_knowing(tables, np.full(count, 1 / count), BUDGET)


COEFFICIENTS = np.exp(np.random.default_rng(0).normal(0.0, 0.5, size=40))


def test_two_models_are_worth_what_a_search_over_every_split_finds():
    known, other = table(0, COEFFICIENTS), table(1, np.full(40, 2.0), 0.4)
    found = worth_of(known, other)
    first = np.linspace(1e-3, 1 - 1e-3, 200_001) * BUDGET

    def objective(coefficient):
        return 0.5 * (coefficient * first**-0.3 + 2.0 * (BUDGET - first) ** -0.4)

    planned = int(objective(COEFFICIENTS.mean()).argmin())
    gains = [objective(each)[planned] - objective(each).min() for each in COEFFICIENTS]
    assert found[0] == pytest.approx(np.mean(gains), rel=0.02)
    assert found[1] == pytest.approx(0.0, abs=1e-6 * np.mean(gains))


def test_a_model_at_its_limit_is_worth_nothing_however_wide_its_draws():
    capped = table(0, 50 * COEFFICIENTS, most=1e4)
    free, other = table(1, COEFFICIENTS), table(2, np.full(40, 2.0), 0.4)
    found = worth_of(capped, free, other)
    assert found[0] < 1e-3 * found[1]


def test_nothing_is_told_of_what_keeps_its_spend_or_has_no_draws():
    held, free, other = table(0, COEFFICIENTS, held=TODAY, most=1e4), table(1, COEFFICIENTS), table(2, COEFFICIENTS)
    found = worth_of(held, free, other)
    assert np.isnan(found[0]) and (found[1:] > 0).all()
    bare = [replace(each, drawn=each.drawn[:0]) for each in (free, other)]
    assert np.isnan(worth_of(*bare, table(0, COEFFICIENTS, held=TODAY))).all()
