"""The registry: every name builds, imports are lazy, an unknown name lists the known ones."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.registry import binding, binding_between_runs, binding_once_played, build, describe
from loop.contracts import Adapter
from loop.errors import UnknownName
from tests.adapters.helpers import TABLE, context
from tests.adapters.plates import robots

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", [name for name, _ in describe()])
def test_every_registered_name_builds_an_adapter(tmp_path: Path, name: str) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    options: dict[str, Any] = {
        "ase": {"calculator": "ase.calculators.emt:EMT"},
        "callable": {"function": "math:sin"},
        "command": {"program": "orca"},
        "csv_folder": {"folder": "robot"},
        "emulator": {"table": "table.csv"},
        "instrument": {"folder": "hplc"},
        "http": {"url": "https://robot.example"},
        "sila2": {"address": "localhost:1"},
        "opentrons": robots.options(),
        "pylabrobot": {"deck": robots.OT2},
        "qcfractal": {"address": "https://qc.example", "program": "psi4", "method": "pbe0"},
        "several": {"laboratories": {"one": {"adapter": "emulator", "table": "table.csv"}}},
    }.get(name, {})
    chemistry = {"ase": "energy", "command": "gap", "pyscf": "gap", "qcfractal": "energy", "xtb": "gap"}
    targets = {chemistry[name]: "eV"} if name in chemistry else {"yield": "%"}
    asked = replace(context(tmp_path), targets=targets, recipe=robots.recipe())

    assert isinstance(build(name, options, asked), Adapter)


def test_every_name_has_a_summary_of_one_line() -> None:
    lines = (
        "ase ask_tell callable command csv_folder emulator http instrument manual opentrons",
        "pylabrobot pyscf qcfractal several sila2 simulated xtb",
    )
    assert " ".join(name for name, _ in describe()) == " ".join(lines)
    assert all(summary and "\n" not in summary for _, summary in describe())


def test_options_that_say_how_a_laboratory_is_asked_bind_nobody() -> None:
    robot = {"url": "https://robot", "timeout": 5, "token": "$T"}

    assert binding("http", robot) == {"url": "https://robot"}
    assert binding("my:Own", robot) == robot
    members = {"laboratories": {"a": {"adapter": "http", **robot}, "b": {"adapter": "emulator", "table": "t.csv"}}}
    assert binding("several", members) == {
        "laboratories": {
            "a": {"adapter": "http", "url": "https://robot"},
            "b": {"adapter": "emulator", "table": "t.csv"},
        }
    }


@pytest.mark.parametrize("name", ["ase", "callable", "command", "pyscf", "xtb"])
def test_what_a_calculation_may_take_binds_nobody_and_how_it_is_done_does(name: str) -> None:
    kept = {"method": "GFN1-xTB", "run_on": {"dask": {"address": "tcp://here:1"}}}

    assert binding(name, {**kept, "workers": 4, "cores": 2, "timeout": 60, "memory": 4000}) == kept


@pytest.mark.parametrize("name", ["ase", "callable", "command", "pyscf", "xtb"])
def test_how_jobs_are_submitted_to_slurm_binds_nobody_and_to_which_cluster_does(name: str) -> None:
    plain = binding(name, {"run_on": "slurm"})

    assert plain == binding(name, {"run_on": {"slurm": {"partition": "short", "setup": ["module load chem"]}}})
    assert plain == binding(name, {"run_on": {"slurm": {"extra": ["--constraint=avx512"], "arrays": True}}})
    assert plain != binding(name, {"run_on": {"slurm": {"extra": ["--clusters=other"]}}})
    assert plain != binding(name, {"run_on": "local"})
    assert binding(name, {"run_on": {"slurm": {}, "dask": {}}}) == {"run_on": {"slurm": {}, "dask": {}}}


def test_what_stands_on_a_deck_binds_while_a_plate_is_in_hand_only() -> None:
    robot = {"robot": "http://robot", "deck": {"tips": []}, "tips": "each", "by_hand": ["heat"]}
    members = {"laboratories": {"a": {"adapter": "opentrons", **robot}, "b": {"adapter": "manual", "worksheet": "a"}}}

    assert binding("opentrons", {**robot, "poll": 1.0}) == robot
    assert binding_once_played("opentrons", robot) == {o: said for o, said in robot.items() if o != "robot"}
    assert binding_between_runs("opentrons", {**robot, "runs": "each"}) == {"runs": "each"}
    assert binding_between_runs("pylabrobot", {**robot, "layout": "a.json"}) == {"robot": "http://robot"}
    assert binding_between_runs("several", members) == {
        "laboratories": {
            "a": {"adapter": "opentrons"},
            "b": {"adapter": "manual", "worksheet": "a"},
        }
    }


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownName, match=r"unknown adapter 'emulater' \(did you mean 'emulator'\?\); known: ase, ask_tell, callable, "
    ):
        build("emulater", {}, context(tmp_path))


def test_asking_for_names_imports_no_adapter() -> None:
    code = (
        "import sys; from adapters.registry import describe; describe()\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('adapters', 'pydantic', 'rdkit', 'torch')))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)

    assert said.stdout == "['adapters', 'adapters.registry']\n"
