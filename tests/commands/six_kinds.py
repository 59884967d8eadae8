"""One set of measured runs as people keep it: six kinds of file, with what such files have beside the runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tests import ROOT

MEASURED = ROOT / "budget" / "commands" / "demo_data" / "runs.csv"


def measured() -> pd.DataFrame:
    """The demo's specialists: task, run, params, tokens, value."""
    frame = pd.read_csv(MEASURED)
    return frame[frame["strategy"] == "specialist"][["task", "run", "params", "tokens", "value"]].reset_index(drop=True)


def wandb_export(path: Path) -> Path:
    """Runs as W&B's table is saved: state, nested names, crashed runs without a loss."""
    frame = measured()
    table = pd.DataFrame(
        {
            "Name": frame["run"],
            "ID": [f"x{place:06d}" for place in range(len(frame))],
            "State": "finished",
            "Created": "2026-03-01T10:00:00.000Z",
            "Runtime": 1234,
            "config.task": frame["task"],
            "config.model.n_params": frame["params"],
            "config.train_tokens": frame["tokens"],
            "summary._step": 1000,
            "summary.eval/loss": frame["value"],
        }
    )
    crashed = table.head(3).assign(State="crashed", Name=["c1", "c2", "c3"], ID=["y1", "y2", "y3"])
    crashed["summary.eval/loss"] = np.nan
    pd.concat([table, crashed]).to_csv(path / "wandb.csv", index=False)
    return path / "wandb.csv"


def wide_csv(path: Path) -> Path:
    """One row a size and a column a task, sizes as people write them."""
    frame = measured()
    wide = frame.pivot_table(index=["params", "tokens"], columns="task", values="value").reset_index()
    wide.columns = [name if name in ("params", "tokens") else f"eval/{name}" for name in wide.columns]
    wide.insert(0, "model", [f"m{place}" for place in range(len(wide))])
    wide["params"] = [f"{number / 1e3:g}k" for number in wide["params"]]
    wide["tokens"] = [f"{number / 1e6:g}M" for number in wide["tokens"]]
    wide.to_csv(path / "wide.csv", index=False)
    return path / "wide.csv"


def semicolons(path: Path) -> Path:
    """As a spreadsheet saves it where decimals have a comma, with a byte order mark."""
    frame = measured().rename(columns={"value": "loss"})
    frame.to_csv(path / "german.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig")
    return path / "german.csv"


def parquet(path: Path) -> Path:
    """Short names, an index that nobody asked for."""
    frame = measured().rename(columns={"params": "N", "tokens": "D", "value": "val_loss"})
    frame.to_parquet(path / "runs.parquet")
    return path / "runs.parquet"


def json_lines(path: Path) -> Path:
    """A log: nested configuration and metrics, a line a run."""
    lines = [
        json.dumps(
            {
                "run_id": run,
                "config": {"task": task, "num_params": params, "train_tokens": tokens},
                "metrics": {"eval_loss": value},
                "status": "finished",
            }
        )
        for task, run, params, tokens, value in measured().itertuples(index=False)
    ]
    (path / "runs.jsonl").write_text("\n".join(lines) + "\n")
    return path / "runs.jsonl"


def workbook(path: Path) -> Path:
    """A sheet with a row of totals at its end."""
    frame = measured().rename(columns={"params": "model_size", "tokens": "tokens_seen", "value": "loss"})
    total = pd.DataFrame([{"task": "Total", "tokens_seen": frame["tokens_seen"].sum()}])
    pd.concat([frame, total]).to_excel(path / "runs.xlsx", index=False)
    return path / "runs.xlsx"


KINDS = {
    "wandb": wandb_export,
    "wide": wide_csv,
    "semicolons": semicolons,
    "parquet": parquet,
    "json lines": json_lines,
    "xlsx": workbook,
}
"""Kind → what writes it into a folder."""
