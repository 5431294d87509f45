"""A parameter that is added while a campaign runs: the file says what it was before, and results on record count on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

SPACE: dict[str, Any] = {"base": {"type": "category", "options": ["KOAc", "DBU", "CsF", "KOH", "NaH"]}}
STIRRING = {"type": "category", "options": ["slow", "fast"]}


def write(name: str = "small", **changes: Any) -> str:
    """The campaign file, whose laboratory is a person with worksheets."""
    spec = {
        "campaign": name,
        "space": SPACE,
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "planner": {"surrogate": "random", "batch": 2, "initial": {"design": "random", "experiments": 2}},
        "budget": {"experiments": 20},
        "laboratory": {"adapter": "manual"},
    } | changes
    Path(f"{name}.yaml").write_text(json.dumps(spec), encoding="utf-8")
    return f"{name}.yaml"


def with_parameter(**parameters: Any) -> dict[str, Any]:
    return {"space": SPACE | parameters}


@pytest.fixture
def begun(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of the bases were tried."""
    monkeypatch.chdir(tmp_path)
    Path("told.csv").write_text("base,yield\nKOAc,10\nDBU,20\nCsF,30\n")
    assert "3 results accepted" in hakken("tell", write(), "told.csv").out


@pytest.fixture
def planned(hakken: Any) -> Any:
    """Plans the next batch of a file and gives its settings."""

    def plan(file: str) -> list[dict[str, Any]]:
        said = hakken("run", "--json", file)
        assert said.code == 0, said.err
        round_number = hakken("status", "small", "--json").json[0]["round"]
        shown = hakken("show", "small", round_number, "--json").json["proposals"]
        return [p["proposal"]["draft"]["candidate"]["settings"] for p in shown]

    return plan


@pytest.mark.usefixtures("begun")
def test_without_a_word_it_is_refused_and_the_message_says_which(hakken: Any) -> None:
    checked, said = (hakken(command, write(**with_parameter(stirring=STIRRING))) for command in ("validate", "run"))

    assert checked.code == said.code == 2
    assert checked.err == said.err
    assert "parameter 'stirring' is missing" in said.err
    assert "where stirring was the same in all of them, say what it was, such as earlier: slow; else give" in said.err


@pytest.mark.usefixtures("begun")
def test_results_count_on_and_what_they_were_is_not_proposed_again(hakken: Any, planned: Any) -> None:
    planner = {"surrogate": "random", "batch": 7, "initial": {"design": "random", "experiments": 2}}
    later = planned(write(planner=planner, **with_parameter(stirring=STIRRING | {"earlier": "slow"})))

    assert sorted(s["base"] for s in later if s["stirring"] == "slow") == ["KOH", "NaH"]
    assert sum(s["stirring"] == "fast" for s in later) == 5
    assert "best single value: yield 30 %: CsF, slow" in hakken("status", "small").out
    assert hakken("replay", "small").code == 0


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize(
    ("parameter", "earlier"),
    [
        ({"type": "number", "low": 20, "high": 80, "unit": "degC"}, 15),  # beyond what is proposed from here
        ({"type": "ordinal", "options": ["low", "high"]}, "high"),
        ({"type": "component", "options": {"water": "O", "none": None}}, "none"),
    ],
)
def test_each_kind_says_it(hakken: Any, planned: Any, parameter: dict[str, Any], earlier: Any) -> None:
    later = planned(write(**with_parameter(added=parameter | {"earlier": earlier})))

    assert len(later) == 2
    assert all("added" in settings for settings in later)
    assert hakken("status", "small", "--json").json[0]["best"][0]["value"] == 30


@pytest.mark.usefixtures("begun")
def test_of_a_mixture_the_fractions_are_said_and_a_part_that_comes_later_was_none(hakken: Any, planned: Any) -> None:
    mixture = {"type": "mixture", "parts": ["water", "DMF"], "step": 0.5}
    planned(write(**with_parameter(solvent=mixture | {"earlier": {"water": 1}})))
    assert "CsF, solvent 1 water" in hakken("status", "small").out

    three = mixture | {"parts": ["water", "DMF", "EtOH"], "earlier": {"water": 1}}
    assert hakken("run", write(**with_parameter(solvent=three))).code == 0
    assert "CsF, solvent 1 water" in hakken("status", "small").out


