"""Options of ``run_on: slurm``: how jobs are submitted, how many, and how often the queue is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from adapters.common.options import Options, read_options
from adapters.compute.evaluation import Evaluator
from adapters.executors.job import Limits
from adapters.executors.slurm.commands import Slurm
from loop.contracts import Adapter, Delivery
from loop.errors import NotSetUp

EXAMPLE: Final = """\
laboratory:
  adapter: xtb
  workers: 50
  run_on:
    slurm: {partition: short, account: chem17, setup: [module load chem]}
"""
DELIVERY: Final = Delivery.TWO_PHASE  # submitted on hold, then released
JOBS: Final = 100  # in the queue at once: what many centres allow one person
_OURS: Final = frozenset(
    {"hold", "parsable", "wrap", "array", "job-name", "comment", "chdir", "output", "error", "open-mode", "time", "mem"}
    | {"mem-per-cpu", "cpus-per-task", "ntasks", "partition", "account", "qos", "requeue", "no-requeue", "dependency"}
)


class SlurmOptions(Options):
    """What ``run_on: {slurm: {...}}`` may say."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    arrays: bool = False  # a batch is submitted as one job array
    requeue: bool = False  # after a failure of the node Slurm itself begins the job anew
    setup: list[str] = Field(default_factory=list)  # lines of the job script before the calculation: module load ...
    extra: list[str] = Field(default_factory=list)  # further options of sbatch, such as --constraint=avx512
    poll: Annotated[float, Field(ge=0)] = 5.0  # seconds between two looks at the queue at the least
    silence: Annotated[float, Field(gt=0)] = 120.0  # seconds until a job that left the queue without a word is lost

    @field_validator("extra")
    @classmethod
    def _check_extra(cls, extra: list[str]) -> list[str]:
        for option in extra:
            name = option.removeprefix("--").split("=")[0]
            if not option.startswith("--") or not name:
                raise ValueError(f"options of sbatch as --name or --name=value; {option!r} is none")
            if name in _OURS:
                raise ValueError(f"options that hakken does not set itself; --{name} is set by it")
        return extra


def lacking() -> str | None:
    """What submitting jobs needs here, with the remedy."""
    try:
        Slurm().check_set_up()
    except NotSetUp as error:
        return str(error)
    return None


def place(
    folder: str, evaluator: Evaluator, limits: Limits, workers: int | None, options: Mapping[str, Any]
) -> Adapter:
    """The executor, as ``adapters.executors.placing`` asks for it; raises ``AdapterOptionsError``."""
    from adapters.executors.slurm.executor import SlurmExecutor

    settings = read_options(SlurmOptions, "slurm", options)
    return SlurmExecutor(folder, evaluator, workers or JOBS, limits, settings)
