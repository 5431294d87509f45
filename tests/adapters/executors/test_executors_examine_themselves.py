"""``examine``: each thing that an executor rests on, really looked at; what is lacking is a problem with its remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.executors.dask import DaskExecutor, DaskOptions
from adapters.executors.job import Limits, resting_on
from adapters.executors.local import LocalExecutor
from adapters.executors.slurm import SlurmExecutor, SlurmOptions
from loop.contracts import Finding, SupportsExamination
from tests.adapters.executors.clusters import OneNodeDask, OneNodeSlurm
from tests.adapters.executors.jobs import ruler


def found_by(executor: SupportsExamination) -> dict[str, Finding]:
    return {finding.subject: finding for finding in executor.examine()}


def test_packages_have_versions_programs_places_and_what_is_missing_remedies() -> None:
    needs = {"numpy": "install it", "no_such_package": "install that"}
    evaluator = replace(ruler("measure"), requires=needs, programs={"sh": "find it", "no-such-program": "buy it"})

    found = {f.subject: f for f in resting_on(evaluator)}

    assert found["package numpy"].found[0].isdigit()
    assert found["program sh"].found.endswith("/sh")
    assert (found["package no_such_package"].verdict, found["package no_such_package"].remedy) == (
        "problem",
        "install that",
    )
    assert (found["program no-such-program"].verdict, found["program no-such-program"].remedy) == ("problem", "buy it")
    assert not [f for f in resting_on(evaluator, programs=False) if f.subject.startswith("program")]


def test_more_cores_than_there_are_is_noted(tmp_path: Path) -> None:
    few, many = (LocalExecutor(tmp_path, ruler("measure"), n, Limits(cores=1)) for n in (1, 10_000))

    assert found_by(few)["cores"].verdict == "ok"
    assert found_by(many)["cores"].verdict == "note"
    assert not (tmp_path / "jobs").exists()


def test_slurm_tells_of_its_version_controller_and_partition(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    there = found_by(SlurmExecutor(tmp_path, ruler("measure"), settings=SlurmOptions(partition="main")))
    default = found_by(SlurmExecutor(tmp_path, ruler("measure")))
    wrong = found_by(SlurmExecutor(tmp_path, ruler("measure"), settings=SlurmOptions(partition="mian")))

    assert {f.verdict for f in there.values()} <= {"ok", "note"}
    assert there["Slurm"].found.lower().startswith("slurm")
    assert there["partition"].found == "main is up, 1 node"
    assert default["partition"].verdict == "ok"
    assert wrong["partition"].found == "there is no partition 'mian'; known: main"
    assert there["accounting"].verdict == "note"  # this cluster keeps none

    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    down = found_by(SlurmExecutor(tmp_path, ruler("measure"), settings=SlurmOptions(partition="main")))
    slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
    assert (down["partition"].verdict, down["partition"].found) == ("problem", "partition main is down")


def test_slurm_tells_of_a_partition_whose_nodes_take_no_jobs(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    executor = SlurmExecutor(tmp_path, ruler("measure"), settings=SlurmOptions(partition="main"))
    before = found_by(executor)["partition"]
    slurm.run("scontrol", "update", f"NodeName={slurm.node}", "State=DRAIN", "Reason=repair")
    drained = found_by(executor)["partition"]
    slurm.resume_node()

    assert (before.verdict, before.found) == ("ok", "main is up, 1 node")
    assert (drained.verdict, drained.found) == ("note", "main is up, and none of its nodes takes jobs now (1 in all)")
    assert drained.remedy.startswith("sinfo -R says why")


@pytest.mark.usefixtures("slurm")
def test_several_partitions_are_asked_for_one_by_one(tmp_path: Path) -> None:
    def found(named: str) -> Finding:
        return found_by(SlurmExecutor(tmp_path, ruler("measure"), settings=SlurmOptions(partition=named)))["partition"]

    assert (found("main,main").verdict, found("main,main").found) == ("ok", "main is up, 1 node")
    assert (found("main,nosuch").verdict, found("main,nosuch").found) == (
        "problem",
        "there is no partition 'nosuch'; known: main",
    )


def test_where_there_is_no_slurm_that_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    found = found_by(SlurmExecutor(tmp_path, ruler("measure")))

    assert (found["Slurm"].verdict, "controller" in found) == ("problem", False)  # said once
    assert found["Slurm"].found == "there is no sbatch on this machine"
    assert found["Slurm"].remedy.startswith("run hakken where jobs are submitted")


def test_dask_tells_of_its_workers(dask: OneNodeDask, tmp_path: Path) -> None:
    there = found_by(DaskExecutor(tmp_path, ruler("measure"), DaskOptions(address=dask.address)))
    nowhere = found_by(DaskExecutor(tmp_path, ruler("measure"), DaskOptions(address="tcp://127.0.0.1:9")))

    assert there["scheduler"].verdict == "ok"
    assert "threads" in there["scheduler"].found
    assert (nowhere["scheduler"].verdict, nowhere["scheduler"].remedy) == (
        "problem",
        "start one (dask scheduler), or mend the address",
    )
