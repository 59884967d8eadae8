"""Runs one program as a task of Ray, prints what it prints, and ends as it does: ADDRESS NEEDS PROGRAM ARGUMENTS.

Ray's own retries are off: whoever started this decides whether the program is tried again.
"""

import subprocess
import sys
from typing import Any


def run_there(words: list[str], folder: str) -> tuple[int, bytes, bytes]:
    """Exit code and output of a program, on the worker."""
    try:
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        return 127, b"", f"{words[0]}: {error}\n".encode()
    return done.returncode, done.stdout, done.stderr


def options_of(needs: str) -> dict[str, Any]:
    """What Ray calls what is asked for, such as ``gpus=1,mem=1024``."""
    asked = dict(each.split("=") for each in needs.split(",") if each)
    options: dict[str, Any] = {"num_cpus": int(asked.get("cpus", 1)), "num_gpus": int(asked.get("gpus", 0))}
    if "mem" in asked:
        options["memory"] = int(asked["mem"]) * 2**20
    return options


def main(address: str, needs: str, words: list[str]) -> int:
    """Run it; 75 (try again) where the worker was lost."""
    import os

    import ray  # type: ignore[import-not-found, unused-ignore]

    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        task = ray.remote(run_there).options(max_retries=0, **options_of(needs))
        code, printed, said = ray.get(task.remote(words, os.getcwd()))
    except (ConnectionError, ray.exceptions.RayError) as error:
        print(f"Ray: {str(error).splitlines()[0] if str(error) else type(error).__name__}", file=sys.stderr)
        return 75
    sys.stderr.buffer.write(said)
    sys.stdout.buffer.write(printed)
    return int(code) if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
