from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
import scipy.stats

from budget.lab.synthetic_tasks.chains import LogLinearMarkov, ModularChain
from budget.lab.synthetic_tasks.hierarchy import RandomHierarchy
from budget.lab.synthetic_tasks.lookup import ZipfLookup
from budget.lab.synthetic_tasks.real_text import Text
from budget.lab.transformer.shape import CONTEXT

LOOKUP = ZipfLookup(keys=500, exponent=1.2, noise=0.3, structure=1)
CHAINS = [LogLinearMarkov(letters=12, order=order, strength=1.0, exponent=1.0, structure=order) for order in (1, 2, 3)]
TEXT = Text(np.random.default_rng(0).integers(0, 96, 60_000).astype(np.uint8))
NEAR = replace(LOOKUP, variant=1, redrawn=0.2)
HIERARCHY = RandomHierarchy(letters=8, rules=3, structure=1)
MODULAR = ModularChain(modulus=7, noise=0.2, structure=1)
SOURCES = [LOOKUP, NEAR, *CHAINS, HIERARCHY, MODULAR, TEXT]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_training_is_seeded_and_differs_from_the_held_out_set(source):
    first, again, other = source.training(50, 0), source.training(50, 0), source.training(50, 1)
    assert first.shape == (50, CONTEXT + 1)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    held_out = source.held_out()
    np.testing.assert_array_equal(held_out.sequences, source.held_out().sequences)
    assert len(held_out.clusters) == len(held_out.sequences)
    scored = {bytes(row) for row in held_out.sequences}
    assert not any(bytes(row) in scored for row in np.concatenate([first, other]))


def test_lookup_values_belong_to_their_keys_and_noise_has_its_share():
    items = LOOKUP.training(3000, 0)[:, :CONTEXT].reshape(-1, 4).astype(int)
    keys = items[:, 0] * 64**2 + items[:, 1] * 64 + items[:, 2]
    values_of = scipy.sparse.coo_matrix((np.ones(len(keys)), (keys, items[:, 3]))).tocsr()
    seen = np.asarray(values_of.sum(axis=1)).ravel()
    most = np.asarray(values_of.max(axis=1).todense()).ravel()
    frequent = seen > 200
    right = 1 - LOOKUP.noise + LOOKUP.noise / 64
    assert np.average(most[frequent] / seen[frequent], weights=seen[frequent]) == pytest.approx(right, abs=0.01)
    ranked = np.sort(seen)[::-1]
    assert ranked[0] / ranked[9] == pytest.approx(10**LOOKUP.exponent, rel=0.1)


def test_lookup_entropy_is_that_of_the_value_given_its_key():
    shares = np.full(64, LOOKUP.noise / 64)
    shares[0] += 1 - LOOKUP.noise
    assert LOOKUP.entropy == pytest.approx(scipy.stats.entropy(shares), rel=1e-12)
    assert ZipfLookup(keys=10, exponent=1.2, noise=0.0, structure=1).entropy == 0


def test_lookup_held_out_set_holds_each_key_as_often_as_it_should():
    held_out = ZipfLookup(keys=500, exponent=1.2, noise=0.0, structure=1).held_out()
    items = held_out.sequences[:, :CONTEXT].reshape(-1, 4)
    _, counts = np.unique(items[:, :3], axis=0, return_counts=True)
    mass = np.arange(1, 501.0) ** -1.2
    expected = mass / mass.sum() * len(items)
    # one draw a stratum: each replicate is off by at most one item at either end of a key's stretch
    assert np.abs(np.sort(counts)[::-1] - np.sort(expected)[::-1]).max() <= 2 * ZipfLookup.replicates
    assert np.bincount(held_out.clusters).tolist() == [ZipfLookup.replicate_sequences] * ZipfLookup.replicates


def test_lookup_scores_the_position_before_each_value():
    np.testing.assert_array_equal(np.flatnonzero(LOOKUP.scored), np.arange(2, CONTEXT, 4))


@pytest.mark.parametrize("redrawn", [0.05, 0.2, 1.0])
def test_variant_has_the_keys_and_all_but_the_redrawn_values(redrawn):
    table = ZipfLookup(keys=20_000, exponent=1.2, noise=0.0, structure=1)
    other, third = (replace(table, variant=variant, redrawn=redrawn)._table for variant in (1, 2))
    np.testing.assert_array_equal(table._table[:, :3], other[:, :3])
    for first, second, share in ((table._table, other, redrawn), (other, third, 1 - (1 - redrawn) ** 2)):
        differ = (first[:, 3] != second[:, 3]).mean()
        assert differ == pytest.approx(share * 63 / 64, abs=0.012)


