"""Budgets in the user's units on the command line, and the same units in what comes out."""

import pytest

from tests.commands.invoking import frame_of, refused, run

DAY_OF_H100 = 86400 * 989.4e12 * 0.4


def test_a_budget_in_device_days_is_planned_in_flops_and_written_in_both(curves):
    days = run("allocate", curves, "--budget", "100 H100-days")
    plain = frame_of(run("allocate", curves, "--budget", 100 * DAY_OF_H100))
    frame = frame_of(days)
    assert frame["spend"].tolist() == pytest.approx(plain["spend"].tolist(), rel=1e-6)
    assert list(frame.columns)[: len(plain.columns)] == list(plain.columns)
    assert frame["spend (H100-days)"].sum() == pytest.approx(100, rel=1e-6)
    assert "989.4 TFLOP/s dense bf16" in days.stderr


def test_money_buys_flops_where_only_compute_is_planned(curves):
    frame = frame_of(run("grow", curves, "--budget", "$12,000", "--price", "2.50/H100-hour"))
    assert frame.groupby("n_tasks")["spend (USD)"].sum().tolist() == pytest.approx(
        [12000] * frame["n_tasks"].max(), rel=1e-6
    )
    assert "such as --price 2.50/H100-hour" in refused("grow", curves, "--budget", "$12,000")
    assert "names no device" in refused("grow", curves, "--budget", "$12,000", "--price", "2.5")


def test_allocate_plans_in_money_at_a_price_that_names_its_device(curves):
    named = frame_of(run("allocate", curves, "--budget", "$12,000", "--price", "2.50/H100-hour"))
    stated = ("--price", 2.5, "--peak", 989.4e12, "--mfu", 0.4, "--unit", "money")
    assert named["params"].tolist() == pytest.approx(
        frame_of(run("allocate", curves, "--budget", 12000, *stated))["params"].tolist(), rel=1e-9
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--budget", "10 ZFLOP", "--unit", "tokens"), "Amounts are given in flops and --unit is tokens"),
        (("--budget", "1e22", "--limit", "tokens=10 ZFLOP"), "--limit tokens=10 ZFLOP is in flops"),
        (("--budget", "10 lightyears"), "--budget is '10 lightyears', which is not a number, nor an amount"),
        (("--budget", "10 GPU-days"), "say which GPU"),
    ],
)
def test_units_that_contradict_are_refused(curves, options, said):
    assert said in refused("allocate", curves, *options)


def test_a_limit_has_a_unit_too(curves):
    words = run("allocate", curves, "--budget", "1e22", "--limit", "tokens=2T tokens")
    assert words.stdout == run("allocate", curves, "--budget", "1e22", "--limit", "tokens=2e12").stdout
