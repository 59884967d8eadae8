"""Exports as people have them are read right, or refused with the remedy: none is misread without a word."""

import numpy as np
import pytest

from budget.errors import DataError
from budget.tables.runs import read_runs

SIZES = [(n * 1e6, d * 1e9) for n in (20, 60, 1200) for d in (1, 3, 20)]
TASKS = ("code", "web")
RUNS = [(task, n, d, round(at + 1.5 + 400 / n**0.34 + 900 / d**0.3, 5)) for at, task in enumerate(TASKS)
        for n, d in SIZES]  # fmt: skip


def german(number: float, digits: int) -> str:
    """A number with points between thousands and a decimal comma."""
    return f"{number:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def french(number: float, digits: int) -> str:
    """A number with narrow blanks between thousands and a decimal comma."""
    return f"{number:,.{digits}f}".translate(str.maketrans(",.", "\u202f,"))


def rows(header: str, write, above: str = "", every: int = 0) -> str:
    """A file: what stands above, the header (again after some rows), and a row for each measurement."""
    lines = [above + header]
    for at, run in enumerate(RUNS):
        lines += [header] if every and at and at % every == 0 else []
        lines.append(write(*run))
    return "\n".join(lines) + "\n"


READ = {
    "german": rows("Aufgabe;Parameter (Mio);Tokens (Mrd);Verlust",
                   lambda t, n, d, v: f"{t};{german(n / 1e6, 1)};{german(d / 1e9, 2)};{german(v, 5)}",
                   above="Skalierungsläufe 2026;;;\nStand: 12.01.2026, Gruppe;;;\n\n"),
    "french": rows("Tâche;Paramètres (M);Jetons (Md);Perte",
                   lambda t, n, d, v: f"{t};{french(n / 1e6, 1)};{french(d / 1e9, 2)};{french(v, 5)}"),
    "spanish": rows("Tarea;Parámetros;Tokens de entrenamiento;Pérdida",
                    lambda t, n, d, v: f"{t};{german(n, 0)};{german(d, 0)};{german(v, 5)}"),
    "swiss": rows("task;params;tokens;loss", lambda t, n, d, v: f"{t};{n:,.0f};{d:,.0f};{v}".replace(",", "'")),
    "units": rows("task,Params (B),tokens [1e9],Val loss", lambda t, n, d, v: f"{t},{n / 1e9:g},{d / 1e9:g},{v}"),
    "units below": rows("task,params,tokens,loss", lambda t, n, d, v: f"{t},{n / 1e6:g},{d / 1e9:g},{v}")
    .replace("loss\n", "loss\n,M,B,nats\n", 1),
    "headers again": rows("task,params,tokens,loss", lambda t, n, d, v: f"{t},{n:g},{d:g},{v}", every=5),
    "title of one cell": rows("task,params,tokens,loss", lambda t, n, d, v: f"{t},{n:g},{d:g},{v}", above="// made\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(READ))
def test_what_a_file_says_is_read(tmp_path, kind):
    (tmp_path / "runs.csv").write_text(READ[kind], encoding="utf-8")
    runs = read_runs(tmp_path / "runs.csv")
    assert runs.tasks == TASKS
    np.testing.assert_allclose(runs.scale["params"], [n for _, n, _, _ in RUNS], rtol=1e-12)
    np.testing.assert_allclose(runs.scale["tokens"], [d for _, _, d, _ in RUNS], rtol=1e-12)
    np.testing.assert_allclose(runs.value, [v for *_, v in RUNS], rtol=1e-12)


def test_units_below_the_header_hold_for_columns_that_are_named_too(tmp_path):
    text = READ["units below"].replace("params", "size of it").replace("tokens", "seen")
    (tmp_path / "runs.csv").write_text(text)
    runs = read_runs(tmp_path / "runs.csv", columns={"params": "size of it", "tokens": "seen"})
    assert runs.scale["params"][0] == RUNS[0][1] and runs.scale["tokens"][0] == RUNS[0][2]
    assert "runs.csv: 'size of it (M)' is in millions, by its name." in runs.notes


def test_percentages_with_decimal_commas_are_scores(tmp_path):
    text = rows(
        "Benchmark;Parameter;Tokens;Genauigkeit", lambda t, n, d, v: f"{t};{n:.0f};{d:.0f};{german(100 / v, 2)} %"
    )
    (tmp_path / "runs.csv").write_text(text)
    runs = read_runs(tmp_path / "runs.csv")
    assert runs.higher_is_better.all()
    np.testing.assert_allclose(runs.value, [100 / v for *_, v in RUNS], atol=0.01)


@pytest.mark.parametrize("name", ["Compute (PF-days)", "compute_pf_days", "Training compute (petaFLOP/s-days)"])
@pytest.mark.parametrize("beside", ["", "params", "params,tokens"])
def test_petaflop_days_are_compute(tmp_path, name, beside):
    sizes = {"": lambda n, d: "", "params": lambda n, d: f"{n:g},", "params,tokens": lambda n, d: f"{n:g},{d:g},"}
    text = rows(f"task,{beside}{',' if beside else ''}{name},loss",
                lambda t, n, d, v: f"{t},{sizes[beside](n, d)}{7 * n * d / 8.64e19!r},{v}")  # fmt: skip
    (tmp_path / "runs.csv").write_text(text)
    runs = read_runs(tmp_path / "runs.csv")
    np.testing.assert_allclose(runs.scale["flops"], [7 * n * d for _, n, d, _ in RUNS], rtol=1e-12)
    again = read_runs(tmp_path / "runs.csv", columns={"value": "loss", "flops": f"{name}*8.64e19"})
    np.testing.assert_array_equal(again.scale["flops"], runs.scale["flops"])


@pytest.mark.parametrize(
    ("header", "write", "said"),
    [
        ("task,params,tokens per param,loss", lambda t, n, d, v: f"{t},{n:g},{d / n:g},{v}",
         "no column is tokens, so that curves are of params alone; 'tokens per param' may tell them"),
        ("task,params,GPU hours,loss", lambda t, n, d, v: f"{t},{n:g},{n * d:g},{v}",
         "no column is tokens, so that curves are of params alone."),
        ("task,size,data,loss", lambda t, n, d, v: f"{t},{n:g},{d / 1e9:g}B tokens,{v}", "'data' may tell them"),
        ("model,task,tokens,loss", lambda t, n, d, v: f"gpt-{n / 1e6:g}m,{t},{d:g},{v}",
         "no column is params, so that curves are of tokens alone; 'model' may tell them"),
    ],
)  # fmt: skip
def test_a_curve_of_one_scale_is_never_fitted_without_a_word(tmp_path, header, write, said):
    (tmp_path / "runs.csv").write_text(rows(header, write))
    assert any(said in note for note in read_runs(tmp_path / "runs.csv").notes)


CHART = "\n".join(["Step,a - loss,a - loss__MIN,a - loss__MAX", *(f"{at},{3 - at / 9},1,2" for at in range(1, 9))])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rows("task,Params (B),tokens,loss", lambda t, n, d, v: f'{t},"{german(n / 1e9, 3)}",{d:g},{v}'),
         "column 'Params (B)' is called params and holds '0,020', which is no number"),
        (rows("task,params,tokens,split,loss",
              lambda t, n, d, v: f"{t},{n:g},{d:g},train,{v - 0.2}\n{t},{n:g},{d:g},val,{v}"),
         "column 'split' holds train, val, which one curve cannot be of; choose one with --where split=val"),
        (CHART, "this is the export of a W&B chart"),
        (rows("run,params,tokens,metric_name,metric_value", lambda t, n, d, v: f"r{n:g}{d:g},{n:g},{d:g},eval/{t},{v}"),
         "such as --column value=metric_value --column task=metric_name"),
        (rows("task   params   tokens   loss", lambda t, n, d, v: f"{t}   {n:g}   {d:g}   {v}"),
         "the columns are not separated by commas"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_remedy(tmp_path, text, said):
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_runs(tmp_path / "runs.csv")
    assert said in str(caught.value)


def test_splits_can_be_chosen_or_made_tasks(tmp_path):
    text = rows("task,params,tokens,split,value",
                lambda t, n, d, v: f"{t},{n:g},{d:g},train,{v - 0.2}\n{t},{n:g},{d:g},val,{v}")  # fmt: skip
    (tmp_path / "runs.csv").write_text(text)
    chosen = read_runs(tmp_path / "runs.csv", where=[("split", "val")])
    assert len(chosen.value) == len(RUNS)
    both = read_runs(tmp_path / "runs.csv", columns={"task": "task+split"})
    assert set(both.tasks) == {"code-train", "code-val", "web-train", "web-val"}
    each = text.replace("web,", "web ,")  # a task of one split each is no mixture
    each = "\n".join(line for line in each.splitlines() if not ("code" in line and "train" in line)
                     and not ("web" in line and "val," in line and "task" not in line))  # fmt: skip
    (tmp_path / "runs.csv").write_text(each)
    assert len(read_runs(tmp_path / "runs.csv").value) == len(RUNS)


def test_a_mean_of_tasks_among_them_is_said(tmp_path):
    text = rows("task,params,tokens,loss", lambda t, n, d, v: f"{t},{n:g},{d:g},{v}\nAverage,{n:g},{d:g},{v}")
    (tmp_path / "runs.csv").write_text(text)
    runs = read_runs(tmp_path / "runs.csv")
    assert any("Task Average counts as a task of its own" in note for note in runs.notes)
    without = read_runs(tmp_path / "runs.csv", where=[("task!", "Average")])
    assert without.tasks == TASKS and not any("Average" in note for note in without.notes)


def test_rows_that_are_left_out_are_counted_among_their_own_kind(tmp_path):
    lines = ["run,state,params,tokens,_step,code,web"]
    for at, (n, d) in enumerate(SIZES):
        state = "crashed" if at < 2 else "finished"
        lines += [f"r{at},{state},{n:g},{d * step / 2:g},{step},{3 - at / 9},{'' if at == 8 else 2 - at / 9}"
                  for step in (1, 2)]  # fmt: skip
    (tmp_path / "runs.csv").write_text("\n".join(lines))
    notes = read_runs(tmp_path / "runs.csv", wide="code,web", last_of="run").notes
    said = [note for note in notes if "left out" in note]
    assert said == [
        "4 of 18 rows are left out: 4 of crashed runs.",
        "2 of 28 rows by task are left out: 2 with no value.",
        "13 of 26 rows by task are left out: --last-of run keeps the row with the largest tokens of each run and task.",
    ]


@pytest.mark.parametrize("cell", ["#NV", "n.a.", "k.A.", "–", "#N/A", "-"])
def test_a_cell_that_says_that_nothing_was_measured_is_left_out_and_counted(tmp_path, cell):
    text = rows("task,params,tokens,loss", lambda t, n, d, v: f"{t},{n:g},{d:g},{v}") + f"web,1e9,1e9,{cell}\n"
    (tmp_path / "runs.csv").write_text(text, encoding="utf-8")
    runs = read_runs(tmp_path / "runs.csv")
    assert len(runs.value) == len(RUNS)
    assert f"1 of {len(RUNS) + 1} rows is left out: 1 with no value." in runs.notes
