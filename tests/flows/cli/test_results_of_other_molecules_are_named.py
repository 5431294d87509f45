"""A calculation that ended in another molecule, or went otherwise than asked, is said where its result is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ACIDS = """
from adapters.compute.evaluation import Evaluation

def gap(settings):
    if settings["molecule"] == "[NH3+]CC(=O)[O-]":
        details = {"rearranged": "N1-H8 opened, O4-H8 formed"}
        return Evaluation({"gap": (5.0, "eV")}, "acids", "1", ("a level shift helped",), details)
    return 6.0
"""
CAMPAIGN = """
campaign: acids
space: {molecule: {type: molecule, options: {zwitterion: "[NH3+]CC(=O)[O-]", acid: NCC(=O)O}, name: name}}
objective: {gap: {goal: minimize, unit: eV}}
planner: {batch: 2, initial: {experiments: 2}}
budget: {experiments: 2}
laboratory: {adapter: callable, function: "acids:gap"}
"""


def test_a_result_of_another_molecule_is_named_in_its_pass_in_show_and_on_the_page(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("acids.py").write_text(ACIDS)
    Path("acids.yaml").write_text(CAMPAIGN)

    run, shown = hakken("run", "acids.yaml").out, hakken("show", "acids").out
    page = next(tmp_path.rglob("report.html")).read_text()

    (note,) = (line.strip() for line in run.splitlines() if "another molecule" in line)
    assert note.startswith(
        "note: the result of zwitterion is of another molecule than its structure (N1-H8 opened, O4-H8 formed): its "
        "geometry ended there. It counts; hakken retract acids "
    )
    assert note.endswith("takes it out, and hakken ban acids keeps the molecule from being tried again")
    said = "of another molecule than its structure: N1-H8 opened, O4-H8 formed; noted: a level shift helped"
    assert shown.count(said) == 1
    assert said in page
    assert hakken("retract", "acids", note.split("retract acids ")[1].split()[0], "--why", "another molecule").code == 0
