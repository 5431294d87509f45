"""Slurm as executor; ``adapters.executors.placing`` names ``options:place``."""

from adapters.executors.slurm.executor import SlurmExecutor
from adapters.executors.slurm.options import SlurmOptions

__all__ = ["SlurmExecutor", "SlurmOptions"]
