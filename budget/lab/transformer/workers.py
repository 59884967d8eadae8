"""Worker processes that train runs: one core and one thread each, ended together with their parent."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from budget.errors import BudgetError
from budget.lab.transformer.measured_cells import Cell, Run, measure_cell
from budget.process_settings import available_cores, use_one_thread


def _serve(pipe: Connection, core: int | None) -> None:
    """Train what comes through the pipe until it closes; the first thing a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what a Ctrl-C means
    use_one_thread(core)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            cell = pipe.recv()
        except EOFError:
            return
        pipe.send(measure_cell(cell))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def measure_in_parallel(cells: Iterable[Cell], jobs: int) -> Iterator[Run]:
    """Train cells in `jobs` processes and give each run as it ends.

    Two single-threaded workers on a core each train small models almost twice as fast as one process with two
    threads. A script that calls this needs the usual `if __name__ == "__main__":` guard, for the workers
    import it.

    Args:
        cells: what to train, handed out in this order.
        jobs: most processes at once.

    Yields:
        Finished runs, diverged ones included.

    Raises:
        BudgetError: a worker process died.
    """
    context = multiprocessing.get_context("spawn")
    cores = available_cores()
    waiting = iter(cells)
    workers: dict[Connection, SpawnProcess] = {}
    in_flight: dict[Connection, Cell] = {}

    def hand_out(pipe: Connection, cell: Cell | None) -> None:
        if cell is None:
            pipe.close()
            workers.pop(pipe).join()
        else:
            in_flight[pipe] = cell
            with _naming_run(cell, workers[pipe]):
                pipe.send(cell)

    try:
        for number, cell in zip(range(jobs), waiting, strict=False):
            here, there = context.Pipe()
            core = cores[number % len(cores)] if cores else None
            workers[here] = context.Process(target=_serve, args=(there, core), daemon=True)
            workers[here].start()
            there.close()  # the worker now holds the only other end, so its death closes the pipe
            hand_out(here, cell)
        while workers:
            ready = wait(list(workers))
            for pipe in [pipe for pipe in workers if pipe in ready]:
                with _naming_run(in_flight[pipe], workers[pipe]):
                    run = pipe.recv()
                hand_out(pipe, next(waiting, None))
                yield run
    finally:
        for process in workers.values():
            process.terminate()
        for process in workers.values():
            process.join()


@contextmanager
def _naming_run(cell: Cell, process: SpawnProcess) -> Iterator[None]:
    """Say of a pipe that breaks whose run it was."""
    try:
        yield
    except (EOFError, OSError):
        process.join()
        raise BudgetError(
            f"run '{cell.run}': its worker process ended with exit code {process.exitcode}; start the same command "
            "again to go on from the finished runs, with fewer jobs if memory ran out."
        ) from None
