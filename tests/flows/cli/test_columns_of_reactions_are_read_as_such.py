"""A column of reactions is a choice between reactions, or is said to be one between names."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from flows.cli.starting import guess_campaign
from flows.cli.starting.guessing import Guess
from loop.spec import build_space, read_spec

MAPPED = [
    "[CH3:1][Br:2].[NH3:3]>>[CH3:1][NH2:3].[BrH:2]",
    "[CH3:1][Cl:2].[NH3:3]>>[CH3:1][NH2:3].[ClH:2]",
    "[CH3:1][I:2].[NH3:3]>>[CH3:1][NH2:3].[IH:2]",
]
BARE = ["CBr.N>>CN.Br", "CCl.N>>CN.Cl", "CI.N>>CN.I"]


def guess(header: str, reactions: list[str]) -> Guess:
    rows = [f"{reaction},{10 * i}" for i, reaction in enumerate(reactions)]
    text = "\n".join([f"{header},yield", *rows]) + "\n"
    return guess_campaign(text, source="t.csv", path="t.csv", campaign="c", targets={"yield": "maximize"})


def parameter(found: Guess) -> Any:
    ((_, keys),) = yaml.safe_load(found.text)["space"].items()
    return keys


@pytest.mark.parametrize("header", ["rxn", "reaction", "rxn_smiles", "step"])
def test_reactions_with_numbered_atoms_are_options_of_a_component(header: str) -> None:
    found = guess(header, MAPPED)

    assert parameter(found) == {"type": "component", "options": {text: text for text in MAPPED}}
    assert found.notes == ()
    space = build_space(read_spec(found.text, source="c.yaml", read=lambda _: ""))
    assert [space.contains({header: text}) for text in MAPPED] == [True] * 3


@pytest.mark.parametrize("header", ["rxn", "rxn_smiles"])
def test_reactions_without_numbers_are_names_and_said_to_be(header: str) -> None:
    found = guess(header, BARE)

    assert parameter(found) == {"type": "category", "options": BARE}
    (note,) = found.notes
    assert note.startswith(
        f"column {header!r} has reactions, and models see names alone: line 2: reaction 'CBr.N>>CN.Br'"
    )
    assert "or give each substance that varies a column of its SMILES" in note
