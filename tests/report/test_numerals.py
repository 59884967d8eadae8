import math

import pytest

from budget.report import numerals


@pytest.mark.parametrize(
    ("write", "number", "expected"),
    [
        (numerals.value, 2.0923329, "2.092"),
        (numerals.value, 0.81234, "0.8123"),
        (numerals.value, 250872.2, "250,872"),
        (numerals.value, -0.5, "−0.5000"),
        (numerals.value, 9.99996, "10.00"),
        (numerals.value, 0.0, "0"),
        (numerals.value, math.nan, numerals.NOTHING),
        (numerals.difference, -0.01812, "0.018"),
        (numerals.difference, 6.54e-11, "6.5e-11"),
        (numerals.percent, 0.1162, "11.6 %"),
        (numerals.percent, 0.00562, "0.56 %"),
        (numerals.percent, 1.0, "100 %"),
        (numerals.percent, math.inf, numerals.NOTHING),
        (numerals.factor, 1.2562, "1.26×"),
        (numerals.factor, 0.0771, "0.077×"),
        (numerals.count, 2.187886e10, "21.9 B"),
        (numerals.count, 999.9e6, "1.00 B"),
        (numerals.count, 2.29e12, "2.29 T"),
        (numerals.count, 512.0, "512"),
        (numerals.count, 3e16, "3.00e16"),
        (numerals.count, math.nan, numerals.NOTHING),
        (numerals.count_in_words, 2.187886e10, "21.9 billion"),
        (numerals.count_in_words, 512.0, "512"),
        (numerals.scientific, 1e22, "1.00e22"),
        (numerals.scientific, 9.999e21, "1.00e22"),
    ],
)
def test_numbers_are_written_for_a_reader(write, number, expected):
    assert write(number) == expected


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (1e22, "flops", "1.00e22 FLOPs"),
        (7.6177e10, "tokens", "76.2 B tokens"),
        (2.1e10, "params", "21.0 B parameters"),
        (12345.0, "x", "12,345 units of x"),
    ],
)
def test_quantities_name_their_unit(number, unit, expected):
    assert numerals.quantity(number, unit) == expected


def test_ranges_lists_and_plurals():
    assert numerals.span("1", "2") == "1 to 2"
    assert numerals.span("1", "1") == "1"
    assert numerals.span("1", numerals.NOTHING) == numerals.NOTHING
    assert numerals.plural(1, "task") == "1 task"
    assert numerals.plural(1200, "task has", "tasks have") == "1,200 tasks have"
