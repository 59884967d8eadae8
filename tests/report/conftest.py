"""One study of each kind the report must tell, built once."""

import pytest

from budget.report.page.report_files import report_files
from budget.studies.make_plan import Study
from tests.report.studies import LONG, make_study

KINDS = {
    "specialists": {"broken": ("static",), "target": 0.30},
    "shared": {"shared": True},
    "hypothetical": {"shared": True, "strategy": "specialists"},
    "one task": {"names": ("only",)},
    "power": {"law": "power"},
    "shared power": {"law": "power", "shared": True},
    "scores": {"higher_is_better": True, "target": 0.7},
    "tokens": {"unit": "tokens", "params": 1e8},
    "no draws": {"draws": 0},
    "weights": {"weights": (3.0, 1.0, 2.0)},
    "served": {"served_tokens": (2e9, 5e8, 1e9)},
    "shared served": {"shared": True, "served_tokens": (2e9, 5e8, 1e9)},
    "money": {"law": "power", "unit": "money", "unit_cost": (2.0, 5.0, 1.0), "budget": 1e6},
    "limited": {"current": (1e17, 2e17, 3e17), "max": (float("nan"), 5e16, 1e17), "budget": 6e17},
    "together": {"together": ("prose", "code"), "target": 0.30},
    "all together": {"together": ("code", LONG, "prose"), "weights": (3.0, 1.0, 2.0)},
    "odd names": {"names": ("<b>x</b>", "a|b", "</script><script>alert(1)</script>", LONG), "broken": ("<i>y</i>",)},
}
"""Name → arguments of ``make_study``."""


@pytest.fixture(scope="session")
def studies() -> dict[str, Study]:
    """Studies by the names of ``KINDS``."""
    return {name: make_study(**arguments) for name, arguments in KINDS.items()}


@pytest.fixture(scope="session")
def reports(studies: dict[str, Study]) -> dict[str, dict[str, str]]:
    """Their files."""
    return {name: report_files(study) for name, study in studies.items()}
