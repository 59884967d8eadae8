import jax
import jax.numpy as jnp
import numpy as np
import pytest

from budget.lab.model import sequence_losses, start_weights
from budget.lab.shape import CONTEXT, Shape

SHAPES = [Shape(16, 1), Shape(24, 1), Shape(32, 2), Shape(64, 1)]


def _gradient(shape, batch=2):
    """The gradient of one batch's loss, as a function and its arguments."""
    weights = start_weights(shape, 0)
    sequences = np.zeros((batch, CONTEXT + 1), np.uint8)
    scored = np.ones(CONTEXT, np.float32)

    def loss(weights, sequences):
        return jnp.mean(sequence_losses(weights, sequences, scored))

    return jax.value_and_grad(loss), (weights, sequences)


def _product_flops(jaxpr):
    """FLOPs of all matrix products in a traced program, nested calls included."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            total += 2 * equation.outvars[0].aval.size * int(np.prod([left[axis] for axis in contracted]))
        for parameter in equation.params.values():
            inner = getattr(parameter, "jaxpr", parameter)
            total += _product_flops(inner) if hasattr(inner, "eqns") else 0
    return total


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_flops_are_those_of_the_matrix_products_in_a_training_step(shape):
    gradient, arguments = _gradient(shape)
    traced = jax.make_jaxpr(gradient)(*arguments)
    # the mean of the losses over positions is a product too, of a few hundred operations
    assert _product_flops(traced.jaxpr) == pytest.approx(shape.flops_per_token * 2 * CONTEXT, rel=2e-4)


@pytest.mark.parametrize("shape", [Shape(16, 1), Shape(64, 1)], ids=str)
def test_flops_agree_with_the_compiler(shape):
    # The compiler also counts softmax, normalisation and activation, a larger part of a narrow model.
    gradient, arguments = _gradient(shape)
    counted = jax.jit(gradient).lower(*arguments).compile().cost_analysis()["flops"]
    ours = shape.flops_per_token * 2 * CONTEXT
    assert ours < counted < 1.1 * ours


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parameters_are_the_trained_numbers(shape):
    weights = start_weights(shape, 0)
    assert shape.parameters == sum(part.size for part in jax.tree.leaves(weights))
    assert shape.body_parameters == sum(part.size for part in jax.tree.leaves(weights["blocks"]))


@pytest.mark.parametrize(("width", "heads"), [(8, 1), (16, 1), (24, 2), (32, 2), (48, 3), (96, 6), (17, 17)])
def test_heads_divide_the_width(width, heads):
    assert Shape(width, 1).heads == heads
