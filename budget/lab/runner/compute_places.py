"""Where programs run: a place is how one is started there, what it may ask for, and how an array of it is left behind.

A place starts a program by another program that ends when it does, hands on what it prints and passes its exit code on:
so whoever runs programs here runs them there, and results are kept in one way. No scheduler of our own.

See docs/decisions/157-places-are-prefixes.md.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

from budget.errors import DataError

RAY_PORT = 10001
"""Of Ray's client server, where an address names none."""

ANSWERS = 5.0
"""Seconds in which an address must answer."""


@dataclass(frozen=True)
class Needs:
    """What one program asks of a place; empty where nothing is asked.

    Attributes:
        gpus: devices.
        cpus: cores.
        mem: memory in MiB.
        time: minutes after which it may be ended.
        partition: of the cluster.
        account: that is charged.
    """

    gpus: str = ""
    cpus: str = ""
    mem: str = ""
    time: str = ""
    partition: str = ""
    account: str = ""


@dataclass(frozen=True)
class Place:
    """A kind of place.

    Attributes:
        check: refuses an address at which nothing can be started, before anything is.
        words: the command line that starts another one there, by the address and what it asks for.
        asks: the fields of ``Needs`` that it knows.
        submit: leaves an array of commands behind, ``None`` where a place has none: gives the sentence that says so.
    """

    check: Callable[[str], None]
    words: Callable[[str, Needs, Sequence[str]], list[str]]
    asks: tuple[str, ...]
    submit: Callable[["Array", Needs], str] | None = None


@dataclass(frozen=True)
class Array:
    """A command for each of N shards.

    Attributes:
        name: of the job.
        words: the command line; ``{shard}`` in a word is the shard's number.
        of: N.
        script: file to write.
        logs: folder of what each prints.
    """

    name: str
    words: tuple[str, ...]
    of: int
    script: Path
    logs: Path


def parse_needs(text: str, place: str) -> Needs:
    """What ``--with`` says: ``gpus=1 cpus=4 mem=16G time=2h``, in any order.

    Args:
        text: words ``name=value``.
        place: the kind of place that is to give it.

    Raises:
        DataError: a name is unknown there, or a value is none of its kind.
    """
    found: dict[str, str] = {}
    known = PLACES[place].asks
    for word in text.replace(",", " ").split():
        name, equals, value = word.partition("=")
        if not (equals and value) or name not in known or name in found:
            raise DataError(
                f"--with: '{word}' is nothing that {place} gives; write "
                + (" ".join(_EXAMPLES[each] for each in known) if known else "none, it gives what there is")
                + "."
            )
        found[name] = _READ.get(name, _plain)(name, value)
    return Needs(**found)


def place_at(address: str) -> tuple[Place, str, str]:
    """The place that ``--on`` names, its kind and its address.

    Raises:
        DataError: there is no such kind, or nothing can be started there.
    """
    kind = address.partition(":")[0]
    if kind not in PLACES or (kind != "ray" and address != kind):
        raise DataError(f"--on: there is no place '{address}'; give local, slurm, ray or ray://HOST.")
    place = PLACES[kind]
    place.check(address)
    return place, kind, address


def _plain(name: str, value: str) -> str:
    if not re.fullmatch(r"[\w.+-]+", value):
        raise DataError(f"--with: {name} is '{value}'; write such as {_EXAMPLES[name]}.")
    return value


def _count(name: str, value: str) -> str:
    if not re.fullmatch(r"[1-9]\d*", value):
        raise DataError(f"--with: {name} is '{value}', not a number of them; write such as {_EXAMPLES[name]}.")
    return value


def _mebibytes(name: str, value: str) -> str:
    found = re.fullmatch(r"(\d+)([MGT])(?:i?B)?", value)
    if not found or not int(found[1]):
        raise DataError(f"--with: {name} is '{value}', not a size; write such as {_EXAMPLES[name]}.")
    return str(int(found[1]) * 1024 ** "MGT".index(found[2]))


def _minutes(name: str, value: str) -> str:
    found = re.fullmatch(r"(\d+)(min|m|h|d)", value)
    if not found or not int(found[1]):
        raise DataError(f"--with: {name} is '{value}', not a time; write such as {_EXAMPLES[name]}, 30m or 2d.")
    return str(int(found[1]) * {"min": 1, "m": 1, "h": 60, "d": 1440}[found[2]])


