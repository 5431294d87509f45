"""Law 4 through real queues: the engine is killed in each state of a job, and every attempt is computed once."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from loop.outcome import Measured
from tests.flows.engine.bench import add, story_of
from tests.flows.engine.zygote import Zygote

XTB: dict[str, Any] = {
    "space": {
        "molecule": {"type": "molecule", "options": {"water": "O", "ammonia": "N", "methane": "C", "ethane": "CC"}}
    },
    "objective": {"gap": {"goal": "minimize", "unit": "eV"}},
    "planner": {"batch": 2, "initial": {"design": "random", "experiments": 2}, "seed": 1},
    "budget": {"experiments": 4},
}


@pytest.fixture
def zygote(zygote: Zygote) -> Zygote:
    pytest.importorskip("tblite", reason="the xtb laboratory needs hakken[xtb]")
    return zygote


def survives(settings: Settings, folder: Path, zygote: Zygote, run_on: Any, labels: list[str], **environ: str) -> None:
    """A campaign that is killed at each label in turn, then runs to its end."""
    add(settings, folder, **XTB, laboratory={"adapter": "xtb", "workers": 4, "memory": 512, "run_on": run_on})
    died = [zygote.ask(settings.home, environ={**environ, "HAKKEN_CRASH_AT": label}) for label in labels]
    ended = zygote.ask(settings.home, environ=environ)
    story = story_of(settings)
    jobs = [path for path in (settings.folder("small") / "laboratory" / "jobs").iterdir() if path.is_dir()]

    assert died == [-9] * len(labels)
    assert ended == 0
    assert sum(isinstance(outcome, Measured) for *_, outcome in story.results) == 4
    assert len(jobs) == len(story.attempts)
    assert [len((job / "runs.log").read_text().splitlines()) for job in jobs] == [1] * len(jobs)


def test_in_slurm(slurm: Any, settings: Settings, tmp_path: Path, zygote: Zygote) -> None:
    labels = ["slurm.sending", "slurm.sent", "slurm.releasing", "slurm.released"]
    run_on = {"slurm": {"poll": 0.1, "silence": 5.0}}
    survives(settings, tmp_path, zygote, run_on, labels, **slurm.environ)


def test_in_slurm_with_arrays(slurm: Any, settings: Settings, tmp_path: Path, zygote: Zygote) -> None:
    labels = ["slurm.array-sending", "slurm.array-labelled"]  # one in each batch
    run_on = {"slurm": {"poll": 0.1, "silence": 5.0, "arrays": True}}
    survives(settings, tmp_path, zygote, run_on, labels, **slurm.environ)

    assert len(list((settings.folder("small") / "laboratory" / "arrays").glob("*.sh"))) == 2


def test_with_dask(dask: Any, settings: Settings, tmp_path: Path, zygote: Zygote) -> None:
    labels = ["dask.prepared", "dask.sending", "dask.sent"]
    survives(settings, tmp_path, zygote, {"dask": {"address": dask.address, "silence": 5.0}}, labels)


def test_with_a_qcfractal_server(fractal: Any, settings: Settings, tmp_path: Path, zygote: Zygote) -> None:
    labels = ["qcfractal.entered", "qcfractal.sending", "qcfractal.sent", "qcfractal.started"]
    dataset = uuid.uuid4().hex
    login = {"address": fractal.address, "username": "hakken", "password": "$QCFRACTAL_PASSWORD"}
    level = {"program": "rdkit", "method": "MMFF94", "reuse": False, "poll": 0.1, "dataset": dataset, "tag": dataset}
    energy = {"energy": {"goal": "minimize", "unit": "hartree"}}
    add(settings, tmp_path, **{**XTB, "objective": energy}, laboratory={"adapter": "qcfractal", **login, **level})
    secret = {"QCFRACTAL_PASSWORD": fractal.password}
    died = [zygote.ask(settings.home, environ={**secret, "HAKKEN_CRASH_AT": label}) for label in labels]
    ended = zygote.ask(settings.home, environ=secret)
    story = story_of(settings)

    assert died == [-9] * len(labels)
    assert ended == 0
    assert sum(isinstance(outcome, Measured) for *_, outcome in story.results) == 4
    assert len(fractal.records(dataset)) == len(story.attempts)
    assert sorted(run["record"] for run in fractal.runs() if run["tag"] == dataset) == sorted(fractal.records(dataset))
    assert fractal.password not in (settings.home / "hakken.db").read_bytes().decode("latin-1")
