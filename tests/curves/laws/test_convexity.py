"""Every law that states a shape has it, over its whole box: chords above, tangents below, no rise with scale."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.curves.laws.convexity import LOG_CONVEX
from budget.curves.laws.table import LAWS
from tests.integration.kaplan import LAW as KAPLAN

STATED = {law.name: law for law in (*LAWS.values(), KAPLAN) if law.planning.is_convex and not law.is_of_one_model}


def drawn(law, seed, count=8):
    """Forms of curves from all over the law's box, and pairs of log inputs that lie up to ten decades apart."""
    random = np.random.default_rng(seed)
    lower, upper = np.nan_to_num(law.lower, nan=-3.0), np.nan_to_num(law.upper, nan=3.0)
    theta = random.uniform(lower, upper, size=(count, len(lower)))
    reference = np.exp(random.uniform(np.log(1e7), np.log(1e11), size=(count, len(law.inputs))))
    given_by_tasks = sum(name == "unique_tokens" for name in law.inputs)
    form = law.planning_form(theta, reference, np.exp(random.uniform(16, 28, size=(count, given_by_tasks))))
    middle = np.log(reference[:, : form.inputs])
    return form, middle + random.uniform(-12, 12, middle.shape), middle + random.uniform(-12, 12, middle.shape)


@pytest.mark.parametrize("name", STATED)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_chords_lie_above_and_scale_never_harms(name, seed):
    form, here, there = drawn(STATED[name], seed)
    share = np.random.default_rng(seed + 1).uniform(0, 1, size=(len(here), 1))
    between, ends = form.value(share * here + (1 - share) * there), (form.value(here), form.value(there))
    chord = share[:, 0] * ends[0] + (1 - share[:, 0]) * ends[1]
    assert (between <= chord * (1 + 1e-11)).all()
    assert (form.value(np.maximum(here, there)) <= np.minimum(*ends) * (1 + 1e-11)).all()


@pytest.mark.parametrize("name", [name for name, law in STATED.items() if law.planning.has_tangents])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_tangents_of_the_logarithm_touch_and_lie_below(name, seed):
    form, here, there = drawn(STATED[name], seed)
    below = form.tangent(here)
    np.testing.assert_allclose(below.value(here), form.value(here), rtol=1e-9)
    with np.errstate(over="ignore"):
        assert (below.value(there) <= form.value(there) * (1 + 1e-7)).all()


def test_a_law_that_states_too_much_is_found_out():
    """The law with one break is concave about a break that steepens: the same test fails for it."""
    wrong = replace(LAWS["bnsl"], planning=LOG_CONVEX)
    broken = 0
    for seed in range(20):
        form, here, there = drawn(wrong, seed)
        chord = 0.5 * (form.value(here) + form.value(there))
        broken += (form.value(0.5 * (here + there)) > chord * (1 + 1e-9)).any()
    assert broken
