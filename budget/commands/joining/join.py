"""``budget join``: the shards of a command as the one file that a single process writes."""

import click

from budget.commands.running.group import command


@command("join", "budget join part-0.npz part-1.npz --out curves.json")
@click.argument("parts", metavar="PARTS...", nargs=-1, required=True)
@click.option("--out", required=True, metavar="FILE|DIR", help="What the command would have written.")
def join(parts: tuple[str, ...], out: str) -> None:
    """Join what 'measure', 'fit', 'backtest' or 'focus' wrote with --shard 0/N to N-1/N; all of it must be there.

    Files, options and versions must be the same; the result is that of one process, to the byte. The shards' own
    command is run once more where they ran it, on the same files, and takes from them what they computed.
    """
    from budget.errors import DataError
    from budget.tables.files.part_files import is_part

    fitted = [is_part(path) for path in parts]
    if all(fitted):
        from budget.commands.joining.fitted_parts import join_fitted

        join_fitted(parts, out)
        return
    if any(fitted):
        raise DataError(f"{parts[fitted.index(False)]}: a table beside parts of a fit; join shards of one command.")
    from budget.commands.running.output import echo_notes
    from budget.lab.runner.measured_shard import join_measured

    rows = join_measured(parts, out)
    echo_notes(f"{out} holds {rows} rows.")
