"""Stores that the real libraries write, each in a process of its own; skipped where a library is not installed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests import ROOT
from tests.commands.invoking import refused
from tests.tables.imports.test_imports import plain
from tests.tables.reading.test_guess import GRID, loss

MLFLOW = """
import sys, mlflow
from tests.tables.reading.test_guess import GRID, loss
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("sweep")
for at, (n, d) in enumerate(GRID):
    with mlflow.start_run(run_name=f"r{at}"):
        mlflow.log_params({"N": n, "tokens": d})
        for step in (1, 2):
            mlflow.log_metric("eval/loss", loss(n, d) + 2 - step, step=step)
"""

TRACKIO = """
import os, trackio
from tests.tables.reading.test_guess import GRID, loss
for at, (n, d) in enumerate(GRID):
    trackio.init(project="sweep", name=f"r{at}", config={"N": n, "tokens": d}, embed=False)
    for step in (1, 2):
        trackio.log({"eval/loss": loss(n, d) + 2 - step}, step=step)
    trackio.finish()
"""


WANDB = """
import wandb
from tests.tables.reading.test_guess import GRID, loss
for at, (n, d) in enumerate(GRID):
    run = wandb.init(project="sweep", name=f"r{at}", config={"N": n, "tokens": d})
    for step in (1, 2):
        run.log({"eval/loss": loss(n, d) + 2 - step}, step=step)
    run.finish()
"""


def written(script, *words, **environment):
    """Run what writes a store, with the libraries that the tests have."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), **environment},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def assert_whole_grid(runs):
    found = sorted(zip(runs.scale["params"], runs.scale["tokens"], runs.value, strict=True))
    np.testing.assert_allclose(found, sorted((n, d, loss(n, d)) for n, d in GRID), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["database", "files"])
def test_a_store_of_mlflow(tmp_path, kind):
    pytest.importorskip("mlflow")
    store = tmp_path / ("mlflow.db" if kind == "database" else "mlruns")
    uri = f"sqlite:///{store}" if kind == "database" else store.as_uri()
    written(MLFLOW, uri, MLFLOW_ALLOW_FILE_STORE="true")
    _, said, runs = plain(tmp_path, "mlflow", store)
    assert "9 runs of MLflow." in said
    assert_whole_grid(runs)


@pytest.mark.slow
def test_a_store_of_trackio(tmp_path):
    pytest.importorskip("trackio")
    written(TRACKIO, TRACKIO_DIR=str(tmp_path / "trackio"), TRACKIO_OFFLINE="1")
    (store,) = (tmp_path / "trackio").glob("*.db")
    assert_whole_grid(plain(tmp_path, "trackio", store)[2])


@pytest.mark.slow
def test_offline_runs_of_wandb_are_refused_with_the_mend(tmp_path):
    pytest.importorskip("wandb")
    written(WANDB, WANDB_MODE="offline", WANDB_DIR=str(tmp_path), WANDB_SILENT="true")
    said = refused("import", "wandb", tmp_path / "wandb", "--out", tmp_path / "runs.csv")
    assert "offline runs lack until 'wandb sync'" in said
