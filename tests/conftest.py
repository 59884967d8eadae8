"""Fixtures that several folders use."""

import os
from pathlib import Path

import platformdirs
import pytest
from hypothesis import settings

from budget.curves.curves import Curves
from tests import ROOT
from tests.simulate import TRUTHS, runs_of, table

# how long an example takes says nothing on a busy machine
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

# What one test compiles is compiled by no other test, process of tests or program that a test starts: in the folder
# and by the settings of the commands (process_settings.use_compilation_cache), before any of them imports JAX. Cores
# belong to the processes of tests, so each has one device whether a command prepared it or not: one program serves
# both, and no small fit is padded for several. Tests of several devices start programs of their own (tests.devices).
# Fits are neither kept nor found, so that a test computes what it is about.
os.environ |= {
    "BUDGET_KEEP": "0",
    "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=1".strip(),
    "JAX_COMPILATION_CACHE_DIR": platformdirs.user_cache_dir("budget", appauthor=False),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",
}

FEWEST_WORKERS, MOST_WORKERS = 2, 8
"""Processes of a run of many tests: a slow test beside the others on one core already pays; each needs a gigabyte."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run folders of tests on the cores there are, and files that are named in this process, where none are asked for.

    So ``pytest`` uses the machine, and ``pytest tests/test_fuzz.py`` starts at once and can be debugged.

    See docs/decisions/103-tests-in-two-processes.md.
    """
    option = config.option
    if hasattr(config, "workerinput"):  # one of those processes, which must start no others
        return
    if getattr(option, "numprocesses", 0) is None and not option.usepdb and not option.collectonly:
        named = [Path(str(word).partition("::")[0]) for word in config.args]
        if any(path.is_dir() for path in named):
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            option.numprocesses = min(max(FEWEST_WORKERS, cores), MOST_WORKERS)
            if option.dist == "no":
                # a process gets neighbouring tests, which share fixtures and traced programs, and then its fellow's
                option.dist = "worksteal"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold slow tests: what is left at the end is short, so that no process waits long."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def without_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lines of progress among what a command says: whether a step is slow enough for them is the machine's doing."""
    monkeypatch.setattr("budget.report.progress.SECONDS_OF_SILENCE", 1e6)


SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real measured runs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the real measured runs are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def exact_curves(tmp_path_factory: pytest.TempPathFactory) -> Curves:
    """Three tasks fitted to noiseless runs of their own."""
    from tests.searched import fit_searched

    return fit_searched(runs_of(table(TRUTHS), tmp_path_factory.mktemp("exact")), draws=20)


@pytest.fixture(scope="session")
def noisy_curves(tmp_path_factory: pytest.TempPathFactory) -> Curves:
    """The same tasks from runs with 1 % noise, 40 draws."""
    from tests.searched import fit_searched

    return fit_searched(runs_of(table(TRUTHS, noise=0.01), tmp_path_factory.mktemp("noisy")), draws=40)


@pytest.fixture(scope="session")
def shared_curves(tmp_path_factory: pytest.TempPathFactory) -> Curves:
    """The same tasks measured on shared models."""
    from tests.searched import fit_searched

    return fit_searched(runs_of(table(TRUTHS, noise=0.01, shared=True), tmp_path_factory.mktemp("shared")), draws=40)
