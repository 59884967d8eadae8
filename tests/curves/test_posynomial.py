"""Posynomials in NumPy."""

import numpy as np

from budget.curves.planning_forms.posynomial import Posynomial

RANDOM = np.random.default_rng(2)
SUM = Posynomial(RANDOM.uniform(0, 1, 5), RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(5, 3, 2)))


def test_gradient_agrees_with_finite_differences():
    u, step = RANDOM.normal(size=(5, 2)), 1e-6
    for which in range(2):
        move = np.zeros((5, 2))
        move[:, which] = step
        finite = (SUM.value(u + move) - SUM.value(u - move)) / (2 * step)
        np.testing.assert_allclose(SUM.gradient(u)[:, which], finite, rtol=1e-6, atol=1e-8)


def test_expansion_agrees_with_value_and_finite_differences_of_the_gradient():
    random = np.random.default_rng(8)
    function = Posynomial(random.normal(size=3), random.normal(size=(3, 4)), random.normal(size=(3, 4, 2)))
    u, step = random.normal(size=(3, 2)), 1e-6
    total, gradient, hessian = function.expansion(u)
    np.testing.assert_allclose(total, function.value(u) - function.offset, rtol=1e-12)
    np.testing.assert_allclose(gradient, function.gradient(u), rtol=1e-12)
    for which, way in enumerate(step * np.eye(2)):
        finite = (function.gradient(u + way) - function.gradient(u - way)) / (2 * step)
        np.testing.assert_allclose(hessian[:, :, which], finite, rtol=1e-6)


def test_a_fixed_input_moves_into_offset_and_coefficients():
    exponent = SUM.exponent.copy()
    exponent[:, 1, 1] = 0.0  # the second term depends on the first input alone
    posynomial = Posynomial(SUM.offset, SUM.log_coef, exponent)
    u = RANDOM.normal(size=(5, 2))
    fixed = posynomial.fix_input(0, u[:, 0])
    assert fixed.log_coef.shape == (5, 2)
    np.testing.assert_allclose(fixed.value(u[:, 1:]), posynomial.value(u), rtol=1e-12)


def test_take_repeats():
    taken = SUM.take(np.array([3, 3, 0]))
    u = RANDOM.normal(size=(3, 2))
    assert len(taken) == 3
    np.testing.assert_allclose(taken.value(u)[2], SUM.take(np.array([0])).value(u[2:])[0])
