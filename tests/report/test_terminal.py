import pandas as pd
import pytest

from budget.report.terminal import print_table


@pytest.mark.parametrize("width", [40, 200])
def test_a_table_fits_the_terminal_and_keeps_every_letter(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    name = "loss_paloma_dolma_100_programing_languages [bold]"
    frame = pd.DataFrame(
        {
            "task": [name, "b"],
            "spend": [1.23456789e22, float("nan")],
            "met": pd.array([True, None], dtype="boolean"),
            "runs": [34, 5],
        }
    )
    print_table(frame)
    printed = capsys.readouterr().out
    assert max(len(line) for line in printed.splitlines()) <= width
    for whole in ("1.235e+22", "34", "–", "spend", "runs"):
        assert whole in printed
    assert (name in printed) == (width == 200)


def test_columns_that_do_not_fit_follow_in_blocks_with_their_task(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    frame = pd.DataFrame({"task": ["prose"]} | {f"column {position}": [1e22 / 3] for position in range(9)})
    print_table(frame)
    printed = capsys.readouterr().out
    assert printed.count("prose") == 2 and printed.count("3.333e+21") == 9
