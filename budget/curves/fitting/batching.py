"""Lanes: one small program over many independent problems, in chunks, on every device that JAX holds.

A lane is one problem, such as one start or one draw of one task. Chunks have a few fixed sizes, so that one compilation
serves most files; each chunk is split evenly over the devices, which share nothing and never wait for each other.

See docs/decisions/005-few-lanes-a-call.md.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from budget.curves.kept_fits import fits_are_kept, kept_by_task
from budget.curves.kept_lanes import kept_lanes, program_name
from budget.errors import FitError

LANES_PER_DEVICE = {"cpu": 32}
"""Lanes a device in each call, by platform: few enough that a step's arrays stay in a core's cache.

Always the same number, padded where there are fewer: one program is compiled, and a lane's arithmetic does not depend
on how many devices there are or what runs beside it.
"""

LANES_PER_ACCELERATOR = 8192
"""The same on a GPU or TPU, which a few small problems would leave idle."""

COMPILED = {"cpu": {"xla_cpu_use_fusion_emitters": False}}
"""Compiler's options, by platform: what XLA emits of a fusion by way of MLIR runs no faster here than what it emits at
once, and takes twice as long to compile.

See docs/decisions/174-one-copy-of-each-part.md."""

WIDE = {"cpu": {"xla_cpu_prefer_vector_width": 512, "xla_backend_optimization_level": 1}}
"""More of them for programs of long loops in single precision: the widest vectors that a processor has, of which XLA
takes half unless told, and the first level of optimization, which compiles in less and runs as fast.

See docs/decisions/172-the-sampler-in-vectors.md."""

FUSED = {"cpu": {"xla_cpu_use_fusion_emitters": True, "xla_cpu_prefer_vector_width": 512}}
"""Others for programs of few steps over large arrays: there MLIR's fusions take half the time of those emitted at once.

See docs/decisions/130-one-scale-by-a-local-trend.md."""

Devices = tuple[Any, ...]

Options = tuple[tuple[str, Any], ...]
"""Of the compiler; of one name the last counts."""

_BEGUN: dict[Any, Future[Callable[..., Any]]] = {}
"""Programs that ``compile_ahead`` has begun, kept for the process as those are that ``_compiled`` has made."""


def choose_devices(platform: str | None = None) -> Devices:
    """The devices to fit on: all of one platform.

    Args:
        platform: ``cpu``, ``gpu`` or ``tpu``; JAX's own choice where not given.

    Raises:
        FitError: JAX sees no such device.
    """
    try:
        return tuple(jax.local_devices(backend=platform) if platform else jax.local_devices())
    except RuntimeError:
        raise FitError(
            f"--device {platform}: JAX sees no such device here, only {jax.default_backend()}; leave --device out, or "
            "install the JAX build for it."
        ) from None


def kind_of(devices: Devices) -> str:
    """What decides a lane's last digits beside the program: the platform and, of an accelerator, kind and driver."""
    first = devices[0]
    if first.platform == "cpu":
        return "cpu"
    return f"{first.platform} {first.device_kind} {first.client.platform_version}"


def lanes_per_chunk(devices: Devices) -> int:
    """Lanes in one call over all devices."""
    return len(devices) * LANES_PER_DEVICE.get(devices[0].platform, LANES_PER_ACCELERATOR)


