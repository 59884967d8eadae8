"""A published curve as a prior: what it gives few runs, and what is said where runs contradict it."""

import numpy as np
import pandas as pd
import pytest

from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.table import LAWS
from budget.curves.published_prior import DEVIATIONS, disagreement, published_prior
from budget.errors import DataError

NAME = "chinchilla2022"


def runs(count, alpha=0.34, beta=0.28, seed=0):
    random = np.random.default_rng(seed)
    params, tokens = (np.exp(random.uniform(*np.log(ends), count)) for ends in ((1e7, 3e9), (1e9, 1e11)))
    value = 1.8 + 1.2 * (params / 2e8) ** -alpha + 1.1 * (tokens / 1e10) ** -beta
    value = value * np.exp(0.004 * random.normal(size=count))
    return pd.DataFrame({"task": "a", "params": params, "tokens": tokens, "value": value})


def fitted(count, prior=NAME, draws=40, **truth):
    return fit_curves(runs(count, **truth), "chinchilla", prior=prior, pool=False, draws=draws)


def test_five_runs_have_a_curve_with_the_published_exponents_and_their_own_level():
    assert fitted(5, prior=None).status == ("too_few_runs",)
    curves = fitted(5)
    assert curves.used.all()
    natural = dict(zip(curves.form.names, curves.form.natural(curves.parameters, curves.reference)[0], strict=True))
    assert natural["alpha"] == pytest.approx(0.34, abs=0.05) and natural["beta"] == pytest.approx(0.28, abs=0.05)
    middle = np.log(np.array([[2e8, 1e10]]))
    assert curves.predict(np.zeros(1, dtype=int), middle)[0] == pytest.approx(4.1, rel=0.02)
    spread = curves.draws[:, 0, curves.form.position("alpha")].std()
    assert 0.01 < spread < 1.5 * DEVIATIONS["plain"]
    assert f"pulled toward {NAME} (alpha 0.34 ± 0.1, beta 0.28 ± 0.1)" in curves.estimator


def test_many_runs_have_the_last_word():
    alone, pulled = fitted(40, prior=None, draws=0, alpha=0.6), fitted(40, draws=0, alpha=0.6)
    np.testing.assert_allclose(pulled.parameters, alone.parameters, atol=0.03)


def test_agreement_is_a_note_and_contradiction_a_warning():
    agreeing = fitted(40, draws=0)
    assert not agreeing.warnings and any(note.startswith(f"Prior {NAME}: its exponents") for note in agreeing.notes)
    (warning,) = fitted(40, draws=0, alpha=1.9).warnings
    assert warning.startswith(f"The runs of task 'a' contradict the prior {NAME}: their own fit lies 15.")


@pytest.mark.parametrize(
    ("apart", "words"), [(2.9, None), (3.1, "disagree by 3.1 standard"), (10.0, "contradict the prior")]
)
def test_from_where_on_runs_and_prior_are_apart(apart, words):
    prior = published_prior(NAME, LAWS["chinchilla"])
    notes, warnings = disagreement(prior, ("a", "b"), np.array([0.1, apart]))
    assert f"at most {apart:.2g} standard deviations from it (task 'b')" in notes[0]
    assert [words in each for each in warnings] == ([] if words is None else [True])


def test_units_are_no_matter():
    """Values ten times as large, and tokens counted in thousands: exponents are pulled alike."""
    frame = runs(7)
    scaled = frame.assign(value=frame["value"] * 10, tokens=frame["tokens"] / 1000)
    both = [fit_curves(each, "chinchilla", prior=NAME, draws=0) for each in (frame, scaled)]
    exponents = [each.parameters[0, [each.form.position(name) for name in ("alpha", "beta")]] for each in both]
    np.testing.assert_allclose(exponents[0], exponents[1], rtol=1e-4)


def test_ratios_of_repeated_data_are_pulled_by_their_logarithm():
    (published,) = LAWS["repeat"].published
    prior = published_prior(published.name, LAWS["repeat"])
    ratio = next(p.name for p in LAWS["repeat"].parameters if p.kind == "log")
    assert prior.centre[ratio] == pytest.approx(np.log(published.constants[ratio]))
    assert not {"E", "A", "B"} & prior.centre.keys()


@pytest.mark.parametrize(
    ("law", "options", "words"),
    [
        ("power", {}, "is a curve of law 'chinchilla', and law 'power' is fitted; give --law chinchilla"),
        ("surface", {}, "--prior is for laws that are searched for"),
        ("chinchilla", {"prior": "nobody1999"}, "There is no published curve 'nobody1999'"),
        ("auto", {"prior": "nobody1999"}, "There is no published curve 'nobody1999'"),
        ("chinchilla", {"pool": True}, "--prior and --pool both say where exponents lie"),
    ],
)
def test_a_prior_that_says_nothing_of_the_fit_is_refused(law, options, words):
    with pytest.raises(DataError, match=words):
        fit_curves(runs(8), law, **{"prior": NAME, "draws": 0} | options)


def test_by_default_the_law_is_the_priors():
    curves = fit_curves(runs(8), prior=NAME, draws=0)
    assert curves.law == "chinchilla" and any(
        "--prior chinchilla2022 is a curve of law" in note for note in curves.notes
    )