def test_variants_share_no_sequence():
    near = replace(LOOKUP, variant=1)
    assert not np.array_equal(LOOKUP.training(50, 0)[:, :3], near.training(50, 0)[:, :3])
    assert not np.array_equal(LOOKUP.held_out().sequences, near.held_out().sequences)


def test_hierarchy_sentences_have_one_tree_and_its_entropy():
    sentences = HIERARCHY.training(4000, 0).astype(int)
    assert np.all(sentences[:, 0] == HIERARCHY.letters)
    row, chosen = sentences[:, 1:], []
    for pairs in HIERARCHY.pairs[::-1]:  # parse from the leaves up: each pair has one owner
        owner = np.full((HIERARCHY.letters, HIERARCHY.letters), -1)
        rule = np.zeros_like(owner)
        for symbol in range(HIERARCHY.letters):
            for number, (left, right) in enumerate(pairs[symbol]):
                assert owner[left, right] == -1
                owner[left, right], rule[left, right] = symbol, number
        chosen.append(rule[row[:, ::2], row[:, 1::2]].ravel())
        row = owner[row[:, ::2], row[:, 1::2]]
        assert np.all(row >= 0)
    choices = np.concatenate(chosen)
    assert choices.size == 4000 * 63
    np.testing.assert_allclose(np.bincount(choices) / choices.size, 1 / 3, atol=0.005)
    np.testing.assert_allclose(np.bincount(row.ravel()) / row.size, 1 / 8, atol=0.02)
    assert pytest.approx((np.log(8) + 63 * np.log(3)) / 64) == HIERARCHY.entropy


def test_modular_terms_are_sums_but_for_the_noise():
    chains = MODULAR.training(2000, 0).astype(int)
    right = (chains[:, 2:] == (chains[:, 1:-1] + chains[:, :-2]) % 7).mean()
    assert right == pytest.approx(1 - 0.2 + 0.2 / 7, abs=0.005)
    shares = np.full(7, 0.2 / 7)
    shares[0] += 0.8
    assert scipy.stats.entropy(shares) == pytest.approx(MODULAR.entropy)
    np.testing.assert_array_equal(np.flatnonzero(~MODULAR.scored), [0])


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: f"order {chain.order}")
def test_markov_entropy_is_the_loss_of_the_chain_itself(chain):
    sequences = chain.held_out().sequences.astype(int)
    context = sum(
        sequences[:, chain.order - 1 - back : CONTEXT - back] * chain.letters**back for back in range(chain.order)
    )
    targets = sequences[:, 1:][:, chain.scored]
    losses = -np.log(chain.transition[context, targets]).mean(axis=1)
    standard_error = losses.std() / np.sqrt(len(losses))
    assert losses.mean() == pytest.approx(chain.entropy, abs=4 * standard_error)
    assert standard_error < 0.005


def test_markov_stationary_distribution_is_the_leading_eigenvector():
    chain = CHAINS[0]
    values, vectors = np.linalg.eig(chain.transition.T)
    leading = np.real(vectors[:, np.argmax(np.real(values))])
    np.testing.assert_allclose(chain.stationary, leading / leading.sum(), atol=1e-12)


def test_markov_tables_add_up_in_the_logarithm():
    chain = CHAINS[1]
    log_odds = np.log(chain.transition).reshape(12, 12, 12)
    centred = log_odds - log_odds.mean(axis=-1, keepdims=True)
    older, nearer = centred.mean(axis=1, keepdims=True), centred.mean(axis=0, keepdims=True)
    np.testing.assert_allclose(centred, older + nearer - centred.mean(axis=(0, 1)), atol=1e-10)


def test_text_held_out_and_training_windows_share_no_character():
    places = Text(np.arange(100_000))  # each symbol is its own place in the text
    held_out = places.held_out().sequences
    training = np.concatenate([places.training(5000, seed) for seed in (0, 1)])
    assert not np.intersect1d(held_out, training).size
    assert np.all(np.diff(training.astype(int), axis=1) == 1)
    share = places.held_out_blocks.size / (places.held_out_blocks.size + places.training_runs.size)
    assert share >= 0.2


def test_text_is_not_repeated_before_it_is_used_up():
    places = Text(np.arange(100_000))
    targets = places.training(1000, 0)[:, 1:]
    assert np.unique(targets).size == targets.size


def test_text_clusters_are_blocks():
    places = Text(np.arange(100_000))
    held_out = places.held_out()
    blocks = held_out.sequences[:, 0] // (Text.block * Text.period)
    np.testing.assert_array_equal(held_out.clusters, blocks)
