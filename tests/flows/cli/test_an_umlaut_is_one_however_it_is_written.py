"""Names with umlauts: in one sign or in two, as a Mac writes them, they are the same names."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pytest

SPEC = {
    "campaign": "c",
    "space": {
        "base": {"type": "category", "options": ["Ätzkali", "Öl"]},
        "solvent": {"type": "component", "options": {"Äther": "CCOCC", "Wasser": "O"}},
        "pace": {"type": "ordinal", "options": ["träge", "flink"]},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%"}},
    "planner": {"surrogate": "random", "batch": 2},
    "budget": {"experiments": 20},
    "laboratory": {"adapter": "simulated"},
}
ROWS = "base,solvent,pace,yield\nÄtzkali,Äther,träge,20\nÖl,Wasser,flink,40\n"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_told_name_is_the_option_of_the_file(tell_table: Any, hakken: Any, form: str) -> None:
    tell_table(SPEC, normalize(form, ROWS))

    best = hakken("best", "c", "--json").json["best"]

    assert [c["settings"] for c in best["candidates"]] == [
        {"base": "Öl", "solvent": "Wasser", "pace": "flink"},
        {"base": "Ätzkali", "solvent": "Äther", "pace": "träge"},
    ]


def test_both_forms_are_one_candidate(tell_table: Any, hakken: Any) -> None:
    first = ROWS.splitlines()[1]
    tell_table(SPEC, "\n".join([ROWS.splitlines()[0], normalize("NFC", first), normalize("NFD", first) + "1"]))

    (found,) = hakken("best", "c", "--json").json["best"]["candidates"]

    assert found["experiments"] == 2


def test_a_person_may_name_it_either_way(tell_table: Any, hakken: Any) -> None:
    tell_table(SPEC, ROWS)

    said = hakken("ban", "c", "--where", normalize("NFD", "solvent=Äther"), "--why", "smells")

    assert said.code == 0, said.err
    assert "solvent=Äther" in hakken("decisions", "c").out.replace(" ", "")


def test_one_name_in_both_forms_is_given_twice(tmp_path: Any, hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    twice = f"{normalize('NFC', 'Öl')}, {normalize('NFD', 'Öl')}"
    (tmp_path / "c.yaml").write_text(
        f"campaign: c\nspace: {{base: {{type: category, options: [{twice}]}}}}\n"
        "objective: {yield: {goal: maximize}}\nlaboratory: {adapter: simulated}\nbudget: {experiments: 9}\n"
    )

    said = hakken("validate", "c.yaml")

    assert said.code == 2
    assert "is given twice" in said.err
