"""Placing: an evaluator goes to the executor that the campaign file names; a new executor is a module and a line here.

``run_on: local``, ``run_on: slurm`` or ``run_on: {slurm: {partition: short}}``. Nothing is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, Final, cast

from pydantic import Field

from adapters.common.options import Options
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterOptionsError
from adapters.executors.job import Limits
from loop.contracts import Adapter
from loop.errors import did_you_mean

_TABLE: Final[dict[str, tuple[str, str]]] = {
    "dask": (
        "adapters.executors.dask:place",
        "workers of a Dask scheduler, which dask-jobqueue starts on PBS, SGE or LSF",
    ),
    "local": ("adapters.executors.local:place", "child processes of this machine, which survive whoever started them"),
    "slurm": (
        "adapters.executors.slurm.options:place",
        "jobs of a Slurm cluster that shares this folder with its nodes",
    ),
}


# What a calculation may take, which is its own from its start: these may change while others go on.
LIMITS: Final = frozenset({"workers", "cores", "timeout", "memory"})
# Options on which no number of a calculation depends: how it is run, and what of it is told.
ASIDE: Final = LIMITS | {"run_on", "properties"}


class ComputeOptions(Options):
    """What a campaign file may say of every laboratory that calculates."""

    workers: Annotated[int, Field(ge=1)] | None = None  # calculations at once; the executor's own number when left out
    cores: Annotated[int, Field(ge=1)] = 1  # threads of each
    timeout: Annotated[float, Field(gt=0)] = 600.0  # seconds for each
    memory: Annotated[int, Field(ge=64)] = 2048  # MiB for each
    run_on: str | dict[str, dict[str, Any] | None] = "local"  # an executor, or one with its options


def place(laboratory: str, evaluator: Evaluator, settings: ComputeOptions, folder: str) -> Adapter:
    """The adapter that runs ``evaluator`` where ``settings.run_on`` says.

    Raises:
        AdapterOptionsError: There is no such executor, or its options are wrong.
    """
    name, options = _chosen(laboratory, settings.run_on)
    module, function = _TABLE[name][0].split(":")
    limits = Limits(settings.cores, settings.timeout, settings.memory * 2**20)
    try:
        build = getattr(import_module(module), function)
        return cast(Adapter, build(folder, evaluator, limits, settings.workers, options))
    except AdapterOptionsError as error:
        raise AdapterOptionsError(laboratory, [f"run_on {name}: {problem}" for problem in error.problems]) from None


def runs_here(settings: ComputeOptions) -> bool:
    """Whether calculations run on this machine, with what is installed here."""
    return "local" in ([settings.run_on] if isinstance(settings.run_on, str) else settings.run_on)


def executors() -> tuple[tuple[str, str], ...]:
    """Name and one-line summary of every executor, sorted by name."""
    return tuple((name, summary) for name, (_, summary) in sorted(_TABLE.items()))


def module_of(name: str) -> str:
    """The module behind a name in the table."""
    return _TABLE[name][0].partition(":")[0]


def lacking(name: str) -> str | None:
    """What this machine lacks for an executor, with the remedy; None where it lacks nothing."""
    return cast("str | None", import_module(module_of(name)).lacking())


def _chosen(laboratory: str, run_on: str | Mapping[str, Mapping[str, Any] | None]) -> tuple[str, Mapping[str, Any]]:
    chosen = {run_on: None} if isinstance(run_on, str) else run_on
    if len(chosen) != 1:
        got = ", ".join(chosen) or "none"
        raise AdapterOptionsError(laboratory, [f"option 'run_on' names one executor, got {got}; keep one"])
    ((name, options),) = chosen.items()
    if name == "qcfractal":  # decision 0037
        text = "option 'run_on': 'qcfractal' is a laboratory of its own, which computes its own records"
        raise AdapterOptionsError(laboratory, [f"{text}; say adapter: qcfractal, with program and method"])
    if name not in _TABLE:
        known = ", ".join(sorted(_TABLE))
        raise AdapterOptionsError(
            laboratory, [f"option 'run_on' is {name!r}, and no executor is{did_you_mean(name, _TABLE)}; known: {known}"]
        )
    return name, options or {}
