"""``budget completion``: what a shell needs to complete commands, options and files."""

import click
from click.shell_completion import get_completion_class

from budget.commands.running.group import command

SHELLS = ("bash", "zsh", "fish")


@command(
    "completion",
    "budget completion bash >> ~/.bashrc",
    "budget completion zsh >> ~/.zshrc",
    "budget completion fish > ~/.config/fish/completions/budget.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what lets SHELL complete commands, options, choices and files; put it where the shell reads it."""
    kind = get_completion_class(shell)
    if kind is None:  # click knows these three
        raise click.UsageError(f"click has no completion for {shell}.")
    root = click.get_current_context().find_root()
    click.echo(kind(root.command, {}, "budget", "_BUDGET_COMPLETE").source())
