"""The steps of .ci/run as sessions, and the tests on every Python at hand: ``nox``, or ``nox -s lint``.

What decides whether a change lands is .ci/run; a Python that is not installed is passed over here.
"""

import nox

nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests"]


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run the tests; what follows ``--`` goes to pytest, such as ``-m 'not slow'``."""
    session.install(".[test]")
    session.run("pytest", *session.posargs, env={"CI": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("ruff>=0.8")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.install(".[test]")
    session.run("mypy")


@nox.session
def plan(session: nox.Session) -> None:
    """Make the plan of README's first command."""
    session.install(".")
    session.run("budget", "plan", "data/runs.csv", "--tasks", "data/tasks.csv", "--budget", "1e14", "--out", "plan")