def test_a_part_of_which_nothing_was_used_may_go(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mixture = {"type": "mixture", "parts": ["water", "DMF", "EtOH"], "step": 0.5}
    Path("told.csv").write_text("base,solvent.water,solvent.DMF,solvent.EtOH,yield\nCsF,0.5,0,0.5,30\n")
    assert "1 result accepted" in hakken("tell", write(**with_parameter(solvent=mixture)), "told.csv").out

    kept = hakken("run", write(**with_parameter(solvent=mixture | {"parts": ["water", "EtOH"]})))
    gone = hakken("run", write(**with_parameter(solvent=mixture | {"parts": ["water", "DMF"]})))

    assert kept.code == 0, kept.err
    assert "not used" not in kept.out
    assert gone.code == 2
    assert "unknown parameter 'solvent.EtOH'" in gone.err


@pytest.mark.usefixtures("begun")
def test_results_may_all_have_been_of_the_real_thing(hakken: Any, planned: Any) -> None:
    versions = {"type": "fidelity", "options": ["quick", "isolated"], "costs": {"quick": 1, "isolated": 9}}
    planned(write(**with_parameter(version=versions | {"earlier": "isolated"})))

    assert "best single value: yield 30 %: CsF" in hakken("status", "small").out


@pytest.mark.usefixtures("begun")
def test_what_depends_on_others_was_there_only_where_it_applies(planned: Any) -> None:
    grams = {"type": "number", "values": [1, 2], "when": {"base": ["DBU", "NaH"]}, "earlier": 1}
    planner = {"surrogate": "random", "batch": 9, "initial": {"design": "random", "experiments": 2}}
    later = planned(write(planner=planner, **with_parameter(loading=grams)))

    assert sorted((s["base"], s.get("loading", 0)) for s in later) == [("DBU", 2), ("KOH", 0), ("NaH", 1), ("NaH", 2)]


@pytest.mark.usefixtures("begun")
def test_what_waits_at_the_laboratory_is_of_what_it_was_before(hakken: Any, planned: Any) -> None:
    asked = planned(write())
    assert hakken("run", write(**with_parameter(stirring=STIRRING | {"earlier": "slow"}))).code == 0
    assert hakken("export", "small", "waiting.csv", "--waiting").code == 0
    with Path("waiting.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert {(row["base"], row["stirring"]) for row in rows} >= {(s["base"], "slow") for s in asked}
    told = [row | {"yield [%]": "40", "stirring": "fast" if row["base"] == "KOH" else row["stirring"]} for row in rows]
    with Path("waiting.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(told)

    said = hakken("tell", "small", "waiting.csv")

    assert f"{len(rows)} results accepted" in said.out
    assert "cannot be read" not in said.out + said.err
    hakken("export", "small", "all.csv")
    with Path("all.csv").open() as file:
        really = {row["settings.base"]: row.get("actual.stirring", "") for row in csv.DictReader(file)}
    assert (really["KOH"], really["NaH"]) == ("fast", "")  # as it was, where nobody says otherwise


@pytest.mark.usefixtures("begun")
def test_what_people_decided_before_holds_of_what_it_was(hakken: Any, planned: Any) -> None:
    for decision, where in (("pin", "base=KOH"), ("ban", "base=NaH")):
        assert hakken(decision, "small", "--where", where, "--why", "tried elsewhere").code == 0

    planner = {"surrogate": "random", "batch": 9, "initial": {"design": "random", "experiments": 2}}
    later = planned(write(planner=planner, **with_parameter(stirring=STIRRING | {"earlier": "slow"})))

    assert {"base": "KOH", "stirring": "slow"} in later
    assert [s for s in later if s["base"] == "NaH"] == [{"base": "NaH", "stirring": "fast"}]  # the other was banned


@pytest.mark.usefixtures("begun")
def test_a_table_from_before_is_told_to_another_campaign(hakken: Any) -> None:
    hakken("export", "small", "before.csv")
    file = write("other", **with_parameter(stirring=STIRRING | {"earlier": "fast"}))

    assert "3 results accepted" in hakken("tell", file, "before.csv").out
    assert "best single value: yield 30 %: CsF, fast" in hakken("status", "other").out
    Path("plain.csv").write_text("base,yield\nKOAc,11\n")
    assert "parameter 'stirring' has no value" in hakken("tell", file, "plain.csv").err  # nobody says when that was


@pytest.mark.usefixtures("begun")
def test_what_follows_from_it_is_exported_of_results_from_before(hakken: Any) -> None:
    stirring = {"type": "number", "values": [200, 400, 600], "earlier": 400}
    twice = {"type": "derived", "expression": "2 * stirring"}
    assert hakken("run", write(**with_parameter(stirring=stirring, twice=twice))).code == 0

    hakken("export", "small", "all.csv")

    with Path("all.csv").open() as file:
        assert [float(row["derived.twice"]) for row in csv.DictReader(file)] == [800, 800, 800]


def test_what_was_not_sent_yet_is_sent_with_it(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    columns = {"base": {"column": "Base"}}
    Path("device").mkdir()
    device = {"adapter": "csv_folder", "folder": "device", "heartbeat": None, "command": {"columns": columns}}
    device["approval"] = "person"
    assert hakken("run", write(laboratory=device)).code == 0
    columns["stirring"] = {"column": "Stirrer"}
    write(laboratory=device, **with_parameter(stirring=STIRRING | {"earlier": "slow"}))
    assert hakken("tick", "small.yaml").code == 0
    assert hakken("edit", "small", "1", "1", "--set", "stirring=fast", "--why", "now that it can be").code == 0
    assert hakken("approve", "small", "1").code == 0

    assert hakken("tick", "small").code == 0

    commands = [path.read_text() for path in Path("device").rglob("*.csv")]
    assert len(commands) == 2
    assert all("Stirrer" in command for command in commands)  # which the device has to be told
    assert sum("slow" in command for command in commands) == sum("fast" in command for command in commands) == 1
