"""Stores of other tools, in their own formats, give plain files of runs; what is taken and left is said."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from budget.tables.runs import read_runs
from tests.commands.invoking import refused, run
from tests.tables.reading.test_guess import GRID, loss


def plain(tmp_path, *words):
    out = tmp_path / "runs.csv"
    result = run("import", *words, "--out", out)
    assert result.exit_code == 0, result.stderr
    return pd.read_csv(out), result.stderr, read_runs(out)


def assert_grid(runs, rows=tuple(range(9))):
    np.testing.assert_array_equal(runs.scale["params"], [GRID[at][0] for at in rows])
    np.testing.assert_array_equal(runs.scale["tokens"], [GRID[at][1] for at in rows])
    np.testing.assert_allclose(runs.value, [loss(*GRID[at]) for at in rows], rtol=1e-12)


def mlflow_database(path, corpus=False):
    with sqlite3.connect(path) as store:
        store.executescript(
            """CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, lifecycle_stage TEXT);
            CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
            CREATE TABLE metrics (key TEXT, value REAL, timestamp INT, run_uuid TEXT, step INT, is_nan INT);
            CREATE TABLE latest_metrics (key TEXT, value REAL, timestamp INT, step INT, is_nan INT, run_uuid TEXT);"""
        )
        for at, (n, d) in enumerate([*GRID, (1e9, 1e9)]):
            status = "FAILED" if at == 5 else "RUNNING" if at == 6 else "FINISHED"
            stage = "deleted" if at == 9 else "active"
            store.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", (f"id{at}", f"r{at}", status, stage))
            for key, value in (("N", n), ("tokens", d), *([("corpus", "ab"[at % 2])] if corpus else [])):
                store.execute("INSERT INTO params VALUES (?, ?, ?)", (key, str(value), f"id{at}"))
            for step in (1, 2):
                row = ("eval/loss", loss(n, d) + 2 - step, step, f"id{at}", step, int(at == 7 and step == 2))
                store.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", row)
            store.execute("INSERT INTO latest_metrics VALUES (?, ?, 2, 2, ?, ?)", (*row[:2], row[5], f"id{at}"))
    store.close()
    return path


def mlflow_files(folder):
    for at, (n, d) in enumerate([*GRID, (1e9, 1e9)]):
        run_folder = folder / "1" / f"id{at}"
        (run_folder / "metrics" / "eval").mkdir(parents=True)
        (run_folder / "params").mkdir()
        status, stage = (4 if at == 5 else 1 if at == 6 else 3), "deleted" if at == 9 else "active"
        (run_folder / "meta.yaml").write_text(f"lifecycle_stage: {stage}\nrun_name: r{at}\nstatus: {status}\n")
        (run_folder / "params" / "N").write_text(str(n))
        (run_folder / "params" / "tokens").write_text(str(d))
        values = [f"17 {loss(n, d) + 1} 1", f"18 {'nan' if at == 7 else loss(n, d)} 2"]
        (run_folder / "metrics" / "eval" / "loss").write_text("\n".join(values))
    return folder


@pytest.mark.parametrize("kind", [mlflow_database, mlflow_files])
def test_mlflow_without_a_server(tmp_path, kind):
    _, said, runs = plain(tmp_path, "mlflow", kind(tmp_path / "store"))
    kept = [0, 1, 2, 3, 4, 8]
    assert_grid(runs, kept)
    assert runs.run_names == tuple(f"id{at}" for at in kept) and runs.tasks == ("eval/loss",)
    assert "9 runs of MLflow.\n1 deleted runs are left." in said
    assert "1 of failed runs and 1 of runs that are still running and 1 whose value is NaN" in said
    assert "Taken: task, run, params, tokens, value." in said and "Left: name, status" in said
    every, _, _ = plain(tmp_path, "mlflow", tmp_path / "store", "--every")
    assert len(every) == 13 and list(every.columns) == ["task", "run", "params", "tokens", "step", "value"]


def test_what_may_tell_tasks_apart_is_asked_and_kept(tmp_path):
    store = mlflow_database(tmp_path / "mlflow.db", corpus=True)
    assert "'params.corpus' may tell tasks apart" in refused("import", "mlflow", store, "--out", tmp_path / "r.csv")
    frame, _, _ = plain(tmp_path, "mlflow", store, "--task", "loss", "--where", "params.corpus=a")
    assert frame["run"].tolist() == ["id0", "id2", "id4", "id8"]
    frame, _, _ = plain(tmp_path, "mlflow", store, "--task", "loss")
    assert "corpus" in frame.columns


def test_trackio(tmp_path):
    with sqlite3.connect(tmp_path / "p.db") as store:
        store.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_name TEXT, step INT, metrics TEXT)")
        store.execute("CREATE TABLE configs (run_name TEXT, config TEXT)")
        for at, (n, d) in enumerate(GRID):
            config = json.dumps({"N": n, "tokens": d, "_Username": "x"}).encode()
            store.execute("INSERT INTO configs VALUES (?, ?)", (f"r{at}", config))
            for step in (0, 1):
                logged = json.dumps({"eval/loss": loss(n, d) + 1 - step})
                store.execute(
                    "INSERT INTO metrics (run_name, step, metrics) VALUES (?, ?, ?)", (f"r{at}", step, logged)
                )
        store.execute("INSERT INTO configs VALUES ('silent', '{}')")
    store.close()
    _, said, runs = plain(tmp_path, "trackio", tmp_path / "p.db")
    assert_grid(runs)
    assert "1 runs that logged nothing are left." in said
    assert len(plain(tmp_path, "trackio", tmp_path / "p.db", "--every")[0]) == 2 * len(GRID)


@pytest.mark.parametrize("as_text", [False, True])
def test_wandb_runs_as_json(tmp_path, as_text):
    def kept(content):
        return json.dumps(content) if as_text else content

    runs = [
        {"id": f"id{at}", "name": f"r{at % 2}", "state": "crashed" if at == 3 else "finished",
         "config": kept({"N": {"desc": None, "value": n}, "tokens": {"value": d}, "_wandb": {"value": {"x": 1}}}),
         "summary": kept({"eval/loss": loss(n, d), "_runtime": 3, "_wandb": {"runtime": 3}})}
        for at, (n, d) in enumerate(GRID)
    ]  # fmt: skip
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    _, said, found = plain(tmp_path, "wandb", tmp_path / "runs.json")
    assert_grid(found, [at for at in range(9) if at != 3])
    assert "1 of 9 rows is left out: 1 of crashed runs." in said


def test_wandb_tables_and_local_folders(tmp_path):
    pytest.importorskip("yaml")
    for at, (n, d) in enumerate(GRID):
        files = tmp_path / "wandb" / f"offline-run-2026-id{at}" / "files"
        files.mkdir(parents=True)
        (files / "config.yaml").write_text(f"N:\n    value: {n}\ntokens:\n    value: {d}\n_wandb:\n    value: 1\n")
        if at:
            (files / "wandb-summary.json").write_text(json.dumps({"eval/loss": loss(n, d)}))
    _, said, found = plain(tmp_path, "wandb", tmp_path / "wandb")
    assert_grid(found, range(1, 9))
    assert "1 runs without a summary are left" in said
    rows = [f"r{at},id{at},{n},{d},{loss(n, d)}" for at, (n, d) in enumerate(GRID)]
    (tmp_path / "export.csv").write_text("\n".join(["Name,ID,N,tokens,eval/loss", *rows]))
    assert_grid(plain(tmp_path, "wandb", tmp_path / "export.csv")[2])


def lm_eval(folder):
    for at, (n, d) in enumerate(GRID):
        (folder / f"m{at}").mkdir(parents=True)
        content = {
            "results": {
                "arc": {"alias": "arc", "acc,none": 1 - loss(n, d) / 9, "acc_stderr,none": 0.01, "acc_norm,none": 0.5},
                "wiki": {"word_perplexity,none": 9.0, "word_perplexity_stderr,none": "N/A"},
                "suite": {"acc,none": 0.5},
            },
            "groups": {"suite": {"acc,none": 0.5}},
            "higher_is_better": {"arc": {"acc": True}},
            "config": {"model_num_parameters": n},
            "model_name": f"org/m{at}",
        }
        (folder / f"m{at}" / "results_2026.json").write_text(json.dumps(content))
    (folder / "other_results.json").write_text("[]")
    return folder


def test_lm_eval_with_the_tokens_of_its_models(tmp_path):
    store = lm_eval(tmp_path / "store")
    rows = "".join(f"org/m{at},{d}\n" for at, (_, d) in enumerate(GRID) if at)
    (tmp_path / "models.csv").write_text("run,tokens\n" + rows)
    frame, said, _ = plain(tmp_path, "lm-eval", store, "--models", tmp_path / "models.csv", "--where", "metric=acc")
    runs = read_runs(tmp_path / "runs.csv")
    assert runs.tasks == ("arc",) and runs.higher_is_better.all() and runs.metric == ("acc",)
    np.testing.assert_array_equal(runs.scale["params"], [n for n, _ in GRID[1:]])
    np.testing.assert_array_equal(runs.scale["tokens"], [d for _, d in GRID[1:]])
    np.testing.assert_array_equal(runs.stderr, [0.01] * 8)
    assert "9 scores of groups are left" in said and "choose one when reading, such as --where metric=acc" in said
    assert "3 records of runs that models.csv lacks are left: org/m0." in said
    wiki = pd.read_csv(tmp_path / "runs.csv") if run(
        "import", "lm-eval", store, "--out", tmp_path / "runs.csv", "--where", "task=wiki"
    ).exit_code == 0 else frame  # fmt: skip
    assert wiki["higher_is_better"].tolist() == [0] * 9 and wiki["params"].tolist() == [n for n, _ in GRID]


def test_every_eval_ever(tmp_path):
    (tmp_path / "store").mkdir()
    for at, (n, d) in enumerate(GRID):
        result = {
            "evaluation_name": "MMLU",
            "metric_config": {"lower_is_better": False, "score_type": "continuous"},
            "score_details": {"score": 0.3 + at / 100, "uncertainty": {"standard_error": {"value": 0.02}}},
        }
        details = {"num_parameters": f"{n / 1e6:g}M", "training_tokens": f"{d:g}"}
        content = {
            "schema_version": "0.2.1",
            "model_info": {"name": f"m{at}", "id": f"org/m{at}", "additional_details": details},
            "evaluation_results": [result, {"evaluation_name": "x", "metric_config": {}, "score_details": {}}],
        }
        (tmp_path / "store" / f"{at}.json").write_text(json.dumps(content))
    _, said, runs = plain(tmp_path, "eee", tmp_path / "store")
    assert runs.tasks == ("MMLU",) and runs.higher_is_better.all() and runs.run_names[3] == "org/m3"
    np.testing.assert_array_equal(runs.scale["params"], [n for n, _ in GRID])
    np.testing.assert_array_equal(runs.scale["tokens"], [d for _, d in GRID])
    np.testing.assert_allclose(runs.value, [0.3 + at / 100 for at in range(9)])
    assert "9 files of Every Eval Ever, 9 models." in said and "9 results without a score are left." in said


@pytest.mark.parametrize(
    ("source", "content", "said"),
    [
        ("mlflow", b"", "it has no table latest_metrics"),
        ("mlflow", b"no database at all, but long enough to be read as one" * 9, "not readable as a MLflow database"),
        ("trackio", b"", "no trackio database: it has no table configs"),
        ("lm-eval", b"[]", "no results of lm-evaluation-harness"),
        ("lm-eval", b"{", "not readable as JSON"),
        ("eee", b"{}", "not in the schema of Every Eval Ever"),
        ("wandb", b'{"runs": 3}', "no list of runs"),
        ("wandb", b"[]", "no runs in it"),
        ("wandb", b'[{"id": "a", "config": {}, "summary": {"train/x": 1}}]', "columns 'value', 'task', 'params' are"),
        ("wandb", b'[{"id": "a", "config": {}, "summary": {"eval/loss": 1}}]', "nothing says how large a run was"),
    ],
)
def test_what_is_no_store_is_refused_in_a_sentence(tmp_path, source, content, said):
    (tmp_path / "store").write_bytes(content)
    assert said in refused("import", source, tmp_path / "store", "--out", tmp_path / "runs.csv")
    assert not (tmp_path / "runs.csv").exists()


def test_a_table_of_models_must_fit(tmp_path):
    store = lm_eval(tmp_path / "store")
    for text, said in (
        ("who,tokens\na,1\n", "has a column run and at least one of params, tokens"),
        ("run,tokens\na,1\na,2\n", "row 3: run 'a' stands twice"),
        ("run,tokens\na,1\n", "none of its runs (a) is in"),
    ):
        (tmp_path / "models.csv").write_text(text)
        words = ("import", "lm-eval", store, "--models", tmp_path / "models.csv", "--out", tmp_path / "runs.csv")
        assert said in refused(*words)
