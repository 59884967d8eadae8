"""A task is served by a model, whatever it is given."""

import numpy as np

from budget.allocation.served import is_served


def test_only_finite_inputs_are_a_model():
    inputs = np.array([[1.0, 2.0], [1.0, -np.inf], [-np.inf, -np.inf], [np.nan, 1.0], [np.inf, 0.0]])
    assert is_served(inputs).tolist() == [True, False, False, False, False]
    assert is_served(np.stack([inputs, inputs])).shape == (2, 5)