_READ = {"gpus": _count, "cpus": _count, "mem": _mebibytes, "time": _minutes}
_EXAMPLES = {
    "gpus": "gpus=1", "cpus": "cpus=4", "mem": "mem=16G", "time": "time=2h", "partition": "partition=NAME",
    "account": "account=NAME",
}  # fmt: skip


def _here(address: str) -> None:
    """Nothing is needed."""


def _has_slurm(address: str) -> None:
    for program in ("srun", "sbatch"):
        if not shutil.which(program):
            raise DataError(
                f"--on slurm: there is no program '{program}' here; start this where Slurm is, or leave --on out."
            )


def _slurm_options(needs: Needs) -> list[str]:
    """The options of ``srun`` and ``sbatch``."""
    named = {"gpus": "gpus", "cpus": "cpus-per-task", "mem": "mem", "time": "time"}
    asked = {each.name: getattr(needs, each.name) for each in fields(needs)}
    return [f"--{named.get(name, name)}={value}{'M' * (name == 'mem')}" for name, value in asked.items() if value]


def _by_srun(address: str, needs: Needs, words: Sequence[str]) -> list[str]:
    # its own signals end what it started; --unbuffered hands lines on as they come
    return ["srun", "--ntasks=1", "--unbuffered", "--job-name=budget", *_slurm_options(needs), *words]


def _by_sbatch(array: Array, needs: Needs) -> str:
    from budget.tables.files.write_files import can_write, write_text

    if not can_write(array.logs):
        raise DataError(f"{array.logs}: this folder of logs cannot be written; give another path with --out.")
    line = shlex.join(array.words).replace("{shard}", "'\"$SLURM_ARRAY_TASK_ID\"'")
    options = [
        f"--job-name={array.name}", f"--array=0-{array.of - 1}", "--ntasks=1", f"--chdir={Path.cwd()}",
        f"--output={array.logs / '%a.log'}", *_slurm_options(needs),
    ]  # fmt: skip
    head = "".join(f"#SBATCH {shlex.quote(option)}\n" for option in options)
    write_text(array.script, f"#!/bin/sh\n{head}exec {line}\n")
    done = subprocess.run(["sbatch", "--parsable", str(array.script)], capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise DataError(f"--on slurm: sbatch refused {array.script} ({said}); mend --with, or the script.")
    job = done.stdout.strip().partition(";")[0]
    return f"Job {job} of Slurm does {array.of} shards ({array.script}, logs in {array.logs})"


def _has_ray(address: str) -> None:
    if find_spec("ray") is None:
        raise DataError("--on ray needs the package ray; install 'budget[cluster]', or leave --on out.")
    found = re.fullmatch(r"ray(?:://([\w.-]+)(?::(\d+))?)?", address)
    if not found:
        raise DataError(f"--on: '{address}' is no address of Ray; write ray://HOST, ray://HOST:PORT or ray.")
    if found[1] is None:
        done = subprocess.run(_by_ray(address, Needs(), ["true"]), capture_output=True, text=True)
        if done.returncode:
            raise DataError("--on ray: no Ray runs on this machine; start one with 'ray start --head'.")
        return
    host, port = found[1], int(found[2] or RAY_PORT)
    try:
        socket.create_connection((host, port), ANSWERS).close()
    except OSError as error:
        raise DataError(
            f"--on {address}: nothing answers at {host}:{port} ({error.strerror or error}); start Ray there with 'ray "
            "start --head', or mend the address."
        ) from None


def _by_ray(address: str, needs: Needs, words: Sequence[str]) -> list[str]:
    where = "auto" if address == "ray" else address
    asked = [f"{name}={value}" for name in PLACES["ray"].asks if (value := getattr(needs, name))]
    return [sys.executable, os.fspath(Path(__file__).with_name("on_ray.py")), where, ",".join(asked), *words]


PLACES = {
    "local": Place(_here, lambda address, needs, words: list(words), ()),
    "slurm": Place(_has_slurm, _by_srun, ("gpus", "cpus", "mem", "time", "partition", "account"), _by_sbatch),
    "ray": Place(_has_ray, _by_ray, ("gpus", "cpus", "mem")),
}
"""Kind → the place."""
