"""What several tests of adapters need: an experiment, a context, a port, a clock that is set by hand."""

from __future__ import annotations

import socket
from pathlib import Path

from adapters.common.folder import Jobs
from loop.contracts import AdapterContext, AttemptKey, ExperimentSpec

EXPERIMENT = ExperimentSpec(
    campaign="arylation",
    settings={"ligand": "PPh3", "temperature": 90.0},
    units={"temperature": "degC"},
    smiles={"ligand": "c1ccc(P(c2ccccc2)c2ccccc2)cc1"},
    targets={"yield": "%"},
)

TABLE = """ligand,structure,temperature,yield,cost
PPh3,c1ccc(cc1)P(c1ccccc1)c1ccccc1,90,12.5,1
PPh3,c1ccc(cc1)P(c1ccccc1)c1ccccc1,90,13.5,1
PPh3,c1ccc(cc1)P(c1ccccc1)c1ccccc1,105,40,1
PCy3,C1CCCCC1P(C1CCCCC1)C1CCCCC1,90,55,2
"""


def context(folder: Path, seed: int = 7) -> AdapterContext:
    """A context whose relative paths start where the adapter's own folder lies."""
    return AdapterContext(str(folder / "lab"), str(folder), "arylation", EXPERIMENT.targets, seed)


def count_starts(folder: Path, key: AttemptKey) -> int:
    """How often a laboratory in ``folder`` ran a key: its order of starts names each run."""
    path = Jobs(folder).root / "order.jsonl"
    return path.read_text().count(f'"{key}"') if path.exists() else 0


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now
