"""The transformer: its weights, its forward pass, its loss.

Decoder-only, normalised before each part by the root mean square without a gain, an untied head that starts
at zero, rectified-linear hidden layers four times the width, no biases. Order is known only through a learned
number per head and distance, added to the attention scores (relative positions after Shaw et al. 2018, in the
scalar form of Raffel et al. 2020). It starts as a preference for what is near (Press et al. 2022): with
learned absolute positions each position must discover its predecessor for itself, and the curves of text and
of chains stay on a plateau until it has.

A model of several tasks is told which one it reads by a task token, whose embedding is added at every position (as
the languages of Lample & Conneau 2019): a token at the front alone would fade with distance. Experts are hidden layers
of which a router chooses the likeliest for each token (Shazeer et al. 2017); no token is dropped, for tokens are sorted
by expert into small groups that are multiplied together (after Gale et al. 2023), and a penalty keeps the experts'
loads even (Fedus et al. 2022).

See docs/decisions/095-strategies-of-the-transformer.md,
docs/decisions/098-distances-instead-of-positions.md.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from budget.lab.transformer.shape import CONTEXT, MOST_TASKS, ROWS, SYMBOLS, Shape

Weights = dict[str, Any]
"""`symbols` (V, d), `distances` (L, H, T), `head` (d, V), `tasks` (`MOST_TASKS`, d) in a model of several tasks, and
`blocks`, a list of L dictionaries: `attend` (d, 3d), `mix` (d, d), `up` (d, 4d), `down` (4d, d), with experts
`up` (E, d, 4d), `down` (E, 4d, d) and `router` (d, E)."""

BALANCE = 0.01
"""Weight of the penalty on uneven loads of the experts."""

_DISTANCE_SLOPE = 0.3


def start_weights(shape: Shape, seed: int, several_tasks: bool = False) -> Weights:
    """Weights to start from: normal, scaled by the inverse root of what each matrix sums over; a head of zeros.

    Args:
        shape: the model's size.
        seed: of the random numbers.
        several_tasks: whether the model reads task tokens.

    Returns:
        float32 weights.
    """
    width = shape.width
    keys = iter(jax.random.split(jax.random.key(seed), 2 + 5 * shape.layers))

    def normal(*sizes: int, deviation: float) -> jax.Array:
        return deviation * jax.random.normal(next(keys), sizes, jnp.float32)

    def block() -> Weights:
        among = (shape.experts,) if shape.experts > 1 else ()
        parts = {
            "attend": normal(width, 3 * width, deviation=width**-0.5),
            "mix": normal(width, width, deviation=width**-0.5),
            "up": normal(*among, width, 4 * width, deviation=width**-0.5),
            "down": normal(*among, 4 * width, width, deviation=(4 * width) ** -0.5),
        }
        return parts | ({"router": normal(width, shape.experts, deviation=width**-0.5)} if among else {})

    weights = {
        "symbols": normal(SYMBOLS, width, deviation=1.0),
        "distances": jnp.tile(
            -_DISTANCE_SLOPE * jnp.arange(CONTEXT, dtype=jnp.float32), (shape.layers, shape.heads, 1)
        ),
        "head": jnp.zeros((width, SYMBOLS), jnp.float32),
        "blocks": [block() for _ in range(shape.layers)],
    }
    return weights | ({"tasks": normal(MOST_TASKS, width, deviation=1.0)} if several_tasks else {})


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


def _routed(block: Weights, stream: jax.Array, active: int) -> tuple[jax.Array, jax.Array]:
    """Each token through its likeliest experts, weighted by the router's shares; and the loads' unevenness, least 1.

    Tokens are sorted by expert into groups of `ROWS`, so that only an expert's last group holds empty rows.
    """
    tokens, width = stream.shape
    experts = block["router"].shape[1]
    shares = jax.nn.softmax(stream @ block["router"])
    gates, chosen = jax.lax.top_k(shares, active)
    expert = chosen.reshape(-1)
    order = jnp.argsort(expert, stable=True)
    load = jnp.bincount(expert, length=experts)
    groups_of = -(-load // ROWS)
    last_group = jnp.cumsum(groups_of)
    first_row, first_place = (last_group - groups_of) * ROWS, jnp.cumsum(load) - load
    row = first_row[expert[order]] + jnp.arange(tokens * active) - first_place[expert[order]]

    groups = (active * tokens + experts * (ROWS - 1)) // ROWS
    token_at = jnp.full(groups * ROWS, tokens).at[row].set(order // active)
    expert_at = jnp.searchsorted(last_group, jnp.arange(groups), side="right").clip(max=experts - 1)
    rows = jnp.pad(stream, ((0, 1), (0, 0)))[token_at].reshape(groups, ROWS, width)  # the added token is an empty row
    hidden = jax.nn.relu(jnp.einsum("grd,gdh->grh", rows, block["up"][expert_at]))
    out = jnp.einsum("grh,ghd->grd", hidden, block["down"][expert_at]).reshape(-1, width)
    row_of = jnp.zeros(tokens * active, int).at[order].set(row)
    mixed = (out[row_of].reshape(tokens, active, width) * gates[:, :, None]).sum(axis=1)
    return mixed, experts * jnp.sum(load / (tokens * active) * shares.mean(axis=0))


def _hidden_layer(block: Weights, stream: jax.Array, active: int) -> tuple[jax.Array, jax.Array]:
    if "router" in block:
        mixed, unevenness = _routed(block, stream.reshape(-1, stream.shape[-1]), active)
        return mixed.reshape(stream.shape), unevenness
    return jax.nn.relu(stream @ block["up"]) @ block["down"], jnp.ones(())


def predict(
    weights: Weights, inputs: jax.Array, tasks: jax.Array | None = None, active: int = 1
) -> tuple[jax.Array, jax.Array]:
    """Log-odds of the next symbol at each position.

    Args:
        weights: from `start_weights`.
        inputs: symbols, integer, shape (B, T).
        tasks: which task each sequence is of, integer, shape (B,); only a model of several tasks reads it.
        active: experts that each token goes through.

    Returns:
        Log-odds, shape (B, T, V), float32, and the unevenness of the experts' loads, mean over the blocks: 1 where
        they are even, up to E.
    """
    stream = weights["symbols"][inputs]
    if "tasks" in weights:
        stream = stream + weights["tasks"][tasks][:, None]
    uneven = []
    for layer, block in enumerate(weights["blocks"]):
        stream = stream + _attention(block, _normalise(stream), weights["distances"][layer])
        change, unevenness = _hidden_layer(block, _normalise(stream), active)
        stream = stream + change
        uneven.append(unevenness)
    return _normalise(stream) @ weights["head"], jnp.mean(jnp.stack(uneven))


def sequence_losses(
    weights: Weights, sequences: jax.Array, scored: jax.Array, tasks: jax.Array, active: int = 1
) -> tuple[jax.Array, jax.Array]:
    """Loss of each sequence, nats per scored token.

    Args:
        weights: from `start_weights`.
        sequences: symbols, integer, shape (B, T + 1).
        scored: 1 where a position of a task counts, else 0, float32, shape (tasks, T).
        tasks: which task each sequence is of, integer, shape (B,).
        active: experts that each token goes through.

    Returns:
        Mean over the scored positions, shape (B,), and the unevenness of the experts' loads, see `predict`.
    """
    sequences = sequences.astype(jnp.int32)
    odds, unevenness = predict(weights, sequences[:, :-1], tasks, active)
    chosen = jnp.take_along_axis(odds, sequences[:, 1:, None], axis=-1)[..., 0]
    losses = jax.nn.logsumexp(odds, axis=-1) - chosen
    counted = scored[tasks]
    return jnp.sum(losses * counted, axis=-1) / jnp.sum(counted, axis=-1), unevenness
