"""Files that a campaign file names: a guess at how one is written is said, and said once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.named_files import reader

CAMPAIGN = """
campaign: priced
space:
  ligand: {type: component, file: ligands.csv, name: ligand}
objective: {yield: {goal: maximize, unit: "%"}}
costs: {prices: {ligand: price}}
budget: {cost: 40}
laboratory: {adapter: manual}
"""
LIGANDS = "ligand;smiles;price\nPhénol;Oc1ccccc1;4,5\nmethanol;CO;0,5\n"


def test_a_guess_is_said_once_however_often_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "ligands.csv").write_bytes(LIGANDS.encode("cp1252"))
    said: list[str] = []
    read = reader(tmp_path, said.append)

    assert read("ligands.csv") == read("ligands.csv") == LIGANDS
    assert said == ["ligands.csv is not in UTF-8, and was read as Windows-1252"]


def test_options_and_their_prices_from_one_file_are_remarked_on_once(hakken: Any, tmp_path: Path) -> None:
    (tmp_path / "ligands.csv").write_bytes(LIGANDS.encode("cp1252"))
    (tmp_path / "priced.yaml").write_text(CAMPAIGN)

    said = hakken("validate", tmp_path / "priced.yaml")

    assert said.code == 0, said.err
    assert said.out.count("was read as Windows-1252") == 1
