"""``run_on``: where an evaluator runs, and what is said of a word that is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterOptionsError
from adapters.executors.local import LocalExecutor
from adapters.executors.placing import executors
from adapters.registry import build
from loop.contracts import Adapter
from tests.adapters.helpers import context


def xtb(folder: Path, **options: Any) -> Adapter:
    return build("xtb", options, replace(context(folder), targets={"gap": "eV"}))


@pytest.mark.parametrize("said", [{}, {"run_on": "local"}, {"run_on": {"local": None}}, {"run_on": {"local": {}}}])
def test_what_says_nothing_else_runs_here_one_at_a_time(tmp_path: Path, said: dict[str, Any]) -> None:
    laboratory = xtb(tmp_path, **said)

    assert isinstance(laboratory, LocalExecutor)
    assert laboratory.capabilities().max_parallel == 1
    assert xtb(tmp_path, workers=3, **said).capabilities().max_parallel == 3


def test_every_executor_has_a_summary_of_one_line() -> None:
    names = [name for name, _ in executors()]

    assert names == sorted(names)
    assert "local" in names
    assert all(summary and "\n" not in summary for _, summary in executors())


@pytest.mark.parametrize(
    ("run_on", "message"),
    [
        ("lokal", r"option 'run_on' is 'lokal', and no executor is \(did you mean 'local'\?\); known: .*local"),
        (
            "qcfractal",
            r"'qcfractal' is a laboratory of its own, which computes its own records; say adapter: qcfractal",
        ),
        ({}, "option 'run_on' names one executor, got none; keep one"),
        ({"local": {}, "other": {}}, "option 'run_on' names one executor, got local, other; keep one"),
        ({"local": {"workers": 2}}, "laboratory 'xtb': run_on local: unknown option 'workers'"),
        ({"local": 2}, "option 'run_on.local' must be: "),
        (7, "option 'run_on' must be: "),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, run_on: Any, message: str) -> None:
    with pytest.raises(AdapterOptionsError, match=message):
        xtb(tmp_path, run_on=run_on)


def test_doctor_says_what_this_machine_lacks_for_each(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = {c["subject"]: c for c in hakken("doctor", "--json").json["checks"] if c["area"] == "executors"}

    assert list(found) == ["dask", "local", "slurm"]
    assert found["local"]["verdict"] == "ok"
    assert found["slurm"]["verdict"] == "note"
    assert found["slurm"]["remedy"].startswith(
        "there is no sbatch on this machine; run hakken where jobs are submitted"
    )
