"""Malformed files of other programs: one clear message each, and nothing is written or put on record."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

DATA = Path(__file__).parents[1] / "flows/importing/data"
CASES = yaml.safe_load((Path(__file__).parent / "imports.yaml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(hakken: Any, home: Any, *words: object) -> str:
    """The one message of a command that changes nothing."""
    said = hakken("import", *words)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert said.err.count("error: ") == 1
    assert "Traceback" not in said.err + said.out
    assert not Path("campaign.yaml").exists()
    assert not home.home.exists()
    return str(said.err)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]).replace(" ", "-"))
def test_a_file_that_is_not_as_it_should_be_is_refused(hakken: Any, home: Any, case: dict[str, Any]) -> None:
    file = case.get("called", "file.txt")
    if case.get("needs"):
        pytest.importorskip(case["needs"], reason="ORD records need ord-schema: pip install 'hakken[ord]'")
    Path(file).write_bytes(case["text"].encode(case.get("encoding", "utf-8")))

    message = refused(hakken, home, file, *case.get("words", "").split())

    for part in case["says"]:
        assert part in message, message


Change = Callable[[dict[str, Any]], object]
BROKEN: list[tuple[str, str, Change, str]] = [
    (
        "a kind of parameter that nobody knows",
        "baybe_reaction_0.15.0.json",
        lambda d: d["searchspace"]["discrete"]["parameters"][0].update(type="QuantumParameter"),
        "parameter 'additive' is of kind 'QuantumParameter', which hakken does not know",
    ),
    (
        "a kind of input that nobody knows",
        "bofire_blend_0.5.0.json",
        lambda d: d["inputs"]["features"][0].update(type="QuantumInput"),
        "input 'A' is of kind 'QuantumInput', which hakken does not know",
    ),
    (
        "an output without a target to be matched",
        "bofire_blend_0.5.0.json",
        lambda d: d["outputs"]["features"][2]["objective"].pop("target_value"),
        "a domain of BoFire, with something missing or misplaced (KeyError: 'target_value')",
    ),
    (
        "no objective",
        "baybe_reaction_0.15.0.json",
        lambda d: d.update(objective=None),
        "so nothing says what is measured; give --target NAME:maximize, or minimize, or add one and save it anew",
    ),
    (
        "an objective that nobody knows",
        "baybe_reaction_0.15.0.json",
        lambda d: d["objective"].update(type="MoodObjective"),
        "an objective of kind 'MoodObjective' is not known",
    ),
    (
        "an objective without targets",
        "baybe_process_0.15.0.json",
        lambda d: d["objective"].update(targets=[]),
        "the objective names no target; add one and save it anew",
    ),
    (
        "a search space that is cut short",
        "baybe_reaction_0.15.0.json",
        lambda d: d["searchspace"].pop("continuous"),
        "a campaign of BayBE, with something missing or misplaced (KeyError: 'continuous')",
    ),
    (
        "a damaged data frame",
        "baybe_reaction_0.15.0.json",
        lambda d: d.update(measurements_exp=d["measurements_exp"][:80]),
        "a data frame inside cannot be read: it is not a pickled data frame",
    ),
    (
        "a comparison that nobody knows",
        "baybe_reaction_0.15.0.json",
        lambda d: d["searchspace"]["discrete"]["constraints"][0]["conditions"][1].update(operator="~"),
        "a condition compares with '~', which is not known",
    ),
    (
        "no optimisation config",
        "ax_coupling_1.3.1.json",
        lambda d: d["experiment"].update(optimization_config=None),
        "the experiment has no optimisation config, so nothing says what is wanted; give --target",
    ),
    (
        "a kind of Ax parameter that nobody knows",
        "ax_coupling_1.3.1.json",
        lambda d: d["experiment"]["search_space"]["parameters"][0].update(__type="MoodParameter"),
        "parameter 'temperature' is of kind 'MoodParameter', which hakken does not know",
    ),
    (
        "a bound that is infinite",
        "ax_coupling_1.3.1.json",
        lambda d: d["experiment"]["search_space"]["parameters"][0].update(upper=float("inf")),
        "parameter 'temperature' goes to inf, and a campaign needs finite values and bounds; bound it where",
    ),
    (
        "an objective that is no sum",
        "ax_coupling_1.3.1.json",
        lambda d: d["experiment"]["optimization_config"]["objective"].update(expression="conversion ** 2"),
        "is no weighted sum of names",
    ),
    (
        "a trial without a status",
        "ax_coupling_1.3.1.json",
        lambda d: d["experiment"]["trials"]["0"].pop("status"),
        "an experiment of Ax, with something missing or misplaced (KeyError: 'status')",
    ),
]


@pytest.mark.parametrize(
    ("file", "change", "says"), [b[1:] for b in BROKEN], ids=[b[0].replace(" ", "-") for b in BROKEN]
)
def test_a_saved_campaign_with_a_fault_in_it_is_refused(
    hakken: Any, home: Any, file: str, change: Change, says: str
) -> None:
    data = json.loads((DATA / file).read_text(encoding="utf-8"))
    change(data)
    Path("broken.json").write_text(json.dumps(data), encoding="utf-8")

    message = refused(hakken, home, "broken.json")

    assert "broken.json: " in message
    assert says in message


def test_a_version_that_is_not_known_is_said_and_read_all_the_same(hakken: Any) -> None:
    data = json.loads((DATA / "baybe_reaction_0.15.0.json").read_text(encoding="utf-8"))
    Path("new.json").write_text(json.dumps(data | {"version": "9.1.0"}), encoding="utf-8")

    said = hakken("import", "new.json", "--dry-run")

    assert said.code == 0
    assert "saved by BayBE 9.1.0; 0.13, 0.14, 0.15 are known, so read the result with care" in said.out


def test_a_truncated_storage_is_refused(hakken: Any, home: Any) -> None:
    Path("half.db").write_bytes((DATA / "optuna_studies.db").read_bytes()[:30_000])

    message = refused(hakken, home, "half.db", "--study", "coupling")

    assert "half.db: the SQLite file cannot be read as a storage of Optuna" in message
    assert "copy it anew while nothing writes to it" in message


def test_another_database_is_refused(hakken: Any, home: Any) -> None:
    with closing(sqlite3.connect("other.db")) as connection, connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()

    assert "an SQLite file, and no storage of Optuna: its tables are birds" in refused(hakken, home, "other.db")


def test_a_study_has_to_be_named_where_there_are_several(hakken: Any, home: Any) -> None:
    several = refused(hakken, home, DATA / "optuna_studies.db")
    unknown = refused(hakken, home, DATA / "optuna_studies.db", "--study", "mine")

    assert "it holds 2 studies: coupling, front; say which with --study" in several
    assert "no study is called 'mine'; it has coupling, front" in unknown


@pytest.mark.parametrize("file", ["baybe_reaction_0.15.0.json", "ax_coupling_1.3.1.json", "optuna_journal.log"])
def test_a_goal_for_all_is_refused_where_the_file_says_them(hakken: Any, home: Any, file: str) -> None:
    said = refused(hakken, home, DATA / file, "--goal", "minimize")

    assert f"{file}: --goal is for targets of which a file says nothing, and this one says all" in said


def test_a_file_that_is_not_there_is_named(hakken: Any, home: Any) -> None:
    assert "nothing.json: no such file (looked for " in refused(hakken, home, "nothing.json")
    assert "cannot be read (Is a directory)" in refused(hakken, home, ".")


def test_a_format_that_nobody_knows_is_guessed_at(hakken: Any, home: Any) -> None:
    said = refused(hakken, home, DATA / "table.csv", "--from", "byabe")

    assert "unknown format 'byabe' (did you mean 'baybe'?); known: ax, baybe, bofire, csv, edbo, optuna, ord" in said


def test_what_ord_needs_is_said_where_it_is_missing(hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for module in ("ord_schema", "ord_schema.proto"):
        monkeypatch.setitem(sys.modules, module, None)

    said = refused(hakken, home, DATA / "ord_aminations.pb.gz")

    assert "reading those needs ord-schema; pip install 'hakken[ord]'" in said


def test_a_truncated_ord_dataset_is_refused(hakken: Any, home: Any) -> None:
    pytest.importorskip("ord_schema", reason="ORD records need ord-schema: pip install 'hakken[ord]'")
    whole = (DATA / "ord_aminations.pb.gz").read_bytes()
    Path("half.pb.gz").write_bytes(whole[:300])
    Path("bad.pb.gz").write_bytes(b"\x1f\x8bnothing of the kind")
    Path("bad.pb").write_bytes(b"\xff\xff\xff\xff")

    assert "half.pb.gz: cut short: " in refused(hakken, home, "half.pb.gz")
    assert "bad.pb.gz: not readable as gzip" in refused(hakken, home, "bad.pb.gz")
    assert "bad.pb: not a dataset or a reaction of the Open Reaction Database" in refused(hakken, home, "bad.pb")
    same = refused(hakken, home, DATA / "ord_reaction.pb")
    assert "it has one reaction, so nothing says what may be varied" in same


def test_a_campaign_that_hakken_cannot_run_is_refused(hakken: Any, home: Any) -> None:
    data = json.loads((DATA / "baybe_process_0.15.0.json").read_text(encoding="utf-8"))
    data["searchspace"]["continuous"]["constraints_lin_eq"][0]["rhs"] = 40.0
    Path("empty.json").write_text(json.dumps(data), encoding="utf-8")

    message = refused(hakken, home, "empty.json")

    assert (
        "a campaign of BayBE 0.15.0 makes no campaign that hakken can run: its campaign file line 15: constraints"
        in message
    )
    assert "change it where it comes from, or begin with hakken init" in message
