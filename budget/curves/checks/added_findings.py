"""Curves with more findings than their fit made: what was found once there were curves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from budget.curves.checks.convergence import Finding, gravest_first, primary
from budget.curves.curves import Curves
from budget.tables.checks.status import JUDGED


def with_findings(curves: Curves, more: Mapping[int, Finding]) -> Curves:
    """The curves with one more finding at some positions of their tasks, and the status that follows."""
    findings = [
        tuple(gravest_first([*found, more[task]])) if task in more else found
        for task, found in enumerate(curves.findings)
    ]
    main = [primary(each) for each in findings]
    return replace(
        curves,
        findings=tuple(findings),
        status=tuple(code for code, _ in main),
        message=tuple(text for _, text in main),
    )


def with_verdicts(curves: Curves, verdicts: Sequence[tuple[str, str]], held: np.ndarray | None = None) -> Curves:
    """The curves with what a backtest says of them; of tasks without a curve nothing is said.

    Args:
        curves: of T tasks.
        verdicts: (T,) pairs of ``PASS``, ``REVIEW`` or ``FAIL`` and the sentence it rests on.
        held: (T, 3) the figures of these sentences, see ``Curves``; none by default.
    """
    said = [each if used else ("", "") for each, used in zip(verdicts, curves.used, strict=True)]
    more = {task: (JUDGED[verdict], text) for task, (verdict, text) in enumerate(said) if verdict in JUDGED}
    judged = replace(curves, verdict=tuple(each for each, _ in said), judged=tuple(text for _, text in said))
    if held is not None:
        judged = replace(judged, held=np.where(curves.used[:, None], held, np.nan))
    return with_findings(judged, more)
