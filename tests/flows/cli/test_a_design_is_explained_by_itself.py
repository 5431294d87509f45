"""``explain`` tells what the first, classical design of a campaign says by itself, beside what models make of all."""

from __future__ import annotations

import csv
import itertools
from typing import Any

import pytest
import yaml

SPACE = {
    "base": {"type": "category", "options": ["weak", "strong"]},
    "temperature": {"type": "number", "low": 40, "high": 100, "unit": "degC"},
    "time": {"type": "number", "low": 1, "high": 9, "unit": "h"},
}


def spec(design: str = "factorial", **changes: Any) -> dict[str, Any]:
    return {
        "campaign": "doe",
        "space": SPACE,
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "planner": {"surrogate": "gp", "initial": {"design": design, "experiments": 8}},
        "budget": {"experiments": 30},
        "laboratory": {"adapter": "manual"},
        **changes,
    }


def rows(extra: str = "", first: str = "10") -> str:
    lines = ["base,temperature,time,yield"]
    for b, t, h in itertools.product(("weak", "strong"), (40, 100), (1, 9)):
        value = 10 + 20 * (t == 100) + 8 * (b == "strong") + 6 * (t == 100) * (h == 9) + 0.4 * (h == 1)
        lines.append(f"{b},{t},{h},{first if (b, t, h) == ('weak', 40, 1) else value}")
    return "\n".join(lines) + "\n" + extra


def test_effects_of_the_design_are_told_beside_what_models_say(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(), rows(extra="weak,70,3,90\n"))  # no point of the design

    said = hakken("explain", "doe").out
    (found,) = hakken("explain", "doe", "--json").json["designed"]

    assert "yield by the first design alone (8 results of factorial, in %)" in said
    assert "Where it was run in random order, these are effects of what was changed; else they may be of what" in said
    assert "note: clear of scatter (95 %):" in said
    effects = {one["term"]: one["change"] for one in found["effects"]}
    assert found["experiments"] == 8
    assert effects["temperature"] == pytest.approx(23, abs=0.3)
    assert effects["base strong"] == pytest.approx(8, abs=0.3)


def test_other_designs_tell_nothing_by_themselves(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(design="spread"), rows())

    assert "by the first design alone" not in hakken("explain", "doe").out
    assert hakken("explain", "doe", "--json").json["designed"] == []


def test_limits_are_left_out_with_a_word_and_logarithms_told_as_such(hakken: Any, tell_table: Any) -> None:
    target = {"impurity": {"goal": "minimize", "unit": "%", "scale": "log"}}
    table = rows(first='"<5"').replace("yield", "impurity")
    tell_table(spec(objective=target), table)

    said = hakken("explain", "doe").out
    (found,) = hakken("explain", "doe", "--json").json["designed"]

    assert found["experiments"] == 7
    assert found["unit"] == "log10(%)"
    assert "note: 1 limit of it is left out, which may mislead" in said


def test_what_has_no_logarithm_is_said_to_be_left_out(hakken: Any, tell_table: Any) -> None:
    target = {"impurity": {"goal": "minimize", "unit": "%", "scale": "log"}}
    tell_table(spec(objective=target), rows(first="0").replace("yield", "impurity"))

    said = hakken("explain", "doe").out

    assert "note: 1 value without a logarithm (zero or less) of it is left out, which may mislead" in said


def test_levels_count_as_numbers_with_a_word(hakken: Any, tell_table: Any) -> None:
    hardness = {"hardness": {"goal": "maximize", "levels": ["B", "HB", "F", "H"]}}
    lines = ["base,temperature,time,hardness"]
    for b, t, h in itertools.product(("weak", "strong"), (40, 100), (1, 9)):
        grade = 2 * (t == 100) + (b == "strong" and h == 9)
        lines.append(f"{b},{t},{h},{hardness['hardness']['levels'][grade]}")
    tell_table(spec(objective=hardness), "\n".join(lines))

    said = hakken("explain", "doe").out
    (found,) = hakken("explain", "doe", "--json").json["designed"]

    assert {one["term"]: one["change"] for one in found["effects"]}["temperature"] == pytest.approx(2)
    assert "note: levels count as numbers from 1 (B) to 4 (H), as if each lay as far from the next" in said


def test_the_page_draws_it(hakken: Any, home: Any, tell_table: Any) -> None:
    tell_table(spec(), rows())

    assert hakken("report", "doe").code == 0
    page = (home.home / "doe/report.html").read_text(encoding="utf-8")

    assert "What the first design tells by itself" in page
    assert "8 results of factorial." in page
    assert "<strong>temperature</strong>" in page


@pytest.mark.parametrize("is_slow", [False, True])
def test_what_ran_in_random_order_here_is_known_to_have(
    hakken: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    slow = {"costs": {"unit": "EUR", "experiment": 5, "switch": {"temperature": {"cost": 3}}}} if is_slow else {}
    own = spec(laboratory={"adapter": "simulated"}, budget={"experiments": 8}, **slow)
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(own, sort_keys=False), encoding="utf-8")
    assert hakken("run", "campaign.yaml").code == 0

    said = hakken("explain", "doe").out

    assert ("run in random order, so that these are effects of what was changed." in said) == (not is_slow)
    assert ("else they may be of what changed meanwhile." in said) == is_slow


