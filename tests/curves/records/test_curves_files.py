"""Curves in a folder are those of the JSON, to a float32; what is not whole is refused in a sentence."""

import errno
import hashlib
import json
import os
from dataclasses import fields, replace
from io import BytesIO

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.curves import Curves
from budget.curves.discrepancy import DRIFT_NUMBERS
from budget.curves.fitting.fit import fit_curves
from budget.curves.predictive.surfaces.likelihood import PRIOR_LOG_EXPONENT, PRIOR_LOG_INTERACTION
from budget.curves.records import curves_files as files
from budget.curves.records.checksum import FIELD
from budget.curves.records.curves_files import BESIDE, FIELDS, read_curves, write_curves
from budget.curves.records.writing import draws_of
from budget.errors import DataError
from budget.tables.files.write_files import write_folder
from budget.tables.tasks import default_tasks
from tests import made
from tests.simulate import HOFFMANN, LINKS, runs_of, table

HALF = 2.0**-24
"""Largest relative error of a float32."""


def uneven(curves: Curves) -> Curves:
    """The same with draws that no float32 holds."""
    random = np.random.default_rng(3)
    link = curves.link
    if link is not None:
        draws = link.draws * random.uniform(1, 1.001, link.draws.shape)
        link = replace(link, draws=draws, noise=0.01 * random.normal(size=link.noise.shape))
    draws = curves.draws * random.uniform(1, 1.001, curves.draws.shape)
    return replace(curves, draws=draws, noise=0.01 * random.normal(size=curves.noise.shape), link=link)


POWER = uneven(made.power({"a": (0.5, 0.7, 0.4), "b": (0.4, 0.9, 0.3)}, scale="x", draws=12))
CHINCHILLA = uneven(made.chinchilla(draws=12))
LINKED = uneven(replace(made.chinchilla(draws=12), link=made.link_of(LINKS, draws=12)))
SCORES = replace(POWER, higher_is_better=np.array([True, False]), ceiling=np.array([1.0, np.nan]))
KINDS = {"power": POWER, "chinchilla": CHINCHILLA, "linked": LINKED, "scores": SCORES}


@pytest.fixture
def folder(tmp_path):
    """A folder of curves."""
    path = f"{tmp_path}/curves/"
    assert write_curves(path, CHINCHILLA) == ()
    return tmp_path / "curves"


def resealed(folder, **arrays):
    """Write other draws, and their hash into the record."""
    content = BytesIO()
    np.savez(content, **arrays)
    replace_draws(folder, content.getvalue())


def replace_draws(folder, data):
    (folder / "draws.npz").write_bytes(data)
    record = json.loads((folder / "curves.json").read_text())
    record[BESIDE]["sha256"] = hashlib.sha256(data).hexdigest()
    record.pop(FIELD, None)
    (folder / "curves.json").write_text(json.dumps(record))


def drawn(folder):
    with np.load(folder / "draws.npz") as archive:
        return {name: archive[name] for name in archive.files}


def refused(path):
    with pytest.raises(DataError) as caught:
        read_curves(path)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_holds_what_the_json_holds_and_draws_to_a_float32(tmp_path, kind):
    curves = KINDS[kind]
    for name in ("curves.json", "curves/"):
        assert write_curves(f"{tmp_path}/{name}", curves) == ()
    whole, parted = read_curves(tmp_path / "curves.json"), read_curves(tmp_path / "curves")
    assert {path.name for path in (tmp_path / "curves").iterdir()} == {"curves.json", "draws.npz"}
    for field in fields(Curves):
        left, right = getattr(whole, field.name), getattr(parted, field.name)
        if field.name not in ("draws", "noise", "link", "planned_draws", "drift"):
            np.testing.assert_equal(left, right, field.name)
    for name, numbers in draws_of(whole).items():
        got = draws_of(parted)[name]
        assert got.dtype == numbers.dtype == float and got.shape == numbers.shape
        assert (np.abs(got - numbers) <= HALF * np.abs(numbers)).all()
        assert (got != numbers).any(), "these draws were to be such that no float32 holds them"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_computed_from_a_folder_is_that_of_the_json_to_a_millionth(tmp_path, kind):
    for name in ("curves.json", "curves/"):
        write_curves(f"{tmp_path}/{name}", KINDS[kind])
    both = [read_curves(tmp_path / name) for name in ("curves.json", "curves")]
    task = np.arange(len(both[0].tasks))
    log_inputs = np.log(both[0].reference) + 2.0
    whole, parted = (np.array(curves.predict(task, log_inputs, new_run=True)) for curves in both)
    assert (whole[0] == parted[0]).all(), "a point is as exact as ever"
    np.testing.assert_allclose(parted, whole, rtol=1e-6)
    if kind != "scores":  # tasks of two directions are planned by progress
        budget = 1e4 if kind == "power" else 1e22
        plans = [allocate(each, plan_spec(each, default_tasks(each.tasks), budget, reach=np.inf)) for each in both]
        np.testing.assert_allclose(plans[1].spend, plans[0].spend, rtol=1e-9)
        np.testing.assert_allclose(plans[1].spend_low, plans[0].spend_low, rtol=1e-5)


