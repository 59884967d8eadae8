import numpy as np
import pytest

from budget.lab.synthetic_tasks import corpora
from budget.lab.synthetic_tasks.real_text import Text
from budget.lab.transformer.shape import SYMBOLS


def _words(symbols):
    return "".join("\n" if symbol == 0 else chr(symbol + 31) for symbol in symbols.ravel())


@pytest.mark.parametrize(("corpus", "least"), [("code", 5_000_000), ("prose", 1_000_000), ("names", 700_000)])
def test_corpus_is_large_printable_and_the_same_each_time(corpus, least):
    symbols = corpora.symbols(corpus)
    assert len(symbols) > least
    assert symbols.max() < SYMBOLS
    assert len(corpora.digest(corpus)) == 64
    again = corpora.symbols.__wrapped__(corpus)
    np.testing.assert_array_equal(symbols, again)


def test_corpora_hold_what_they_say():
    assert "\nimport os\n" in _words(corpora.symbols("code"))
    assert _words(corpora.symbols("prose")).count(" the ") > 1000
    assert "\nGREEK SMALL LETTER ALPHA\n" in _words(corpora.symbols("names"))


def test_no_held_out_name_is_trained_on():
    text = Text(corpora.symbols("names"))
    held_out, training = (
        {line for block in blocks for line in _words(block).split("\n")[1:-1]}
        for blocks in (text.held_out_blocks, text.training_runs)
    )
    assert len(held_out) > 5000
    assert not held_out & training
