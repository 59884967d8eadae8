import jax
import jax.numpy as jnp
import numpy as np
import pytest

from budget.lab.transformer.model import sequence_losses, start_weights
from budget.lab.transformer.shape import CONTEXT, ROWS, Shape

SHAPES = [
    Shape(16, 1),
    Shape(24, 1),
    Shape(32, 2),
    Shape(64, 1),
    Shape(32, 1, 4, 1),
    Shape(16, 2, 4, 2),
    Shape(16, 1, 3, 3),
]


def _gradient(shape, batch=2):
    """The gradient of one batch's loss, as a function and its arguments."""
    weights = start_weights(shape, 0)
    sequences = np.zeros((batch, CONTEXT + 1), np.uint8)
    scored = np.ones((1, CONTEXT), np.float32)

    def loss(weights, sequences):
        return jnp.mean(sequence_losses(weights, sequences, scored, np.zeros(batch, int), shape.active)[0])

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


@pytest.mark.parametrize("batch", [1, 2, 16])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_flops_are_those_of_the_matrix_products_in_a_training_step(shape, batch):
    gradient, arguments = _gradient(shape, batch)
    traced = jax.make_jaxpr(gradient)(*arguments)
    assert _product_flops(traced.jaxpr) == pytest.approx(shape.flops_per_token(batch) * batch * CONTEXT, rel=2e-4)


@pytest.mark.parametrize("shape", [Shape(16, 1), Shape(64, 1)], ids=str)
def test_flops_agree_with_the_compiler(shape):
    # The compiler also counts softmax, normalisation and activation, a larger part of a narrow model.
    gradient, arguments = _gradient(shape)
    counted = jax.jit(gradient).lower(*arguments).compile().cost_analysis()["flops"]
    ours = shape.flops_per_token() * 2 * CONTEXT
    assert ours < counted < 1.1 * ours


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parameters_are_the_trained_numbers(shape):
    weights = start_weights(shape, 0)
    assert shape.parameters == sum(part.size for part in jax.tree.leaves(weights))
    assert shape.body_parameters == sum(part.size for part in jax.tree.leaves(weights["blocks"]))


@pytest.mark.parametrize(("experts", "active"), [(2, 1), (4, 1), (4, 2), (8, 1), (3, 3)])
def test_token_meets_its_experts_alone(experts, active):
    dense, routed = Shape(16, 2), Shape(16, 2, experts, active)
    hidden = 8 * 16**2 * 2
    assert routed.active_parameters == dense.parameters + (active - 1) * hidden + routed.router_parameters
    assert routed.parameters - routed.active_parameters == (experts - active) * hidden
    whole_batch = routed.flops_per_token(16) - 3 * 2 * 16 * experts * 2
    assert dense.flops_per_token() + 6 * (active - 1) * hidden < whole_batch  # the empty rows
    assert whole_batch < dense.flops_per_token() + 6 * (active - 1) * hidden + 0.08 * 6 * hidden * active


@pytest.mark.parametrize("seed", range(5))
def test_groups_hold_any_tokens_sorted_by_expert(seed):
    random, shape = np.random.default_rng(seed), Shape(16, 1, 5, 1)
    for tokens in (1, 64, 77, 1024):
        load = random.multinomial(tokens, random.dirichlet(np.ones(5)))
        assert (-(-load // ROWS)).sum() <= shape.groups(tokens)


@pytest.mark.parametrize(("width", "heads"), [(8, 1), (16, 1), (24, 2), (32, 2), (48, 3), (96, 6), (17, 17)])
def test_heads_divide_the_width(width, heads):
    assert Shape(width, 1).heads == heads
