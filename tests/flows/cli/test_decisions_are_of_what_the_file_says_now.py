"""Decisions on proposals that were planned before the campaign file changed: they are of what that says now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

BASE: dict[str, Any] = {"type": "category", "options": ["KOAc", "DBU", "CsF", "KOH", "NaH"]}


def write(**space: Any) -> str:
    """The campaign file; a person approves each batch."""
    spec = {
        "campaign": "small",
        "space": space,
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "planner": {"surrogate": "random", "batch": 2, "initial": {"design": "random", "experiments": 2}},
        "budget": {"experiments": 20},
        "laboratory": {"adapter": "simulated", "approval": "person"},
    }
    Path("small.yaml").write_text(json.dumps(spec), encoding="utf-8")
    return "small.yaml"


def test_an_edit_is_what_the_file_calls_so_now(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hakken("run", write(base=BASE)).code == 0
    write(base=BASE | {"options": ["LiOH", *BASE["options"]]})
    assert hakken("tick", "small.yaml").code == 0

    for number, base in enumerate(("LiOH", "KOH"), start=1):  # one that is new, and one that has another number now
        assert hakken("edit", "small", "1", number, "--set", f"base={base}", "--why", "it is at hand").code == 0

    shown = hakken("show", "small", 1, "--json").json["proposals"]
    edited = [p["proposal"]["draft"]["candidate"]["settings"]["base"] for p in shown if p["proposal"]["approved"]]
    assert edited == ["LiOH", "KOH"]


def test_proposals_that_would_not_be_sent_by_now_are_named(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hakken("run", write(base=BASE)).code == 0
    shown = hakken("show", "small", "1", "--json").json["proposals"]
    gone = shown[0]["proposal"]["draft"]["candidate"]["settings"]["base"]
    write(base=BASE | {"options": [base for base in BASE["options"] if base != gone]})

    said = hakken("tick", "small.yaml")

    assert (
        f"1 proposal waits for approval outside of the space since the campaign file was changed: 1. {gone}" in said.out
    )
    assert "Approved, it is not sent; hakken edit small changes one" in said.out
    approved = hakken("approve", "small", "1")
    assert f"since the campaign file was changed: 1. {gone} (parameter 'base' has no option '{gone}')" in approved.out
    assert "Approved, it is not sent; hakken pin small fills its place" in approved.out


def test_an_edit_leaves_out_a_parameter_that_the_file_has_no_more(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hours = {"type": "number", "values": [1, 2, 4, 8], "unit": "h"}
    assert hakken("run", write(base=BASE, hours=hours)).code == 0
    first = hakken("show", "small", 1, "--json").json["proposals"][0]["proposal"]["draft"]
    base, was = (first["candidate"]["settings"][name] for name in ("base", "hours"))
    write(base=BASE)

    said = hakken("tick", "small.yaml")
    edited = hakken("edit", "small", 1, first["run_order"] + 1, "--set", f"base={base}", "--why", "as it is")

    assert f"{base}, hours {was:g} (unknown parameter 'hours')" in said.out
    assert edited.code == 0, edited.err
    assert f"proposal {first['run_order'] + 1} of round 1 is now {base}\n" in edited.out


def test_what_waits_with_a_word_where_the_file_has_a_number_by_now_is_named(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    doses = {"type": "category", "options": ["none", "little", "much"]}
    assert hakken("run", write(base=BASE, dose=doses)).code == 0
    write(base=BASE, dose={"type": "number", "low": 0, "high": 10})

    said = hakken("tick", "small.yaml")

    assert said.code == 0, said.err
    assert "2 proposals wait for approval outside of the space since the campaign file was changed: 1. " in said.out
    assert "(parameter 'dose': must be a finite number in 'no unit', got '" in said.out


def test_decisions_know_another_name_of_a_substance(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bases = {"type": "component", "options": {"sodium": "[OH-].[Na+]"}}
    hours = {"type": "number", "values": [1, 2, 4, 8]}
    assert hakken("run", write(base=bases, hours=hours)).code == 0
    write(base=bases | {"options": {"NaOH": "[OH-].[Na+]"}}, hours=hours)
    assert hakken("tick", "small.yaml").code == 0
    shown = hakken("show", "small", 1, "--json").json["proposals"]
    free = {1, 2, 4, 8} - {p["proposal"]["draft"]["candidate"]["settings"]["hours"] for p in shown}

    said = hakken("edit", "small", "1", "1", "--set", f"hours={min(free)}", "--why", "it is late")

    assert said.code == 0, said.err
    assert "is now NaOH" in said.out
    refuse = ("approve", "small", "1", "--refuse", "--meaning", "cannot", "--why", "it precipitates")
    assert hakken(*refuse).code == 0
    while hakken("show", "small", "2").code != 0:
        assert hakken("tick", "small").code == 0
    assert "passed over" not in hakken("show", "small", "2").out
