"""Adapters as ``--adapter`` names them: each of ours, the sound one of the tests, and whatever is no trial.

Those of robots and of laboratories over HTTP come with their adapters (``adapters.opentrons.trial``,
``adapters.pylabrobot.trial``, ``adapters.http.trial``). What runs beside an adapter, such as a server or a device, is
made when the first adapter is.
"""

from __future__ import annotations

import atexit
import csv
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from adapters.executors.job import Limits
from adapters.executors.local import LocalExecutor
from adapters.registry import build
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec
from loop.testing.adapter import Trial
from tests.adapters.broken import Bench, RunsTwice
from tests.adapters.executors.jobs import MOLECULE, ruler, runs
from tests.adapters.helpers import EXPERIMENT, context, count_starts

T = TypeVar("T")

REFUSED = replace(EXPERIMENT, targets={"colour": ""})
HYDROGEN = ExperimentSpec("energies", {"molecule": "H2"}, {}, {"molecule": "[H][H]"}, {"energy": "hartree"})
LIMITS = Limits(timeout=60.0, memory=256 * 2**20)


class Beside(Generic[T]):
    """What works beside the adapter of the law that is tried just now, in its folder."""

    def __init__(self, begin: Callable[[Path], T], end: Callable[[T], object] = lambda _: None) -> None:
        self._begin, self._end = begin, end
        self._folder: Path | None = None
        self._is_registered = False

    def at(self, folder: Path) -> T:
        if folder != self._folder:
            self._over()
            self.now, self._folder = self._begin(folder), folder
        if not self._is_registered:
            threading._register_atexit(self._over)  # type: ignore[attr-defined]  # before threads of servers are joined
            self._is_registered = True
        return self.now

    def _over(self) -> None:
        if self._folder is not None:
            self._end(self.now)
            self._folder = None


def _count(folder: Path, key: AttemptKey) -> int:
    path = folder / "runs.txt"
    return path.read_text().splitlines().count(key) if path.exists() else 0


def _simulated(folder: Path) -> Adapter:
    return build("simulated", {}, context(folder))


sound = Trial(Bench, EXPERIMENT, REFUSED, _count)
simulated = Trial(_simulated, EXPERIMENT, REFUSED, lambda folder, key: count_starts(folder / "lab", key))
local = Trial(
    lambda folder: LocalExecutor(folder / "lab", ruler(), 2), MOLECULE, replace(MOLECULE, smiles={}), runs, shuffles=3
)


# Laboratories that calculate.


def _calculating(name: str, experiment: ExperimentSpec, **options: Any) -> Trial:
    def make(folder: Path) -> Adapter:
        told = AdapterContext(str(folder / "lab"), str(folder), experiment.campaign, experiment.targets)
        return build(name, {"workers": 2, "timeout": 120.0, **options}, told)

    return Trial(make, experiment, replace(experiment, targets={"colour": ""}), runs, shuffles=1)


pyscf = _calculating("pyscf", HYDROGEN, functional="hf", basis="sto-3g", density_fit=False, properties=["energy"])
ase = _calculating("ase", replace(HYDROGEN, targets={"energy": "eV"}), calculator="ase.calculators.emt:EMT")
command = _calculating(
    "command",
    ExperimentSpec("own", {"temperature": 300.0}, {"temperature": "K"}, {}, {"gap": "eV"}),
    command=[sys.executable, "-I", "-S", "-c", "print('gap', 1.5 + $temperature)"],
    parse={"gap": {"regex": r"gap (\S+)", "unit": "eV"}},
)


# Queues, real ones on this machine.


@cache
def _slurm_cluster() -> None:
    from tests.adapters.executors.clusters import OneNodeSlurm

    cluster = OneNodeSlurm()
    os.environ.update(cluster.environ)
    atexit.register(cluster.close)


def _slurm(folder: Path) -> Adapter:
    from adapters.executors.slurm import SlurmExecutor, SlurmOptions

    _slurm_cluster()
    return SlurmExecutor(folder / "lab", ruler(), limits=LIMITS, settings=SlurmOptions(poll=0.0, silence=1.5))


@cache
def _dask_address() -> str:
    from tests.adapters.executors.clusters import OneNodeDask

    cluster = OneNodeDask(workers=1)
    atexit.register(cluster.close)
    return cluster.address


def _dask(folder: Path) -> Adapter:
    from adapters.executors.dask import DaskExecutor, DaskOptions

    return DaskExecutor(folder / "lab", ruler(), DaskOptions(address=_dask_address(), silence=3.0))


slurm = Trial(_slurm, MOLECULE, replace(MOLECULE, smiles={}), runs, shuffles=1)
dask = Trial(_dask, MOLECULE, replace(MOLECULE, smiles={}), runs, shuffles=1)


# People and devices.


def _rig(folder: Path) -> Any:
    from tests.adapters.csv_folder.rigs import FolderRig

    return FolderRig(folder / "rig")


_rigs: Beside[Any] = Beside(_rig)


def _csv_folder(folder: Path) -> Adapter:
    _rigs.at(folder)
    return build("csv_folder", {"folder": "rig", "taken": "taken"}, context(folder))


def _let_it_work(_adapter: Adapter, _handle: Any) -> None:
    while _rigs.now.work():
        pass


_sheets: Beside[Path] = Beside(lambda folder: folder / "lab" / "worksheet.csv")


def _manual(folder: Path) -> Adapter:
    _sheets.at(folder)
    return build("manual", {}, context(folder))


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())) if path.exists() else []


def _type_results(_adapter: Adapter, _handle: Any) -> None:
    rows = _rows(_sheets.now)
    with _sheets.now.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "yield [%]": row["yield [%]"] or "61.5"} for row in rows)


def _bench(folder: Path) -> Any:
    from tests.adapters.sila.sila_bench import SilaBench

    return SilaBench(folder / "bench")


_benches: Beside[Any] = Beside(_bench, lambda bench: bench.stop())


def _sila2(folder: Path) -> Adapter:
    options = {"address": _benches.at(folder).address, "trust": "nothing", "timeout": 5.0}
    return build("sila2", options, context(folder))


csv_folder = Trial(
    _csv_folder, EXPERIMENT, REFUSED, lambda folder, key: _rigs.at(folder).runs()[key], _let_it_work, shuffles=5
)
manual = Trial(
    _manual,
    EXPERIMENT,
    REFUSED,
    lambda folder, key: sum(row["key"] == key for row in _rows(_sheets.at(folder))),
    _type_results,
    shuffles=5,
)
sila2 = Trial(_sila2, EXPERIMENT, REFUSED, lambda folder, key: _benches.at(folder).runs()[key], shuffles=3)


class Doubling(RunsTwice):
    """Broken, and with a trial of its own."""

    trial: Trial


Doubling.trial = Trial(Doubling, EXPERIMENT, REFUSED, _count)
