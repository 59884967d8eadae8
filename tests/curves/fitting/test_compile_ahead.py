"""Programs that are begun in another thread: the same numbers, traced once."""

from threading import current_thread

import numpy as np
import pytest

from budget.curves.fitting.batching import choose_devices, compile_ahead, vmap_in_chunks

THREADS: list[object] = []
"""Which thread has traced a program."""


def noted(power, x, y):
    THREADS.append(current_thread())
    return x**power + y.sum()


def refused(x):
    raise ValueError("no such program")


@pytest.mark.parametrize("lanes", [1, 40])
def test_a_program_begun_elsewhere_is_the_one_that_runs(lanes):
    devices, random = choose_devices(), np.random.default_rng(lanes)
    x, y = random.standard_normal(lanes), random.standard_normal((lanes, 3))
    expected = vmap_in_chunks(noted, (3,), (x, y), devices=devices)
    THREADS.clear()
    compile_ahead(noted, (2,), (x[:1], y[:1]), devices=devices)
    compile_ahead(noted, (2,), (x[:1], y[:1]), devices=devices)
    found = vmap_in_chunks(noted, (2,), (x, y), devices=devices)
    np.testing.assert_allclose(found, x**2 + y.sum(axis=1), rtol=1e-14)
    np.testing.assert_allclose(expected, x**3 + y.sum(axis=1), rtol=1e-14)
    assert found.dtype == np.float64 and current_thread() not in THREADS


def test_another_shape_under_way_leaves_what_was_traced():
    """One program of two shapes, one of which another thread compiles: the first is traced once."""
    devices, x = choose_devices(), np.zeros(2)
    compile_ahead(noted, (4,), (x, np.zeros((2, 5))), devices=devices)
    THREADS.clear()
    for _ in range(2):
        vmap_in_chunks(noted, (4,), (x, np.zeros((2, 7))), devices=devices)
    assert THREADS.count(current_thread()) == 1


def test_what_goes_wrong_is_raised_where_the_program_is_asked_for():
    devices, x = choose_devices(), np.zeros(2)
    compile_ahead(refused, (), (x,), devices=devices)
    with pytest.raises(ValueError, match="no such program"):
        vmap_in_chunks(refused, (), (x,), devices=devices)