def test_the_same_curves_are_the_same_bytes(tmp_path):
    for name in ("one/", "two/"):
        write_curves(f"{tmp_path}/{name}", LINKED)
    for name in ("curves.json", "draws.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    again = read_curves(tmp_path / "one")
    write_curves(f"{tmp_path}/two/", again)
    assert (tmp_path / "one" / "draws.npz").read_bytes() == (tmp_path / "two" / "draws.npz").read_bytes()


def test_a_number_of_a_draw_takes_four_bytes(tmp_path):
    curves = uneven(made.chinchilla(draws=200))
    write_curves(f"{tmp_path}/curves/", curves)
    numbers = sum(each.size for each in draws_of(curves).values())
    size = (tmp_path / "curves" / "draws.npz").stat().st_size
    assert 4 * numbers < size < 4 * numbers + 2_000


def test_a_floor_at_the_best_value_stays_there(tmp_path):
    assert float(np.float32(0.7)) < 0.7
    at = POWER.form.where("floor")
    draws = POWER.draws.copy()
    draws[..., at] = 0.7
    curves = replace(POWER, draws=draws, parameters=draws[0], best=np.array([0.7, np.nan]))
    write_curves(f"{tmp_path}/curves/", curves)
    floors = read_curves(tmp_path / "curves").draws[..., at]
    assert (floors[:, 0] >= 0.7).all() and np.allclose(floors, 0.7, rtol=2 * HALF, atol=0)


def test_numbers_that_no_float32_reaches_stay_as_they_are(tmp_path):
    curves = replace(POWER, residual="raw", noise=np.full(POWER.noise.shape, 1e-60))
    write_curves(f"{tmp_path}/curves/", curves)
    assert (read_curves(tmp_path / "curves").noise == 1e-60).all()
    assert drawn(tmp_path / "curves")["working_draws"].dtype == np.float32


def test_a_task_without_a_curve_has_none_in_a_folder_either(tmp_path):
    gone = {"parameters": np.nan, "draws": np.nan, "noise": np.nan}
    arrays = {name: getattr(POWER, name).copy() for name in gone}
    arrays["parameters"][1], arrays["draws"][:, 1], arrays["noise"][:, 1] = np.nan, np.nan, np.nan
    curves = replace(POWER, **arrays, status=("ok", "too_few_runs"), message=("", "it has 2 runs"))
    write_curves(f"{tmp_path}/curves/", curves)
    assert np.isnan(read_curves(tmp_path / "curves").draws[:, 1]).all()


@pytest.mark.parametrize("name", ["curves", "curves.json"])
def test_many_tasks_go_into_a_folder_where_the_name_says_neither(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "MANY", 2)
    (said,) = write_curves(tmp_path / name, POWER)
    if name == "curves":
        assert (tmp_path / name / "draws.npz").is_file() and "is a folder, with curves.json and draws.npz" in said
        assert write_curves(tmp_path / name, POWER) == (), "now it is known"
    else:
        assert (tmp_path / name).is_file() and f"--out {tmp_path}/curves/ writes a folder" in said
    assert read_curves(tmp_path / name).tasks == POWER.tasks


def test_few_tasks_and_a_file_that_is_there_stay_json(tmp_path, monkeypatch):
    assert write_curves(tmp_path / "curves", POWER) == () and (tmp_path / "curves").is_file()
    monkeypatch.setattr(files, "MANY", 2)
    write_curves(tmp_path / "curves", POWER)
    assert (tmp_path / "curves").is_file() and read_curves(tmp_path / "curves").tasks == POWER.tasks


@pytest.mark.parametrize("deviations", [-6.0, 4.5, 6.0])
def test_draws_far_from_the_middle_of_their_prior_are_read_again(deviations, tmp_path):
    """Exponents are drawn from a prior without ends; the file of such a fit was refused as an edited one."""
    curves = fit_curves(runs_of(table({"one": HOFFMANN}, noise=0.01), tmp_path), draws=5, seed=0)
    far = np.array(curves.draws)
    middle, deviation = PRIOR_LOG_EXPONENT
    far[0, 0, curves.form.names.index("alpha")] = np.exp(middle + deviation * deviations)
    far[1, 0, curves.form.names.index("k")] = np.exp(PRIOR_LOG_INTERACTION * deviations)
    write_curves(tmp_path / "curves.json", replace(curves, draws=far))
    np.testing.assert_array_equal(read_curves(tmp_path / "curves.json").draws, far)


def test_a_part_that_is_missing_broken_or_of_other_curves_is_refused(folder, tmp_path):
    whole = (folder / "draws.npz").read_bytes()
    (folder / "draws.npz").unlink()
    assert (
        refused(folder)
        == f"{folder}/draws.npz: no such file, which curves.json beside it needs; give the whole folder."
    )
    for data in (whole[:-100], b"", whole.replace(b"working", b"WORKING")):
        (folder / "draws.npz").write_bytes(data)
        assert (
            "draws.npz: not the draws that curves.json beside it was written with, or damaged; fit again."
            in refused(folder)
        )
    write_curves(f"{tmp_path}/other/", replace(CHINCHILLA, noise=CHINCHILLA.noise * 1.5))
    (folder / "draws.npz").write_bytes((tmp_path / "other" / "draws.npz").read_bytes())
    assert "not the draws that curves.json beside it was written with" in refused(folder / "curves.json")
    (folder / "draws.npz").unlink()
    (folder / "draws.npz").mkdir()
    assert "draws.npz: cannot be read" in refused(folder)
    (folder / "curves.json").unlink()
    assert (
        refused(folder)
        == f"{folder}: no curves.json in this folder; give one that 'budget fit' or 'budget plan' wrote."
    )


def test_draws_of_another_version_or_count_are_refused(folder):
    arrays = drawn(folder)
    replace_draws(folder, b"PAR1 something else")
    assert "draws.npz: no file of draws as this version writes them; fit again." in refused(folder)
    resealed(folder, **{name: each.astype(int) for name, each in arrays.items()})
    assert "no file of draws as this version writes them" in refused(folder)
    resealed(folder, **{name: each[:-1] for name, each in arrays.items()})
    count = len(CHINCHILLA.tasks)
    assert f"field 'tasks' is of {count} tasks, and 'working_draws' in the file of draws of {count - 1}" in refused(
        folder
    )
    resealed(folder, **{name: each[:, 1:] for name, each in arrays.items()})
    assert "field 'working_draws' holds 11 × 5 numbers where 12 × 5 are due" in refused(folder)
    resealed(folder, working_draws=arrays["working_draws"])
    assert "field 'noise_draws' is missing" in refused(folder)
    resealed(folder, **{**arrays, "noise_draws": np.full_like(arrays["noise_draws"], np.inf)})
    assert "field 'noise_draws' holds an infinite number" in refused(folder)
    resealed(folder, **{**arrays, "working_draws": arrays["working_draws"] * 100})
    assert "field 'working_draws' holds" in refused(folder) and "where the fit's range is" in refused(folder)
    resealed(folder, **arrays)
    assert read_curves(folder).tasks == CHINCHILLA.tasks


def test_an_edited_record_in_a_folder_is_refused(folder):
    text = (folder / "curves.json").read_text()
    (folder / "curves.json").write_text(text.replace('"seed": 0', '"seed": 1', 1))
    assert "what stands before 'tasks' was edited after the fit" in refused(folder)
    for wrong in ({"name": "../draws.npz", "sha256": "0"}, {"name": "draws.npz"}, "draws.npz"):
        record = json.loads(text)
        record[BESIDE] = wrong
        (folder / "curves.json").write_text(json.dumps(record))
        assert "the curves file is damaged or was edited" in refused(folder)


@pytest.mark.parametrize("at", range(3))
def test_a_full_disk_loses_nothing(folder, monkeypatch, at):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    written, write = [], os.write

    def filling(descriptor, data):
        written.append(descriptor)
        if len(written) > at:
            write(descriptor, bytes(data[: len(data) // 2]))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", filling)
    other = replace(CHINCHILLA, seed=7, noise=CHINCHILLA.noise * 2)
    if at < 2:
        with pytest.raises(DataError, match=r"cannot be written \(No space left"):
            write_curves(f"{folder}/", other)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    else:  # both are written
        write_curves(f"{folder}/", other)
        assert read_curves(folder).seed == 7


def test_a_plans_folder_is_not_written_over(folder):
    write_folder(folder, {"plan.json": "{}"})
    with pytest.raises(DataError, match="this is a folder; give the name of a file to write"):
        write_curves(f"{folder}/", POWER)


def test_every_field_of_draws_can_be_read(tmp_path):
    found = {name for curves in KINDS.values() for name in draws_of(curves)}
    drifting = replace(POWER, drift=np.zeros((12, 2, 1, DRIFT_NUMBERS)), drift_ends=np.zeros((2, 2, 1)))
    assert found | set(draws_of(drifting)) == set(FIELDS)
