"""Amounts mean what their units say, and what is none is refused in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.errors import DataError
from budget.numerics.quantities.amounts import parse_amount, parse_price
from budget.numerics.quantities.devices import DEVICES, UTILISATION

DAY = 86400.0
H100 = 989.4e12


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("1e22", "", 1e22),
        ("1.3B", "", 1.3e9),
        ("20 T4-days", "flops", 20 * DAY * 0.4 * 65e12),
        ("2 B200-days", "flops", 2 * DAY * 0.4 * 2250e12),
        ("10 ZFLOP", "flops", 1e22),
        ("10zflops", "flops", 1e22),
        ("2.5e3 EFLOP", "flops", 2.5e21),
        ("1e22 FLOPs", "flops", 1e22),
        ("3 PF-days", "flops", 3 * DAY * 1e15),
        ("3 PFLOP/s-days", "flops", 3 * DAY * 1e15),
        ("3 GPU-days@400TFLOP/s", "flops", 3 * DAY * 400e12),
        ("3 GPU-days @ 0.4 PFLOP/s", "flops", 3 * DAY * 400e12),
        ("100 H100-days", "flops", 100 * DAY * H100 * UTILISATION),
        ("100 h100 days", "flops", 100 * DAY * H100 * UTILISATION),
        ("2,400 H100-hours@50%", "flops", 2400 * 3600 * H100 * 0.5),
        ("1 H100-week@0.5", "flops", 7 * DAY * H100 * 0.5),
        ("1 H100:fp8-days", "flops", DAY * 1978.9e12 * UTILISATION),
        ("1 H100-PCIe-day", "flops", DAY * 756e12 * UTILISATION),
        ("1 TPU-v5e-day", "flops", DAY * 197e12 * UTILISATION),
        ("2T tokens", "tokens", 2e12),
        ("300 billion tokens", "tokens", 3e11),
        ("$500k", "money", 5e5),
        ("500k USD", "money", 5e5),
        ("€1,250,000", "money", 1.25e6),
    ],
)
def test_amounts_are_what_their_units_say(text, kind, number):
    amount = parse_amount(text, "--budget")
    assert amount.unit.kind == kind and amount.number == pytest.approx(number, rel=1e-12)


def test_what_is_taken_for_granted_is_said_and_can_be_set():
    unit = parse_amount("1 H100-day", "--budget").unit
    assert (
        "989.4 TFLOP/s dense bf16 (NVIDIA H100 datasheet (SXM), as others repeat it) at a utilisation of 0.4"
        in unit.note
    )
    assert parse_amount("1 H100-day", "--budget", utilisation=0.2).number == pytest.approx(DAY * H100 * 0.2)
    assert parse_amount("1 GPU-day", "--budget", device="H100").unit.label == "GPU-days"
    assert parse_amount("1 GPU-day@4e14 FLOP/s", "--budget").unit.note == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc", "which is not a number, nor an amount; give one such as 1e22, 10 ZFLOP"),
        ("5 parsecs", "which is not a number, nor an amount"),
        ("1e400", "which is not a number, nor an amount"),
        ("$5 USD", "which is not a number, nor an amount"),
        ("5 H101-days", "'H101' is not in the table of devices (V100,"),
        ("5 GPU-days", "say which GPU (100 H100-days; device"),
        ("5 H100:fp4-days", "no peak of H100 is known in 'fp4' but in bf16, fp16, fp8, tf32"),
        ("5 H100-days@fast", "'fast' is no speed"),
        ("5 H100-days@400", "the utilisation is a share of the peak"),
        ("5 H100-days@40 parsecs", "the utilisation is a share of the peak"),
    ],
)
def test_what_is_no_amount_is_refused(text, said):
    with pytest.raises(DataError) as caught:
        parse_amount(text, "--budget")
    assert said in str(caught.value) and str(caught.value).endswith(".")


def test_prices():
    assert parse_price("$2.50/H100-hour") == (2.5, "H100")
    assert parse_price("2/hour") == parse_price("2") == (2.0, None)
    for text in ("free", "0", "2/H100-day", ""):
        with pytest.raises(DataError, match="no price of an hour"):
            parse_price(text)


def test_every_device_has_a_peak_and_its_source():
    for device in DEVICES.values():
        assert device.source and all(1e13 < peak < 1e16 for peak in device.peak.values())
        if "fp8" in device.peak:  # dense figures double with each halving of the format; a sparse one would not
            assert device.peak["fp8"] == pytest.approx(2 * device.peak["bf16"], rel=0.02)
        if "tf32" in device.peak:
            assert device.peak["bf16"] == pytest.approx(2 * device.peak["tf32"], rel=0.02)


def test_a_peak_that_only_others_repeat_says_so():
    assert "NVIDIA A100 datasheet, as others repeat it" in parse_amount("2 A100-days", "--budget").unit.note
    assert "as others" not in parse_amount("2 TPUv4-days", "--budget").unit.note


@given(st.floats(1e-6, 1e6), st.sampled_from(["ZFLOP", "PF-days", "H100-days", "A100-hours@37%", "tokens", "USD"]))
def test_twice_the_number_is_twice_the_amount(number, unit):
    once, twice = (parse_amount(f"{factor * number!r} {unit}", "--budget").number for factor in (1, 2))
    assert twice == pytest.approx(2 * once, rel=1e-12)
