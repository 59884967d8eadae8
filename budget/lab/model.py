"""The transformer: its weights, its forward pass, its loss.

Decoder-only, normalised before each part by the root mean square without a gain, an untied head that starts
at zero, rectified-linear hidden layers four times the width, no biases. Order is known only through a learned
number per head and distance, added to the attention scores (relative positions after Shaw et al. 2018, in the
scalar form of Raffel et al. 2020). It starts as a preference for what is near (Press et al. 2022): with
learned absolute positions each position must discover its predecessor for itself, and the curves of text and
of chains stay on a plateau until it has.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from budget.lab.shape import CONTEXT, SYMBOLS, Shape

Weights = dict[str, Any]
"""`symbols` (V, d), `distances` (L, H, T), `head` (d, V), and `blocks`, a list of L dictionaries: `attend` (d, 3d),
`mix` (d, d), `up` (d, 4d), `down` (4d, d)."""

_DISTANCE_SLOPE = 0.3


def start_weights(shape: Shape, seed: int) -> Weights:
    """Weights to start from: normal, scaled by the inverse root of what each matrix sums over; a head of zeros.

    Args:
        shape: the model's size.
        seed: of the random numbers.

    Returns:
        float32 weights.
    """
    width = shape.width
    keys = iter(jax.random.split(jax.random.key(seed), 1 + 4 * shape.layers))

    def normal(rows: int, columns: int, deviation: float) -> jax.Array:
        return deviation * jax.random.normal(next(keys), (rows, columns), jnp.float32)

    return {
        "symbols": normal(SYMBOLS, width, 1.0),
        "distances": jnp.tile(
            -_DISTANCE_SLOPE * jnp.arange(CONTEXT, dtype=jnp.float32), (shape.layers, shape.heads, 1)
        ),
        "head": jnp.zeros((width, SYMBOLS), jnp.float32),
        "blocks": [
            {
                "attend": normal(width, 3 * width, width**-0.5),
                "mix": normal(width, width, width**-0.5),
                "up": normal(width, 4 * width, width**-0.5),
                "down": normal(4 * width, width, (4 * width) ** -0.5),
            }
            for _ in range(shape.layers)
        ],
    }


def _normalise(stream: jax.Array) -> jax.Array:
    return stream * jax.lax.rsqrt(jnp.mean(stream**2, axis=-1, keepdims=True) + 1e-6)


def _attention(block: Weights, stream: jax.Array, distances: jax.Array) -> jax.Array:
    heads = len(distances)
    batch, length, width = stream.shape
    joint = (stream @ block["attend"]).reshape(batch, length, 3, heads, width // heads)
    query, key, value = joint[:, :, 0], joint[:, :, 1], joint[:, :, 2]
    scores = jnp.einsum("bqhc,bkhc->bhqk", query, key) * (width // heads) ** -0.5
    back = np.arange(length)[:, None] - np.arange(length)
    scores = jnp.where(back >= 0, scores + distances[:, np.abs(back)], -1e9)
    shares = jax.nn.softmax(scores, axis=-1)
    return jnp.einsum("bhqk,bkhc->bqhc", shares, value).reshape(batch, length, width) @ block["mix"]


def predict(weights: Weights, inputs: jax.Array) -> jax.Array:
    """Log-odds of the next symbol at each position.

    Args:
        weights: from `start_weights`.
        inputs: symbols, integer, shape (B, T).

    Returns:
        Shape (B, T, V), float32.
    """
    stream = weights["symbols"][inputs]
    for layer, block in enumerate(weights["blocks"]):
        stream = stream + _attention(block, _normalise(stream), weights["distances"][layer])
        stream = stream + jax.nn.relu(_normalise(stream) @ block["up"]) @ block["down"]
    return _normalise(stream) @ weights["head"]


def sequence_losses(weights: Weights, sequences: jax.Array, scored: jax.Array) -> jax.Array:
    """Loss of each sequence, nats per scored token.

    Args:
        weights: from `start_weights`.
        sequences: symbols, integer, shape (B, T + 1).
        scored: 1 where a position counts, else 0, float32, shape (T,).

    Returns:
        Mean over the scored positions, shape (B,).
    """
    sequences = sequences.astype(jnp.int32)
    odds = predict(weights, sequences[:, :-1])
    chosen = jnp.take_along_axis(odds, sequences[:, 1:, None], axis=-1)[..., 0]
    losses = jax.nn.logsumexp(odds, axis=-1) - chosen
    return losses @ scored / jnp.sum(scored)
