"""Where the file of a campaign on record says something else, whoever runs it is told what it changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows.engine.changes.laboratory import calculated_otherwise

CAMPAIGN = """
campaign: heat
space:
  catalyst: {type: category, options: [A, B, C]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: random, batch: 2, initial: {experiments: 2, design: random}}
budget: {experiments: 2}
laboratory: {adapter: simulated}
"""


def test_a_run_by_a_file_names_the_sections_that_differ_from_the_record(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(CAMPAIGN)
    other = CAMPAIGN.replace("80, 100", "80, 100, 120").replace("budget: {experiments: 2}", "budget: {experiments: 3}")
    Path("theirs.yaml").write_text(other)

    first, again = hakken("run", "mine.yaml"), hakken("run", "mine.yaml")
    foretold = hakken("run", "--dry-run", "theirs.yaml")
    wider, back = hakken("run", "theirs.yaml"), hakken("tick", "mine.yaml")

    assert "changes what is on record" not in first.out + again.out
    said = "changes what is on record of heat, which goes on by it from here: budget.experiments, space.temperature"
    takes = "once hakken run theirs.yaml takes it up: budget.experiments, space.temperature"
    assert f"note: theirs.yaml changes what is on record of heat, {takes}\n" in foretold.out
    assert f"note: theirs.yaml {said}\n" in wider.out
    assert f"note: mine.yaml {said}\n" in back.out


def test_another_real_thing_is_said(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    versions = "[A, B, C]}\n  version: {type: fidelity, options: [quick, isolated]}"
    text = CAMPAIGN.replace("[A, B, C]}", versions)
    Path("heat.yaml").write_text(text)
    assert hakken("run", "heat.yaml").code == 0
    Path("heat.yaml").write_text(text.replace("[quick, isolated]", "[isolated, quick]"))

    said = hakken("tick", "heat.yaml")

    assert "the real thing of version is quick from here and was isolated, whose results count as" in said.out


def test_an_older_copy_of_a_file_is_said_to_undo_what_a_colleague_changed(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people with a file and a folder each, on one record."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAKKEN_DATABASE", str(tmp_path / "record.db"))

    def by(who: str, *words: str) -> str:
        monkeypatch.setenv("HAKKEN_USER", who)
        monkeypatch.setenv("HAKKEN_HOME", str(tmp_path / who))
        done = hakken(*words)
        assert done.code == 0, done.err
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "THEN", done.out)

    Path("ada.yaml").write_text(CAMPAIGN)
    Path("bob.yaml").write_text(CAMPAIGN.replace("experiments: 2}\nlab", "experiments: 3}\nlab"))
    by("ada", "run", "ada.yaml")
    wider = by("bob", "run", "--max-seconds", "0", "bob.yaml")
    named = by("ada", "tick", "heat")
    undone = by("ada", "tick", "ada.yaml")
    mended = by("bob", "tick", "bob.yaml")
    Path("bob.yaml").write_text(CAMPAIGN.replace("experiments: 2}\nlab", "experiments: 4}\nlab"))
    by("bob", "tick", "bob.yaml")
    Path("bob.yaml").write_text(CAMPAIGN.replace("experiments: 2}\nlab", "experiments: 3}\nlab"))
    own = by("bob", "tick", "bob.yaml")
    for n in (5, 3):  # ada goes back to what bob had left
        Path("ada.yaml").write_text(CAMPAIGN.replace("experiments: 2}\nlab", f"experiments: {n}}}\nlab"))
        own_too = by("ada", "tick", "ada.yaml")

    assert "undo" not in wider
    assert (
        "note: ada.yaml is as heat was in version 1, and bob changed it since (version 2, THEN UTC): by its name it "
        "goes on by that; hakken run ada.yaml would undo it\n"
    ) in named
    assert (
        "note: ada.yaml is as heat was in version 1: what bob changed since (version 2, THEN UTC) is undone; where "
        "that is not meant, take it over into ada.yaml and run that again: budget.experiments 3 (was 2)\n"
    ) in undone
    assert "note: bob.yaml is as heat was in version 2: what ada changed since (version 3, THEN UTC) is" in mended
    assert "changes what is on record of heat" in own  # what one has changed oneself
    assert "undone" not in own
    assert "undone" not in own_too


def test_two_who_edit_copies_of_a_file_at_once_are_told_what_they_take_back(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def by(who: str, text: str) -> str:
        monkeypatch.setenv("HAKKEN_USER", who)
        Path(f"{who}.yaml").write_text(text)
        done = hakken("tick", f"{who}.yaml")
        assert done.code == 0, done.err
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "THEN", done.out)

    wider = CAMPAIGN.replace("80, 100", "80, 100, 120")
    more = CAMPAIGN.replace("experiments: 2}\nlab", "experiments: 5}\nlab")
    by("ada", CAMPAIGN)
    first, second = by("bob", wider), by("ada", more)
    both = by("ada", more.replace("80, 100", "80, 100, 120"))
    own = by("ada", more.replace("80, 100", "80, 100, 120").replace("experiments: 5}\nlab", "experiments: 2}\nlab"))

    assert "takes back" not in first + both + own
    assert (
        "note: ada.yaml takes back what bob changed (version 2, THEN UTC): space.temperature.values "
        "[60.0, 80.0, 100.0] (was [60.0, 80.0, 100.0, 120.0]); where that is not meant, take it over into ada.yaml "
        "and run that again\n"
    ) in second


def test_what_is_under_way_and_the_changed_file_has_no_more_is_named_at_once(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("simulated", "manual")
    Path("mine.yaml").write_text(text)
    hakken("tick", "mine.yaml")
    option = hakken("status", "heat", "--json").json[0]["at_work"][0]["settings"]["catalyst"]
    Path("mine.yaml").write_text(text.replace("[A, B, C]", str([o for o in "ABC" if o != option])))

    changed, again = hakken("tick", "mine.yaml"), hakken("tick", "mine.yaml")

    assert f"parameter 'catalyst' has no option '{option}'" in changed.out
    assert "outside of the space since the campaign file was changed" in changed.out
    assert "Nothing is learnt where an option or a parameter is gone: put it back" in changed.out
    assert "outside of the space" not in again.out


def test_a_campaign_that_is_renamed_in_its_file_is_said_to_begin_anew(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(CAMPAIGN)
    hakken("run", "mine.yaml")
    Path("mine.yaml").write_text(CAMPAIGN.replace("campaign: heat", "campaign: heat 2"))
    Path("theirs.yaml").write_text(CAMPAIGN.replace("campaign: heat", "campaign: other"))

    valid, dry, ran, again = (
        hakken(*words, "mine.yaml") for words in (("validate",), ("run", "--dry-run"), ("run",), ("run",))
    )
    another = hakken("run", "theirs.yaml")

    said = "mine.yaml was the file of heat until now, which has 2 results: heat 2 begins anew"
    assert all(f"note: {said}" in one.out for one in (valid, dry, ran))
    assert again.code == another.code == 0
    assert "begins anew" not in again.out + another.out


def test_a_note_of_another_campaign_that_cannot_be_read_keeps_no_file_from_being_checked(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(CAMPAIGN)
    hakken("run", "mine.yaml")
    (home.folder("heat") / "origin.json").write_text("{")
    Path("theirs.yaml").write_text(CAMPAIGN.replace("campaign: heat", "campaign: other"))

    assert hakken("validate", "theirs.yaml").code == 0
    assert hakken("run", "theirs.yaml").code == 0


CALCULATED = """
campaign: sums
space: {x: {type: number, values: [1, 2, 3, 4, 5, 6, 7, 8]}}
objective: {y: {goal: maximize}}
planner: {surrogate: random, batch: 1, initial: {experiments: 1, design: random}}
budget: {experiments: 1}
laboratory: {adapter: callable, function: "sums:once"}
"""


def test_results_that_were_calculated_otherwise_are_said_to_stand_beside_those_to_come(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sums.py").write_text("def once(s): return s['x']\ndef twice(s): return 2 * s['x']\n")
    file = Path("sums.yaml")

    file.write_text(CALCULATED)
    hakken("run", "sums.yaml")
    file.write_text(
        CALCULATED.replace('once"', 'once", timeout: 60, path: "."').replace("{experiments: 1}", "{experiments: 2}")
    )
    slower = hakken("run", "sums.yaml")
    file.write_text(CALCULATED.replace("once", "twice").replace("budget: {experiments: 1}", "budget: {experiments: 3}"))
    other = hakken("run", "sums.yaml")

    assert "budget.experiments, laboratory.path, laboratory.timeout" in slower.out
    assert "calculated otherwise" not in slower.out
    assert (
        "note: the 2 results on record were calculated otherwise (laboratory.function), and count beside those to come "
        "as the same measurement; where the numbers differ, give the campaign another name: with memory: [sums] it "
        "learns from this one"
    ) in other.out


def test_who_tells_results_is_told_that_the_file_was_changed_and_what_it_changes(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN)
    assert hakken("tick", "heat.yaml").code == 0
    Path("heat.yaml").write_text(CAMPAIGN.replace("[A, B, C]", "[A, B, C, D]"))
    Path("told.csv").write_text("catalyst,temperature,yield\nD,60,5\n")

    by_name, by_file = hakken("tell", "heat", "told.csv"), hakken("tell", "heat.yaml", "told.csv")

    assert by_name.code == 2
    assert "note: heat.yaml was changed; hakken run heat.yaml takes that up" in by_name.out
    assert by_file.code == 0
    assert "note: heat.yaml changes what is on record of heat, which goes on by it from here: space" in by_file.out


def test_a_file_that_is_not_where_it_was_is_missed_while_its_campaign_goes_on(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN.replace("simulated", "ask_tell"))
    assert hakken("ask", "heat.yaml").code == 0
    Path("heat.yaml").rename("moved.yaml")

    asked, looked = hakken("ask", "heat"), hakken("status", "heat")
    assert hakken("tick", "moved.yaml").code == 0
    assert hakken("stop", "heat", "--why", "done").code == 0
    Path("moved.yaml").unlink()

    gone = "heat.yaml is not there any more: by its name the campaign goes on as it is on record"
    assert gone in asked.out
    assert gone in looked.out
    assert "is not there any more" not in hakken("status", "heat").out


def test_what_results_and_experiments_under_way_say_of_other_targets_is_said(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("objective: {", "objective: {ee: {goal: maximize}, ").replace("simulated", "ask_tell")
    Path("heat.yaml").write_text(text)
    one, _ = hakken("ask", "heat.yaml", "-n", 2, "--json").json["experiments"]
    Path("told.csv").write_text(f"key,ee,yield\n{one['key']},50,60\n")
    assert hakken("tell", "heat", "told.csv").code == 0

    Path("heat.yaml").write_text(text.replace("{ee:", "{er:"))
    foretold = hakken("validate", "heat.yaml").out
    changed = hakken("tick", "heat.yaml")
    Path("heat.yaml").write_text(text.replace("{ee: {goal: maximize}, ", "{"))
    dropped = hakken("tick", "heat.yaml")

    out = "1 experiment under way was"
    assert (
        f"note: ee is no target any more: what 1 result on record says of it counts for nothing, and {out} asked for "
        "it; where er is ee under another name, keep the name ee\n"
    ) in changed.out
    assert f"note: {out} not asked for er: its result lacks it unless it is measured" in changed.out
    takes = "heat.yaml changes what is on record of heat, once hakken run heat.yaml takes it up: objective."
    assert f"note: {takes}" in foretold
    assert "note: ee is no target any more: " in foretold
    assert "changes what is on record" not in hakken("validate", "heat.yaml").out
    assert f"note: er is no target any more: {out} asked for it\n" in dropped.out


@pytest.mark.parametrize(
    ("played", "real"),
    [
        ("{adapter: simulated}", "{adapter: manual}"),
        (
            "{adapter: several, laboratories: {left: {adapter: simulated}}}",
            "{adapter: several, laboratories: {left: {adapter: manual}}}",
        ),
    ],
)
def test_results_that_were_only_played_are_named_where_a_real_laboratory_goes_on(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played: str, real: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("laboratory: {adapter: simulated}", f"laboratory: {played}")
    Path("heat.yaml").write_text(text)
    assert hakken("run", "heat.yaml").code == 0
    Path("heat.yaml").write_text(text.replace(played, real))

    changed, again = hakken("tick", "heat.yaml"), hakken("tick", "heat.yaml")

    assert (
        "note: the 2 results on record that were played (simulated) and not measured count as measurements beside "
        "those to come; where that is not meant, give the campaign another name, and it begins without them\n"
    ) in changed.out
    assert "played" not in again.out


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"adapter": "xtb", "method": "GFN1-xTB", "workers": 4}, "(laboratory.method)"),
        ({"adapter": "xtb", "optimise": True, "solvent": "water"}, "(laboratory.optimise, laboratory.solvent)"),
        ({"adapter": "pyscf"}, "(laboratory.adapter)"),
        ({"adapter": "manual"}, "(laboratory.adapter)"),
        ({"adapter": "xtb", "method": "GFN2-xTB", "conformers": 1, "properties": ["gap"], "run_on": "slurm"}, ""),
        (
            {
                "adapter": "several",
                "laboratories": {"a": {"adapter": "xtb", "when": {"m": "x"}}, "b": {"adapter": "pyscf"}},
            },
            "",
        ),
    ],
)
def test_a_method_is_another_where_a_number_depends_on_it(now: dict[str, Any], said: str) -> None:
    found = calculated_otherwise("gaps", {"adapter": "xtb"}, now, ["xtb"] * 7)

    assert (said in found) if said else not found
    assert not calculated_otherwise("gaps", {"adapter": "xtb"}, now, ["manual"])


def test_results_of_a_laboratory_beside_one_that_calculates_otherwise_are_not_counted_as_its_own(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sums.py").write_text("def once(s): return s['x']\ndef twice(s): return 2 * s['x']\nthird = once\n")
    both = ", ".join(
        f'{way}: {{adapter: callable, function: "sums:{function}", when: {{way: {way}}}}}'
        for way, function in (("A", "once"), ("B", "twice"))
    )
    text = CALCULATED.replace("8]}}", "8]}, way: {type: category, options: [A, B]}}").replace("s: 1", "s: 4")
    text = text.replace('adapter: callable, function: "sums:once"', f"adapter: several, laboratories: {{{both}}}")
    Path("sums.yaml").write_text(text)
    hakken("run", "sums.yaml")
    planned = hakken("show", "sums", 1, "--json").json["proposals"]
    of_a = [p["proposal"]["draft"]["candidate"]["settings"]["way"] for p in planned].count("A")
    Path("sums.yaml").write_text(text.replace("once", "third"))

    changed = hakken("tick", "sums.yaml")

    assert 2 <= of_a < 4
    assert f"the {of_a} results on record were calculated otherwise (laboratory A.function)" in changed.out


def test_another_unit_of_what_a_function_returns_makes_another_number() -> None:
    before = {"adapter": "callable", "function": "sums:once", "properties": {"energy": "kJ/mol"}}

    assert "(laboratory.properties)" in calculated_otherwise(
        "sums", before, {**before, "properties": {"energy": "kcal/mol"}}, ["callable"]
    )


def test_of_several_laboratories_the_one_that_calculates_otherwise_is_named() -> None:
    quick, dear = {"adapter": "xtb"}, {"adapter": "pyscf", "functional": "pbe0"}
    before = {"adapter": "several", "laboratories": {"quick": quick, "dear": dear}}
    now = {"adapter": "several", "laboratories": {"quick": quick, "dear": {**dear, "functional": "b3lyp"}}}

    assert "the result on record was calculated otherwise (laboratory dear.functional), and counts" in (
        calculated_otherwise("gaps", before, now, ["dear", "quick", "quick"])
    )


def test_results_beyond_what_a_changed_file_says_that_a_target_can_be_are_named(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("adapter: simulated", "adapter: manual")
    Path("heat.yaml").write_text(text)
    Path("told.csv").write_text("catalyst,temperature,yield\nA,60,8\nB,80,41\nC,80,52\n")
    assert hakken("tell", "heat.yaml", "told.csv").code == 0
    Path("heat.yaml").write_text(text.replace('unit: "%"}', 'unit: "%", low: 0, high: 30}'))

    changed, again = hakken("tick", "heat.yaml"), hakken("tick", "heat.yaml")

    said = (
        "yield 41 % of B, temperature 80 degC is beyond what it can be (0 to 30), and so is yield of 1 more; it counts"
    )
    assert said in changed.out
    assert "where yield can be so, mend its low or high in the campaign file" in changed.out
    assert said not in again.out


LIBRARY = """
campaign: screen
space: {molecule: {type: molecule, file: vendor.smi, name: name}}
objective: {pKi: {goal: maximize}}
planner: {surrogate: random, batch: 1, initial: {experiments: 1, design: random}}
budget: {experiments: 2}
laboratory: {adapter: manual}
"""


def test_several_libraries_that_were_changed_or_are_gone_are_said_in_the_plural(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [Path("acids.smi"), Path("vendor.smi")]
    second = "vendor.smi, name: name}, acid: {type: molecule, file: acids.smi, name: name}}"
    Path("screen.yaml").write_text(LIBRARY.replace("vendor.smi, name: name}}", second))
    for file in files:
        file.write_text("CC(=O)O acetic\nCCC(=O)O propionic\n")
    assert hakken("tick", "screen.yaml").code == 0

    for file in files:
        file.write_text("CC(=O)O acetic\nCCC(=O)O propionic\nCCCC(=O)O butyric\n")
    changed = hakken("status", "screen").out
    for file in files:
        file.unlink()
    gone = hakken("status", "screen").out

    assert "acids.smi, vendor.smi, named by screen.yaml, were changed; hakken run" in changed
    assert "acids.smi, vendor.smi, named by screen.yaml, are not there any more: by its name screen goes on" in gone
    assert "put them back, or name another" in gone


def test_a_library_that_was_changed_and_is_not_taken_up_is_said(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, library = Path("screen.yaml"), Path("vendor.smi")
    file.write_text(LIBRARY)
    library.write_text("CCO ethanol\nCCC propane\nCC(C)O isopropanol\n")
    assert hakken("tick", "screen.yaml").code == 0
    library.touch()
    file.write_text(f"# of the vendor\n{LIBRARY}")

    same = hakken("status", "screen")
    library.write_text("CCO ethanol\nCCC propane\nCC(C)O isopropanol\nCCN ethylamine\n")
    longer = hakken("status", "screen")
    taken_up = hakken("tick", "screen.yaml").out + hakken("status", "screen").out
    library.unlink()
    gone = hakken("status", "screen")
    library.write_text("CCO ethanol\nCCC propane\nCC(C)O isopropanol\nCCN ethylamine\n")
    file.write_text(LIBRARY.replace("experiments: 2}", "experiments: 3}"))
    edited = hakken("status", "screen")
    file.write_text(LIBRARY.replace("screen", "other"))
    renamed = hakken("status", "screen")
    file.write_text("campaign: [")
    broken = hakken("status", "screen")
    file.write_bytes(f"# of M\u00fcller\n{LIBRARY}".replace("2}", "4}").encode("latin-1"))
    other_letters = hakken("status", "screen")

    assert "was changed" not in same.out
    said = "vendor.smi, named by screen.yaml, was changed; hakken run screen.yaml takes that up, by its name"
    assert said in longer.out
    assert "note: screen.yaml changes what is on record of screen, which goes on by it from here: space" in taken_up
    assert "was changed" not in taken_up
    assert "vendor.smi, named by screen.yaml, is not there any more: by its name screen goes on as it is on" in gone.out
    assert "screen.yaml was changed; hakken run screen.yaml takes that up" in edited.out
    assert "screen.yaml is of campaign 'other' by now" in renamed.out
    assert "screen.yaml was changed and cannot be used (screen.yaml line 1: not valid YAML" in broken.out
    assert "screen.yaml was changed; hakken run screen.yaml takes that up" in other_letters.out
