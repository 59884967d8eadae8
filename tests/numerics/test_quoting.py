"""What is repeated in a sentence neither runs a terminal nor fills it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.errors import DataError
from budget.numerics.quoting import LONGEST_CELL, LONGEST_SENTENCE, escaped, listed, sentence, shown


@settings(deadline=None)
@given(st.text(max_size=400))
def test_a_cell_is_one_short_line_without_control_characters(cell):
    said = shown(cell)
    assert len(said) <= LONGEST_CELL + 2 and "\x1b" not in said and len(said.splitlines()) == 1


@settings(deadline=None)
@given(st.text(max_size=900))
def test_a_sentence_is_one_line_of_at_most_its_length_and_stays_what_it_is(text):
    said = sentence(text)
    assert len(said) <= LONGEST_SENTENCE and len(said.splitlines()) <= 1 and sentence(said) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain, Größe · 5 %", "plain, Größe · 5 %"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("abc\u202edef", r"abc\u202edef"),
        ("\x9b31m", r"\x9b31m"),
        ("C:\\runs", "C:\\runs"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_and_format_characters_stand_as_their_escapes(text, said):
    assert escaped(text) == said


def test_the_middle_of_a_long_message_is_left_out_and_its_ends_stay():
    said = str(DataError(f"runs.csv, row 3, column 'value': '{'x' * 1_000_000}' where a number is due; correct it."))
    assert len(said) == LONGEST_SENTENCE
    assert said.startswith("runs.csv, row 3, column 'value': 'xxx") and said.endswith("is due; correct it.")


def test_lists_and_kept_characters():
    assert listed(["a", "b"]) == "a, b" and listed(range(10), 3) == "0, 1, 2 and 7 more"
    assert escaped("two\nlines\x07", keep="\n") == "two\nlines\\x07"
