"""Prints how fast one core trains each width, against its rate for plain matrix products of the same shapes.

The products are those of a dense hidden layer of that width; experts multiply smaller groups.

Run it with nothing else on the core:  python benchmarks/lab_throughput.py
"""

import time
from collections.abc import Callable

from budget.process_settings import available_cores, use_one_thread

# ruff: noqa: E402
use_one_thread(min(available_cores(), default=None))  # before JAX loads

import jax  # after the settings above
import jax.numpy as jnp
import numpy as np

from budget.lab.transformer import recipe, train
from budget.lab.transformer.model import start_weights
from budget.lab.transformer.shape import CONTEXT, SYMBOLS, Shape

SHAPES = [Shape(width, 1) for width in (16, 24, 32, 48, 64, 96)] + [Shape(width, 1, 4, 1) for width in (16, 32, 64)]
BATCH = 8
CALLS = 8


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Shortest wall time of a call, the first one (compilation) left out."""
    jax.block_until_ready(call())
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - begin)
    return min(times)


def training_rate(shape: Shape) -> float:
    """FLOP/s of training steps, by the project's count."""
    steps = train.STEPS_PER_CALL
    sequences = np.random.default_rng(0).integers(0, SYMBOLS, (steps, BATCH, CONTEXT + 1)).astype(np.uint8)
    rates = recipe.learning_rates(steps).astype(np.float32)
    scored, tasks = np.ones((1, CONTEXT), np.float32), np.zeros((steps, BATCH), np.int32)
    weights = start_weights(shape, 0)
    carried = [weights, train.optimizer(shape).init(weights)]

    def call() -> jax.Array:
        *carried[:], losses = train.training_steps(shape)(*carried, sequences, tasks, rates, scored)
        return losses

    return shape.flops_per_token(BATCH) * steps * BATCH * CONTEXT / seconds(call, CALLS)


def product_rate(shape: Shape) -> float:
    """FLOP/s of the hidden layer's two products alone, at the training step's shapes."""
    rows, width, repeats = BATCH * CONTEXT, shape.width, 200
    stream = jnp.ones((rows, width))
    up, down = jnp.ones((width, 4 * width)) / width, jnp.ones((4 * width, width)) / (4 * width)

    @jax.jit
    def products(stream: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, repeats, lambda _, stream: (stream @ up) @ down, stream)

    return 16 * rows * width**2 * repeats / seconds(lambda: products(stream), CALLS)


def main() -> None:
    """Print one line a shape."""
    print("width  experts   params  FLOPs/token  training GFLOP/s  products GFLOP/s  share")
    for shape in SHAPES:
        training, products = training_rate(shape) / 1e9, product_rate(shape) / 1e9
        print(
            f"{shape.width:5d} {shape.experts:8d} {shape.parameters:8d} {shape.flops_per_token(BATCH):12.0f} "
            f"{training:17.1f} {products:17.1f} {training / products:6.0%}"
        )


if __name__ == "__main__":
    main()
