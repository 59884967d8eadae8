"""The files of a plan's folder, as texts; writing them is left to the caller."""

from collections.abc import Mapping

from budget.curves.records.curves_files import curves_files
from budget.report.page.html import drawn_pictures, render_html
from budget.report.page.markdown import render_markdown
from budget.report.page.story import build_story
from budget.report.pictures.figures import FIGURES
from budget.report.pictures.picture_files import file_name, picture_files, said
from budget.studies.make_plan import Study
from budget.tables.checks.quality import check_table
from budget.tables.files.manifest import MANIFEST, hashes
from budget.tables.files.places import DRAWS
from budget.tables.files.text import csv_text, json_text

SPECIALISTS = "allocation_specialists.csv"
"""Written only where a study has a hypothetical split beside its plan."""

FOCUS = "focus.csv"
"""Written only where the runs hold several strategies."""

MODELS = "models.csv"
"""Written only where tasks of the plan were measured together, too."""

GROWTH = "growth.csv"
"""Written only where the question has a growing set of tasks."""

SCENARIOS, SCENARIO_TASKS = "scenarios.csv", "scenario_tasks.csv"
"""Written only where other questions were asked beside the plan's own."""

OPTIONAL = frozenset({DRAWS, SPECIALISTS, FOCUS, MODELS, GROWTH, SCENARIOS, SCENARIO_TASKS, *map(file_name, FIGURES)})
"""The files that a folder may lack."""


def report_files(study: Study, more: Mapping[str, str] | None = None) -> dict[str, str | bytes]:
    """Render everything.

    Args:
        study: all results.
        more: further files of the folder.

    Returns:
        File name → content: the report as HTML and Markdown with its pictures, the tables as CSV, curves and plan as
        JSON, and the draws of many tasks as arrays.
        ``SPECIALISTS`` is there only where the study has a hypothetical split beside its plan, ``FOCUS`` only where it
        compares strategies, ``MODELS`` where some may share, ``GROWTH`` where tasks can be added, ``SCENARIOS`` and
        ``SCENARIO_TASKS`` where there are any. The last is the plan, with the hashes of all others.
    """
    story = build_story(study)
    pictures = drawn_pictures(study, story)
    files: dict[str, str | bytes] = {
        "report.html": render_html(study, story, pictures),
        "report.md": render_markdown(story, {name: said(panels) for name, panels in pictures.items() if panels}),
        **picture_files(pictures),
        "allocation.csv": csv_text(study.plan.table()),
        "curves.csv": csv_text(study.curves.table()),
        "check.csv": csv_text(check_table(study.findings)),
        **curves_files(study.curves),
        **(more or {}),
    }
    if study.scenarios is not None:
        files[SCENARIOS] = csv_text(study.scenarios.table())
        files[SCENARIO_TASKS] = csv_text(study.scenarios.tasks())
    if study.growth is not None:
        files[GROWTH] = csv_text(study.growth.sizes_table())
    if study.focus is not None:
        files[FOCUS] = csv_text(study.focus.table())
    if study.recommendation is not None:
        files[MODELS] = csv_text(study.recommendation.table())
    if study.alternative is not None:
        files[SPECIALISTS] = csv_text(study.alternative.table())
    files[MANIFEST] = json_text(study.record() | {"files": hashes(files, sorted(OPTIONAL - set(files)))})
    return files
