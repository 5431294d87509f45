"""Malformed campaign files and tables: one clear message each, exit code 2, no traceback, nothing on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

SOUND = """\
campaign: base
space:
  ligand: {type: component, file: ligands.csv, name: name, smiles: smiles}
  gas: {type: category, options: [N2, "NO"]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: committee,
  batch: 2,
  initial: {design: spread, experiments: 2}}
budget: {experiments: 6}
laboratory: {adapter: simulated}
"""
LIGANDS = "name,smiles\nPPh3,c1ccc(P(c2ccccc2)c2ccccc2)cc1\nPCy3,C1CCC(P(C2CCCCC2)C2CCCCC2)CC1\n"
CASES = yaml.safe_load((Path(__file__).parent / "specs.yaml").read_text(encoding="utf-8"))


def write(case: dict[str, Any], folder: Path) -> None:
    """The case's files in ``folder``, from the sound ones."""
    text = case.get("file", SOUND)
    for old, new in case.get("change", {}).items():
        assert text.count(old) == 1, f"{old!r} is to be replaced once"
        text = text.replace(old, new)
    files = {"campaign.yaml": text, "ligands.csv": LIGANDS, **case.get("tables", {})}
    for name, content in files.items():
        (folder / name).write_text(content, encoding=case.get("encoding", "utf-8"))


def test_the_sound_file_is_sound(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write({}, tmp_path)

    assert hakken("validate", "campaign.yaml").code == 0


def test_there_are_many_cases_and_each_is_its_own() -> None:
    names = [case["name"] for case in CASES]

    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("case", "command"),
    [(case, "validate") for case in CASES] + [(case, "run") for case in CASES[::8]],  # which reads a file as it does
    ids=lambda of: str(of["name"]).replace(" ", "-") if isinstance(of, dict) else of,
)
def test_it_is_refused_with_one_clear_message(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: dict[str, Any], command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(case, tmp_path)

    said = hakken(command, "campaign.yaml")

    assert said.code == 2, said.err
    assert said.err.count("error: ") == 1
    for part in case["says"]:
        assert part in said.err
    for part in case.get("not", ()):
        assert part not in said.err
    assert "Traceback" not in said.err + said.out
    assert not (home.home / "base" / "report.html").exists()
