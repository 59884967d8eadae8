"""Training a model through a stage of its recipe, and scoring it on the held-out sequences of its tasks."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from budget.lab.synthetic_tasks.sources import Source
from budget.lab.transformer import recipe
from budget.lab.transformer.model import BALANCE, Weights, sequence_losses
from budget.lab.transformer.recipe import Stage
from budget.lab.transformer.score import Score, clustered_mean
from budget.lab.transformer.shape import CONTEXT, MOST_TASKS, Shape

STEPS_PER_CALL = 25
"""Steps compiled into one call; a shorter rest is filled up with steps of rate zero."""

SEQUENCES_PER_CALL = 8
"""Held-out sequences scored in one call; more are slower, for they leave the processor's cache."""


_AT_FULL_RATE = ("symbols", "distances", "tasks")  # the weights that are no matrix product


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
        A function of (weights, optimizer state, sequences (steps, B, T + 1), tasks (steps, B), rates (steps,),
        scored (tasks, T)) that gives the new weights and state, and the training loss of each step.
    """
    transform = optimizer(shape)

    def mean_loss(
        weights: Weights, batch: jax.Array, tasks: jax.Array, scored: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        losses, unevenness = sequence_losses(weights, batch, scored, tasks, shape.active)
        loss = jnp.mean(losses)
        return (loss + BALANCE * unevenness if shape.experts > 1 else loss), loss

    @partial(jax.jit, donate_argnums=(0, 1))
    def several(
        weights: Weights, state: Any, sequences: jax.Array, tasks: jax.Array, rates: jax.Array, scored: jax.Array
    ) -> tuple[Weights, Any, jax.Array]:
        def one(carry: tuple[Weights, Any], inputs: tuple[jax.Array, ...]) -> tuple[Any, jax.Array]:
            weights, state = carry
            batch, task, rate = inputs
            (_, loss), gradient = jax.value_and_grad(mean_loss, has_aux=True)(weights, batch, task, scored)
            updates, state = transform.update(gradient, state, weights)
            weights = jax.tree.map(lambda weight, update: weight - rate * update, weights, updates)
            return (weights, state), loss

        (weights, state), losses = jax.lax.scan(one, (weights, state), (sequences, tasks, rates))
        return weights, state, losses

    return several


def train(
    weights: Weights, shape: Shape, stage: Stage, sequences: np.ndarray, tasks: np.ndarray, scored: np.ndarray
) -> tuple[Weights, np.ndarray]:
    """Train a model through one stage, the optimizer starting anew.

    Args:
        weights: to start from; left as they are.
        shape: the model's size.
        stage: batch, steps and schedule.
        sequences: in the order of training, uint8, shape (batch * steps, T + 1).
        tasks: which task each is of, shape (batch * steps,).
        scored: positions that count for each task, float32, shape (tasks, T).

    Returns:
        The weights, and the training loss of each step, shape (steps,).
    """
    steps = -(-stage.steps // STEPS_PER_CALL) * STEPS_PER_CALL
    filled = np.arange(stage.batch * steps) % stage.sequences
    calls = (-1, STEPS_PER_CALL, stage.batch)
    rates = np.pad(recipe.learning_rates(stage.steps, stage.decay), (0, steps - stage.steps)).astype(np.float32)
    several, losses = training_steps(shape), []
    state = optimizer(shape).init(weights)
    weights = jax.tree.map(jnp.copy, weights)  # the loop overwrites its own
    for batches, task, rate in zip(
        sequences[filled].reshape(*calls, CONTEXT + 1),
        tasks[filled].astype(np.int32).reshape(calls),
        rates.reshape(-1, STEPS_PER_CALL),
        strict=True,
    ):
        weights, state, part = several(weights, state, batches, task, rate, scored)
        losses.append(part)
    return weights, np.concatenate(losses)[: stage.steps]


@partial(jax.jit, static_argnames="active")
def _scoring(weights: Weights, sequences: jax.Array, scored: jax.Array, tasks: jax.Array, active: int) -> jax.Array:
    return sequence_losses(weights, sequences, scored, tasks, active)[0]


def score(weights: Weights, shape: Shape, source: Source, task: int = 0) -> Score:
    """Held-out loss of a trained model on one of its tasks.

    Args:
        weights: of the model.
        shape: its size.
        source: of the task.
        task: the task's number in the model.

    Returns:
        The loss and its standard error; not finite where the model diverged.
    """
    held_out = source.held_out()
    count = len(held_out.sequences)
    filled = np.resize(held_out.sequences, (-(-count // SEQUENCES_PER_CALL) * SEQUENCES_PER_CALL, CONTEXT + 1))
    calls = filled.reshape(-1, SEQUENCES_PER_CALL, CONTEXT + 1)
    tasks = np.full(SEQUENCES_PER_CALL, task, np.int32)
    scored = np.tile(source.scored.astype(np.float32), (MOST_TASKS, 1))
    losses = [_scoring(weights, sequences, scored, tasks, active=shape.active) for sequences in calls]
    return clustered_mean(np.concatenate(losses)[:count].astype(np.float64), held_out)
