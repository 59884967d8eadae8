"""Transfer on 512 real mixtures of 17 sources at one model size and one token count (Liu et al. 2025, RegMix)."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from budget.curves.laws.law import ABSENT
from tests.searched import fit_searched

TASKS = ("the_pile_arxiv", "the_pile_wikipedia_en", "the_pile_github")


@pytest.mark.slow
def test_held_out_mixtures_are_ranked(shared_data):
    """Fitted on 300 mixtures, the law ranks the losses of the other 212, and says how far it is off."""
    shares = pd.read_csv(shared_data / "regmix" / "train_mixture_1m.csv").set_index("index")
    losses = pd.read_csv(shared_data / "regmix" / "train_pile_loss_1m.csv").set_index("index")
    tokens = 1e9 * shares.rename(columns=lambda name: name.removeprefix("train_"))
    losses = losses.rename(columns=lambda name: name.removeprefix("metric/").removesuffix("_val_loss"))
    fitted, held_out = losses.index[:300], losses.index[300:]
    runs = losses.loc[fitted, list(TASKS)].melt(var_name="task", ignore_index=False).reset_index(names="run")
    mixtures = tokens.loc[fitted].melt(var_name="source", value_name="tokens", ignore_index=False)
    mixtures = mixtures.reset_index(names="run")
    curves = fit_searched(runs.assign(params=1e6, tokens=1e9), "transfer", mixtures=mixtures, draws=0)
    assert curves.used.all()
    columns = np.column_stack([np.full(len(held_out), 1e6), tokens.loc[held_out, list(curves.scale_columns[1:])]])
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(columns), ABSENT)
    for position, task in enumerate(curves.tasks):
        predicted = curves.distance(np.full(len(logs), position), logs)
        measured = losses.loc[held_out, task]
        assert spearmanr(predicted, measured).statistic > 0.95, task
        off = np.log(predicted / measured)
        assert np.sqrt((off**2).mean()) < 0.4 * np.log(measured).std(), task
        assert (
            curves.form.natural(curves.parameters, curves.reference)[position, 5 + curves.scale_columns[1:].index(task)]
            == 1
        )
