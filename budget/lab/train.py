"""Training one model on one task, and scoring it on the task's held-out sequences."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from budget.lab import recipe
from budget.lab.model import Weights, sequence_losses, start_weights
from budget.lab.shape import Shape
from budget.lab.sources import HeldOut, Source

STEPS_PER_CALL = 25
"""Steps compiled into one call; a shorter rest is filled up with steps of rate zero."""

SEQUENCES_PER_CALL = 128
"""Held-out sequences scored in one call."""


_AT_FULL_RATE = ("symbols", "distances")  # the weights that are no matrix product


@dataclass(frozen=True)
class Score:
    """A held-out loss: nats per scored token, and its standard error over clusters."""

    value: float
    stderr: float


def optimizer(shape: Shape) -> optax.GradientTransformation:
    """Adam on clipped gradients, its step not yet multiplied by the rate; matrices step by `16 / d` of it.

    Args:
        shape: the model's size.

    Returns:
        The transformation; multiply its updates by the step's rate.
    """
    factor = recipe.matrix_factor(shape)

    def scale(weights: Weights) -> Weights:
        return {
            name: part if name in _AT_FULL_RATE else jax.tree.map(lambda matrix: factor * matrix, part)
            for name, part in weights.items()
        }

    return optax.chain(
        optax.clip_by_global_norm(recipe.GRADIENT_NORM),
        optax.scale_by_adam(b1=recipe.FIRST_MOMENT, b2=recipe.SECOND_MOMENT),
        optax.stateless(lambda updates, _: scale(updates)),
    )


@cache
def training_steps(shape: Shape) -> Callable[..., tuple[Weights, Any, jax.Array]]:
    """The compiled training loop of a size: several steps in one call.

    Data, weights and rates are inputs, so all tasks and run lengths of one size and batch share one
    compilation.

    Args:
        shape: the model's size.

    Returns:
        A function of (weights, optimizer state, sequences (steps, B, T + 1), rates (steps,), scored (T,))
        that gives the new weights and state, and the training loss of each step.
    """
    transform = optimizer(shape)

    def mean_loss(weights: Weights, batch: jax.Array, scored: jax.Array) -> jax.Array:
        return jnp.mean(sequence_losses(weights, batch, scored))

    @partial(jax.jit, donate_argnums=(0, 1))
    def several(
        weights: Weights, state: Any, sequences: jax.Array, rates: jax.Array, scored: jax.Array
    ) -> tuple[Weights, Any, jax.Array]:
        def one(carry: tuple[Weights, Any], inputs: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
            weights, state = carry
            batch, rate = inputs
            loss, gradient = jax.value_and_grad(mean_loss)(weights, batch, scored)
            updates, state = transform.update(gradient, state, weights)
            weights = jax.tree.map(lambda weight, update: weight - rate * update, weights, updates)
            return (weights, state), loss

        (weights, state), losses = jax.lax.scan(one, (weights, state), (sequences, rates))
        return weights, state, losses

    return several


def train(source: Source, shape: Shape, tokens: int, seed: int) -> tuple[Weights, np.ndarray]:
    """Train a model by the recipe.

    Args:
        source: of the task.
        shape: the model's size.
        tokens: input positions to process, rounded to whole batches.
        seed: of the starting weights and of the training sequences.

    Returns:
        The weights, and the training loss of each step, shape (steps,).
    """
    batch, steps = recipe.batch_size(tokens), recipe.step_count(tokens)
    filled = -(-steps // STEPS_PER_CALL) * STEPS_PER_CALL
    data = source.training(batch * steps, seed)
    data = np.concatenate([data, np.resize(data, (batch * (filled - steps), data.shape[1]))])
    data = data.reshape(-1, STEPS_PER_CALL, batch, data.shape[1])
    rates = np.pad(recipe.learning_rates(steps), (0, filled - steps)).astype(np.float32).reshape(-1, STEPS_PER_CALL)
    scored = source.scored.astype(np.float32)
    weights = start_weights(shape, seed)
    state = optimizer(shape).init(weights)
    several = training_steps(shape)
    losses = []
    for sequences, rate in zip(data, rates, strict=True):
        weights, state, part = several(weights, state, sequences, rate, scored)
        losses.append(part)
    return weights, np.concatenate(losses)[:steps]


_scoring = jax.jit(sequence_losses)


def score(weights: Weights, source: Source) -> Score:
    """Held-out loss of a trained model.

    Args:
        weights: of the model.
        source: of the task.

    Returns:
        The loss and its standard error; not finite where the model diverged.
    """
    held_out = source.held_out()
    scored = source.scored.astype(np.float32)
    count = len(held_out.sequences)
    filled = np.resize(held_out.sequences, (-(-count // SEQUENCES_PER_CALL) * SEQUENCES_PER_CALL, scored.size + 1))
    calls = filled.reshape(-1, SEQUENCES_PER_CALL, scored.size + 1)
    losses = [_scoring(weights, sequences, scored) for sequences in calls]
    return clustered_mean(np.concatenate(losses)[:count].astype(np.float64), held_out)


def clustered_mean(losses: np.ndarray, held_out: HeldOut) -> Score:
    """Mean over sequences and its standard error, sequences of a cluster being dependent.

    `se² = G/(G-1) · Σ_g (Σ_{s in g} (y_s - mean))² / S²` over G clusters and S sequences.

    Args:
        losses: of each sequence, shape (S,).
        held_out: for its clusters.

    Returns:
        Mean and standard error.
    """
    mean = losses.mean()
    deviations = np.bincount(held_out.clusters, weights=losses - mean)
    groups = len(deviations)
    return Score(float(mean), float(np.sqrt(groups / (groups - 1) * np.sum(deviations**2)) / len(losses)))
