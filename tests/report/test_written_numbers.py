import math

import pytest

from budget.report import written_numbers as numbers


@pytest.mark.parametrize(
    ("write", "number", "expected"),
    [
        (numbers.value, 2.0923329, "2.092"),
        (numbers.value, 0.81234, "0.8123"),
        (numbers.value, 250872.2, "250,872"),
        (numbers.value, -0.5, "−0.5000"),
        (numbers.value, 9.99996, "10.00"),
        (numbers.value, 0.0, "0"),
        (numbers.value, math.nan, numbers.NOTHING),
        (numbers.difference, -0.01812, "0.018"),
        (numbers.difference, 6.54e-11, "6.5e-11"),
        (numbers.percent, 0.1162, "11.6 %"),
        (numbers.percent, 0.00562, "0.56 %"),
        (numbers.percent, 1.0, "100 %"),
        (numbers.percent, math.inf, numbers.NOTHING),
        (numbers.factor, 1.2562, "1.26×"),
        (numbers.factor, 0.0771, "0.077×"),
        (numbers.count, 2.187886e10, "21.9 B"),
        (numbers.count, 999.9e6, "1.00 B"),
        (numbers.count, 2.29e12, "2.29 T"),
        (numbers.count, 512.0, "512"),
        (numbers.count, 3e16, "3.00e16"),
        (numbers.count, math.nan, numbers.NOTHING),
        (numbers.count_in_words, 2.187886e10, "21.9 billion"),
        (numbers.count_in_words, 512.0, "512"),
        (numbers.scientific, 1e22, "1.00e22"),
        (numbers.scientific, 9.999e21, "1.00e22"),
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
    assert numbers.quantity(number, unit) == expected


def test_ranges_lists_and_plurals():
    assert numbers.span("1", "2") == "1 to 2"
    assert numbers.span("1", "1") == "1"
    assert numbers.span("1", numbers.NOTHING) == numbers.NOTHING
    assert numbers.plural(1, "task") == "1 task"
    assert numbers.plural(1200, "task has", "tasks have") == "1,200 tasks have"
