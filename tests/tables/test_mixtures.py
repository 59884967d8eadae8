"""What runs were trained on, joined by run."""

import numpy as np
import pandas as pd
import pytest

from budget.errors import DataError
from budget.tables.mixtures import with_mixture_frame, with_mixtures
from budget.tables.runs import runs_from_frame
from tests.curves.cases import SOURCES, planted
from tests.searched import fit_searched

ROWS = pd.DataFrame(
    {"task": ["a", "a", "b", "b"], "run": ["r1", "r2", "r1", "r2"], "params": 1e8, "tokens": 1e9, "value": [3, 2, 5, 4]}
)
MIXED = pd.DataFrame(
    {"run": ["r2", "r1", "r2"], "source": ["web", "code", "code"], "tokens": [7e8, 1e9, 3e8]},
)


@pytest.fixture
def runs():
    return runs_from_frame(ROWS)


def test_every_row_gets_what_its_run_was_trained_on(runs):
    mixture = with_mixture_frame(runs, MIXED).mixture
    assert mixture.sources == ("web", "code")
    np.testing.assert_array_equal(mixture.tokens, [[0, 1e9], [7e8, 3e8], [0, 1e9], [7e8, 3e8]])


def test_a_file_is_joined_like_a_table_and_its_columns_can_be_named(runs, tmp_path):
    path = tmp_path / "mixtures.csv"
    MIXED.rename(columns={"source": "corpus"}).to_csv(path, index=False)
    joined = with_mixtures(runs, path, columns={"source": "corpus", "value": "not here"})
    np.testing.assert_array_equal(joined.mixture.tokens, with_mixture_frame(runs, MIXED).mixture.tokens)


def test_names_are_stripped_and_unknown_runs_ignored(runs):
    more = pd.concat(
        [MIXED.replace({"r1": " r1 ", "web": " web"}), pd.DataFrame({"run": ["r9"], "source": ["law"], "tokens": [1]})]
    )
    mixture = with_mixture_frame(runs, more).mixture
    assert mixture.sources == ("web", "code", "law") and (mixture.tokens[:, 2] == 0).all()
    np.testing.assert_array_equal(mixture.tokens[:, :2], with_mixture_frame(runs, MIXED).mixture.tokens)


def test_zero_tokens_are_as_good_as_no_row(runs):
    zero = pd.concat([MIXED, pd.DataFrame({"run": ["r1"], "source": ["web"], "tokens": [0]})])
    np.testing.assert_array_equal(
        with_mixture_frame(runs, zero).mixture.tokens, with_mixture_frame(runs, MIXED).mixture.tokens
    )


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (MIXED.drop(columns="source"), "column 'source' is missing"),
        (MIXED.drop(columns="run"), "column 'run' is missing"),
        (pd.concat([MIXED, MIXED.tail(1)]), "row 5: run 'r2' has source 'code' twice; add them up"),
        (MIXED.replace("web", "params"), "source cannot be called 'params', which is a column of the runs"),
        (MIXED.replace("web", "n_tasks"), "source cannot be called 'n_tasks'"),
        (MIXED[MIXED["run"] == "r2"], "run 'r1' of the runs table has no tokens; say what it was trained on"),
        (MIXED.replace(1e9, 0), "run 'r1' of the runs table has no tokens"),
        (MIXED.replace(1e9, -1), "row 3, column 'tokens': '-1"),
        (MIXED.assign(tokens=["7e8", "many", "1"]), "row 3, column 'tokens': 'many'"),
    ],
)
def test_mistakes_get_one_sentence(runs, tmp_path, frame, sentence):
    with pytest.raises(DataError, match=sentence):
        with_mixture_frame(runs, frame)
    frame.to_csv(tmp_path / "mixtures.csv", index=False)
    with pytest.raises(DataError, match=sentence):
        with_mixtures(runs, tmp_path / "mixtures.csv")


def test_tables_in_memory_are_fitted_like_runs_with_their_mixture():
    runs, _ = planted("transfer", tasks=2, noise=0.005)
    names = [runs.run_names[run] for run in runs.run]
    frame = pd.DataFrame(
        {"task": [runs.tasks[task] for task in runs.task], "run": names, "value": runs.value, **runs.scale}
    )
    mixtures = pd.concat(
        pd.DataFrame({"run": names, "source": source, "tokens": runs.mixture.tokens[:, position]})
        for position, source in enumerate(SOURCES)
    )
    first = fit_searched(frame, "transfer", mixtures=mixtures, draws=0)
    again = fit_searched(runs, "transfer", draws=0)
    assert first.scale_columns == ("params", *SOURCES)
    np.testing.assert_allclose(first.objective, again.objective, rtol=1e-8)
