"""What decides a fit's numbers beside its inputs."""

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from budget.curves import fit_identity as identity
from budget.curves.fit_identity import feed, fit_identity
from budget.curves.laws.table import LAWS


def fed(value) -> str:
    digest = hashlib.sha256()
    feed(digest, value)
    return digest.hexdigest()


@dataclass(frozen=True)
class One:
    number: float


@dataclass(frozen=True)
class Other:
    number: float


def scaled(factor):
    return lambda x: factor * x


def shifted(x, by=1):
    return x + by


CONSTANTS = [
    None, True, 1, 1.0, "1", b"1", (), (1,), ((1,),), (1, 2), {"a": 1}, {"a": 2}, One(1.0), One(2.0), Other(1.0),
    scaled(1), scaled(2), shifted, partial(shifted, by=2), partial(shifted, by=3), np.exp, np.log, np, hashlib,
    np.zeros(3), np.zeros((3, 1)), np.zeros(3, int), np.float64(1.5), np.int32(4), fed, *LAWS.values(),
]  # fmt: skip


def test_constants_differ_by_what_they_are_and_by_what_functions_took_with_them():
    assert len({fed(each) for each in CONSTANTS}) == len(CONSTANTS)


def test_constants_are_the_same_wherever_they_stand_in_memory():
    assert fed(scaled(3)) == fed(scaled(3))
    assert fed([1, (2.5, "x")]) == fed((1, [2.5, "x"]))
    assert fed(np.arange(6).reshape(2, 3)[:, ::2]) == fed(np.array([[0, 2], [3, 5]]))


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([None])], ids=["object", "set", "objects"])
def test_what_is_no_constant_is_refused(value):
    with pytest.raises(TypeError, match="no constant"):
        fed(value)


@pytest.fixture
def fresh():
    identity.fit_identity.cache_clear()
    yield
    identity.fit_identity.cache_clear()


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true"),
        lambda patch: patch.setenv("NVIDIA_TF32_OVERRIDE", "0"),
        lambda patch: patch.setenv("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F"),
        lambda patch: patch.setattr(identity, "version", lambda name: "0.0.1"),
        lambda patch: patch.setattr(identity, "_processor", lambda: ("another",)),
        lambda patch: patch.setattr(identity, "_sources", lambda: (("curves/laws/power.py", b"edited"),)),
        lambda patch: patch.setattr(identity.sys, "version", "4.0"),
    ],
    ids=["flags", "tf32", "glibc", "version", "processor", "source", "python"],
)
def test_other_code_libraries_settings_and_machines_find_nothing(change, fresh, monkeypatch):
    before = fit_identity("cpu")
    assert fit_identity("gpu H200 12.9") != before
    change(monkeypatch)
    fit_identity.cache_clear()
    assert fit_identity("cpu") != before
    monkeypatch.undo()
    fit_identity.cache_clear()
    assert fit_identity("cpu") == before


def test_every_module_of_the_fit_is_part_of_it():
    names = [name for name, _ in identity._sources()]
    assert {"curves/predictive/tempering.py", "curves/laws/surface.py", "numerics/streams.py"} <= set(names)
    assert len({digest for _, digest in identity._sources()}) > 50
