"""What is said of tasks that are trained together: sentences, and the matrix as text."""

import numpy as np

from budget.portfolio.portfolio import Portfolio
from budget.report.sentences.plan_sentences import better_by, capital
from budget.report.sentences.portfolio_sentences import RIVAL_WORDS, portfolio_objective
from budget.report.written_numbers import NOTHING, difference, percent, plural, value
from budget.studies.groups.groups import REFERENCES, Groups
from budget.studies.groups.law_transfer import LEVELS, LawTransfer
from budget.studies.groups.measured_transfer import CLAIM_LEVEL, Share, TransferMatrix

WIDEST = 12
"""Tasks of the largest matrix that is printed as a square."""

KINDS = {"candidates": "a table of candidates", "pairs": "a table of pairs"}
"""``Groups.kind`` → what the table is called."""


def matrix_text(matrix: TransferMatrix) -> str:
    """The matrix as a square of percentages, each that can be told from 0 marked with a star; empty if too wide."""
    if not 1 < len(matrix.tasks) <= WIDEST or not np.isfinite(matrix.gain).any():
        return ""
    cells = [["", *(str(number) for number in range(1, len(matrix.tasks) + 1))]]
    for number, (name, row, marks) in enumerate(
        zip(matrix.tasks, matrix.relative, matrix.distinguishable, strict=True), start=1
    ):
        cells.append([f"{number} {name}", *(_cell(*each) for each in zip(row, marks, strict=True))])
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in cells)
    ]
    star = f"; * differs from 0 at {CLAIM_LEVEL:.0%}, Holm" if matrix.noise != "unknown" else ""
    head = f"Gain in {matrix.metric} of each row's task when trained with the column's, % of its value alone{star}:"
    return "\n".join([head, *(line.rstrip() for line in lines)])


def share_sentence(matrix: TransferMatrix) -> str:
    """How many measured ordered pairs show negative transfer, and how many of them stand out of the noise."""
    share: Share = matrix.negative_transfer
    if not share.pairs:
        return "No pair was measured beside its tasks alone, so nothing is said of negative transfer."
    zero = f", {share.zero} unchanged" if share.zero else ""
    said = f"Negative transfer in {share.negative} of {share.pairs} ordered pairs ({percent(share.share)}{zero})"
    if matrix.noise == "unknown":
        return f"{said}; noise unknown: no seeds."
    told = matrix.distinguishable
    return (
        f"{said}; {CLAIM_LEVEL:.0%} interval of the true share {percent(share.low)} to {percent(share.high)}: "
        f"{plural(int((told & (matrix.gain < 0)).sum()), 'loss', 'losses')} and "
        f"{plural(int((told & (matrix.gain > 0)).sum()), 'gain')} differ from 0 (noise from {matrix.noise}, Holm)."
    )


def groups_summary(groups: Groups) -> tuple[str, ...]:
    """The study in sentences, one for each budget and reference."""
    found = f"{groups.matrix.source} is {KINDS[groups.kind]}: {plural(len(groups.pool.candidates.models), 'model')}"
    predicted = int(groups.pool.predicted.sum())
    of_which = f", of which {predicted} are predicted from pairs" if predicted else ""
    sentences = [f"{found} of {plural(len(groups.pool.candidates.tasks), 'task')}{of_which}."]
    sentences += [share_sentence(groups.matrix), *(_at_budget(groups, each) for each in groups.portfolios)]
    return (*sentences, *(_reference(groups, name) for name in REFERENCES if groups.portfolios))


def transfer_summary(transfer: LawTransfer) -> str:
    """How many predicted coefficients can be told from 0."""
    count = int((~transfer.own).sum())
    parts = []
    for level in LEVELS:
        said = transfer.verdict(level)
        unknown = (said == "no draws").any()
        parts.append(
            f"too few draws for {level:.0%} intervals"
            if unknown
            else f"at {level:.0%} {(said == 'harm').sum()} below 0 and {(said == 'help').sum()} above"
        )
    return (
        f"Predicted by law {transfer.curves.law}: {plural(count, 'coefficient')}; {'; '.join(parts)} (each by itself)."
    )


def _at_budget(groups: Groups, found: Portfolio) -> str:
    pool = groups.pool
    models = ", ".join(
        f"{'|'.join(pool.trained_on[model])}{' (predicted)' if pool.predicted[model] else ''}" for model in found.models
    )
    split = found.candidates.report.split
    reported = f", {value(found.reported)} on {split}" if split != found.candidates.select.split else ""
    rivals = [
        f"{RIVAL_WORDS[rival.name]}{' (predicted)' if groups.basis(rival.chosen) == 'predicted' else ''} "
        f"{value(rival.objective)} (the choice is {better_by(found.gain_over(rival), found.objective)})"
        for rival in found.rivals
        if rival.name in REFERENCES
    ]
    against = f"; {'; '.join(rivals)}" if rivals else ""
    return (
        f"Budget {found.spec.budget:.6g}: {groups.basis(found.chosen)} {portfolio_objective(found)} "
        f"{value(found.objective)}{reported} (no choice is better than {value(found.bound)}; gap "
        f"{difference(found.gap)}; {found.status}) with {models}{against}."
    )


def _reference(groups: Groups, name: str) -> str:
    found, called = groups.reference(name), capital(RIVAL_WORDS[name])
    largest = groups.portfolios[-1].spec.budget
    if found is None:
        return f"{called}: none within the budget of {largest:.6g}, so nothing is claimed against it."
    budget, rival = found
    better = groups.beaten_by(name)
    split = groups.pool.candidates.report.split
    on = f" on {split}" if split != groups.pool.candidates.select.split else ""
    basis = " (predicted)" if groups.basis(rival.chosen) == "predicted" else ""
    when = "the choice is better at no budget asked"
    if better is not None:
        when = (
            f"the {groups.basis(better.chosen)} choice is better from a budget of {better.spec.budget:.6g}, the "
            "smallest asked that is enough"
        )
    return f"{called}{basis} with {budget:.6g}: {value(rival.reported)}{on}; {when}."


def _cell(gain: float, told: bool) -> str:
    return NOTHING if gain != gain else f"{100 * gain:+.2f}{'*' if told else ' '}".replace("-", "−")