def test_days_that_the_file_names_are_taken_out_of_a_derived_target_too(hakken: Any, tell_table: Any) -> None:
    own = spec(noise={"effects": ["day"]}, derived={"waste": {"expression": "100 - yield", "goal": "minimize"}})
    own["space"] = {name: said for name, said in SPACE.items() if name != "time"}
    own["planner"]["initial"]["experiments"] = 4
    told = ["base,temperature,yield,day"]
    for i, (base, t, day) in enumerate(itertools.product(("weak", "strong"), (40, 100), (2, 3))):
        told += [f"{base},{t},{10 + 20 * (t == 100) + 40 * (day == 3) + 0.1 * (i % 3)},2026-11-0{day}"]
    tell_table(own, "\n".join(told))

    found = {one["target"]: one for one in hakken("explain", "doe", "--json").json["designed"]}
    heat = {
        name: next(e["change"] for e in one["effects"] if e["term"] == "temperature") for name, one in found.items()
    }

    assert heat == {"yield": pytest.approx(20, abs=0.2), "waste": pytest.approx(-20, abs=0.2)}
    assert "differences by day are taken out: day 2026-11-03 lies 40 % above day 2026-11-02" in found["yield"]["notes"]


def test_blocks_of_a_design_are_taken_out(hakken: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = spec(laboratory={"adapter": "simulated"}, budget={"experiments": 8})
    own["planner"]["initial"]["blocks"] = 2
    (tmp_path / "doe.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    assert hakken("run", "doe.yaml").code == 0

    (found,) = hakken("explain", "doe", "--json").json["designed"]

    assert any("differences by block" in note for note in found["notes"])


def run(hakken: Any, tmp_path: Any, own: dict[str, Any]) -> None:
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(own, sort_keys=False), encoding="utf-8")
    assert hakken("run", "campaign.yaml").code == 0


def test_of_another_first_design_nothing_counts(hakken: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = {"surrogate": "random", "initial": {"design": "spread", "experiments": 3}}
    own = spec(laboratory={"adapter": "simulated"}, budget={"experiments": 3}, planner=first)
    run(hakken, tmp_path, own)
    own["planner"]["initial"] = {"design": "factorial", "centre": 2, "experiments": 10}
    own["budget"]["experiments"] = 10
    run(hakken, tmp_path, own)

    said = hakken("explain", "doe").out

    assert "yield by the first design alone (7 results of factorial, in %)" in said


def test_a_design_that_failures_leave_nothing_of_says_so_and_counts_what_is_run_again(
    hakken: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lab = {"adapter": "simulated", "failures": {"convergence_error": 0.2}, "seed": 2}
    own = spec(
        space={name: {"type": "number", "low": 0, "high": 1} for name in "abcdefg"},
        laboratory=lab,
        budget={"experiments": 8},
        planner={"surrogate": "random", "initial": {"design": "plackett-burman"}},
    )
    run(hakken, tmp_path, own)

    said = hakken("explain", "doe").out
    assert hakken("export", "doe", "all.csv").code == 0
    with (tmp_path / "all.csv").open(encoding="utf-8-sig") as file:
        failed = [row for row in csv.DictReader(file) if row["outcome"] == "fault"]
    own["laboratory"], own["budget"] = {"adapter": "simulated", "seed": 2}, {"experiments": 8 + len(failed)}
    assert hakken("resume", "doe").code == 0
    for row in failed:
        where = [part for name in "abcdefg" for part in ("--where", f"{name}={row[f'settings.{name}']}")]
        assert hakken("pin", "doe", *where, "--again", "--why", "it failed").code == 0
    run(hakken, tmp_path, own)
    then = hakken("explain", "doe").out

    assert "note: its results do not tell main effects apart" in said
    assert "of it is left out, which may mislead" in said or "of it are left out, which may mislead" in said
    assert "note: hakken pin doe --where ... --again has what failed run again, which then counts" in said
    assert "yield by the first design alone (8 results of plackett-burman, in %)" in then
    assert "left out" not in then
    assert "else they may be of what changed meanwhile." in then


def test_what_a_person_edited_counts_as_it_was_run(hakken: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lab = {"adapter": "simulated", "approval": "person"}
    own = spec(laboratory=lab, budget={"experiments": 8})
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(own, sort_keys=False), encoding="utf-8")
    assert hakken("tick", "campaign.yaml").code == 0
    assert hakken("edit", "doe", "1", "1", "--set", "temperature=60", "--why", "as warm as it can be").code == 0
    assert hakken("approve", "doe", "1").code == 0
    assert hakken("run", "campaign.yaml").code == 0

    (found,) = hakken("explain", "doe", "--json").json["designed"]

    assert found["experiments"] == 8
    assert found["is_random"]