def vmap_in_chunks(
    function: Callable[..., Any],
    static: tuple[Any, ...],
    lanes: Sequence[np.ndarray],
    common: Sequence[np.ndarray | float] = (),
    *,
    devices: Devices,
    share: float = 1,
    owners: Sequence[str] | None = None,
    wide: bool = False,
    fused: bool = False,
    everywhere: bool = False,
    like: Any = None,
) -> Any:
    """Run ``function(*static, *lane, *common)`` for every lane, in float64; NumPy in, NumPy out.

    Args:
        function: the program of one lane.
        static: hashable arguments that it is compiled for.
        lanes: arrays of one first axis, the lanes.
        common: arrays or numbers that all lanes see.
        devices: where to run.
        share: how many ordinary lanes one lane is as large as.
        owners: the task of each lane, where its result is needed for that task alone: of a shard's fit, only the lanes
            of its own tasks are computed then (``kept_lanes``), and of other fits those that were never computed
            before (``kept_fits``).
        wide: compile with ``WIDE``.
        fused: compile with ``FUSED``.
        everywhere: whether a shard's fit needs the lanes of all tasks, so that all are computed there.
        like: a tree of the result's structure, whatever its leaves are; told by tracing the function where not given.

    Returns:
        The function's result (any tree of arrays) with the lanes as first axis.
    """
    width, options = _width(devices, share), _options(devices, wide, fused)
    kept = None if everywhere else kept_lanes()
    by_task = owners if fits_are_kept() else None
    if (kept is None and by_task is None) or len(lanes[0]) == 0:
        return _in_chunks(function, static, lanes, common, devices, width, options)
    if like is None:
        tree = _tree(function, static, tuple(map(_spec, lanes)), tuple(map(_spec, common)))
    else:
        tree = jax.tree.structure(like)

    def compute(chosen: np.ndarray) -> list[np.ndarray]:
        found = _in_chunks(function, static, [lane[chosen] for lane in lanes], common, devices, width, options)
        return jax.tree.leaves(found)

    if kept is None:
        constants = (function, static, common, width // len(devices))
        leaves = kept_by_task("lanes", kind_of(devices), constants, lanes, compute, by_task)
    else:
        leaves = kept.run(program_name(function, static, lanes, common, width), lanes, owners, compute)
    return jax.tree.unflatten(tree, leaves)


def compile_ahead(
    function: Callable[..., Any],
    static: tuple[Any, ...],
    lanes: Sequence[np.ndarray],
    *,
    devices: Devices,
    share: float = 1,
    wide: bool = False,
) -> None:
    """Begin to compile what ``vmap_in_chunks`` will ask for, in another thread while this one goes on.

    XLA compiles on one core and lets Python go on meanwhile. What goes wrong is raised where the program is asked for.

    Args:
        function: as there, and so the others.
        static: the same.
        lanes: of the same shapes, but for the number of lanes, and types; what stands in them does not matter.
        devices: the same.
        share: the same.
        wide: the same.
    """
    width, specs, options = _width(devices, share), tuple(map(_lane_spec, lanes)), _options(devices, wide)
    key = (function, static, width, specs, devices, options)
    if key in _BEGUN:
        return

    program = _compiled(function, static, len(lanes), 0, devices, options)  # here: caches may miss twice in two threads

    def work() -> Callable[..., Any]:
        given = [jax.ShapeDtypeStruct((width, *shape), np.dtype(kind)) for shape, kind in specs]
        with jax.enable_x64(True):
            return program.lower(*given).compile()

    _BEGUN[key] = ThreadPoolExecutor(1).submit(work)


def _width(devices: Devices, share: float) -> int:
    """Lanes of a chunk."""
    return len(devices) * max(1, int(lanes_per_chunk(devices) / len(devices) / share))


def _options(devices: Devices, wide: bool, fused: bool = False) -> Options:
    """What programs are compiled with."""
    tables = (COMPILED, *((WIDE,) if wide else ()), *((FUSED,) if fused else ()))
    return tuple(option for table in tables for option in table.get(devices[0].platform, {}).items())


def _lane_spec(array: np.ndarray) -> tuple[tuple[int, ...], str]:
    return array.shape[1:], array.dtype.str


def _spec(array: np.ndarray | float) -> tuple[tuple[int, ...], str]:
    return np.shape(array), np.asarray(array).dtype.str


@cache
def _tree(
    function: Callable[..., Any],
    static: tuple[Any, ...],
    lanes: tuple[tuple[tuple[int, ...], str], ...],
    common: tuple[tuple[tuple[int, ...], str], ...],
) -> Any:
    """How a result is put together of arrays; nothing is compiled or run."""
    given = [jax.ShapeDtypeStruct(shape[1:], np.dtype(kind)) for shape, kind in lanes]
    given += [jax.ShapeDtypeStruct(shape, np.dtype(kind)) for shape, kind in common]
    with jax.enable_x64(True):
        return jax.tree.structure(jax.eval_shape(partial(function, *static), *given))


def _in_chunks(
    function: Callable[..., Any],
    static: tuple[Any, ...],
    lanes: Sequence[np.ndarray],
    common: Sequence[np.ndarray | float],
    devices: Devices,
    width: int,
    options: Options,
) -> Any:
    count, chunks = len(lanes[0]), []
    specs = tuple(map(_lane_spec, lanes))
    begun = None if len(common) else _BEGUN.get((function, static, width, specs, devices, options))
    program = begun.result() if begun else _compiled(function, static, len(lanes), len(common), devices, options)
    with jax.enable_x64(True):
        for first in range(0, count, width):
            chunk = [lane[first : first + width] for lane in lanes]
            size = len(chunk[0])
            # padded by copies of a real lane, which are over when it is: an empty one might run to the last step
            padded = [np.concatenate([lane, lane[:1].repeat(width - size, axis=0)]) for lane in chunk]
            chunks.append((size, program(*padded, *common)))  # the next is under way before the first is read
    pieces = [jax.tree.map(lambda field, size=size: np.asarray(field)[:size], ended) for size, ended in chunks]
    return jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)


@cache
def _compiled(
    function: Callable[..., Any], static: tuple[Any, ...], lanes: int, common: int, devices: Devices, options: Options
) -> Any:
    """The jitted program of a chunk, kept for the process: ``jax.jit`` compiles every new function object again."""
    mesh = Mesh(np.array(devices), ("lane",))
    batched = jax.vmap(partial(function, *static), in_axes=(0,) * lanes + (None,) * common)
    split, whole = PartitionSpec("lane"), PartitionSpec()
    return jax.jit(
        jax.shard_map(
            batched, mesh=mesh, in_specs=(split,) * lanes + (whole,) * common, out_specs=split, check_vma=False
        ),
        compiler_options=dict(options),
    )
