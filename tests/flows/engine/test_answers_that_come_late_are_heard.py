"""What a device answers after a person told how its experiment ended goes on record, and a pass says what differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flows.engine import tell, tick
from flows.engine.looking.reports import TickReport
from flows.settings import Settings
from flows.wiring import open_record, raw_files
from loop.record import EnvelopeRecord, Verdict
from tests.adapters.http.http_servers import Laboratory, speaking
from tests.flows.engine.bench import ANALYSIS, add, cheap_planner, spec_of

FOLDER = {"adapter": "csv_folder", "folder": "rig", "heartbeat": None}
SEVERAL = {"adapter": "several", "laboratories": {"rig": FOLDER}}


@pytest.fixture(params=[FOLDER, SEVERAL], ids=["csv_folder", "several"])
def section(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


@pytest.fixture
def begin(settings: Settings, tmp_path: Path, section: Mapping[str, Any]) -> Callable[..., list[str]]:
    """Sends a first batch; returns its keys."""

    def begun(**changes: Any) -> list[str]:
        (tmp_path / "rig").mkdir()
        tick(settings, add(settings, tmp_path, laboratory=section, **changes), planner=cheap_planner)
        with open_record(settings) as ledger:
            return [a.key for a in ledger.attempts("small")]

    return begun


def says(settings: Settings, folder: Path, rows: Mapping[str, float]) -> None:
    """A person tells results by their keys."""
    path = folder / "told.csv"
    path.write_text("key,yield\n" + "".join(f"{key},{value}\n" for key, value in rows.items()), encoding="utf-8")
    assert tell(settings, "small", path, by="ada").accepted == len(rows)


def answers(folder: Path, name: str, key: str, value: float) -> None:
    """The device answers."""
    (folder / "rig" / "responses" / name).write_text(f"key,yield [%]\n{key},{value}\n", encoding="utf-8")


def passes(settings: Settings) -> TickReport:
    return tick(settings, "small", planner=cheap_planner)


def heard(settings: Settings, key: str) -> list[EnvelopeRecord]:
    """What is on record of an attempt and was not told."""
    with open_record(settings) as ledger:
        return [e for e in ledger.envelopes("small") if e.key == key and not e.source.startswith("tell:")]


@pytest.mark.parametrize("n_told", [1, 4], ids=["others_wait", "nothing_waits"])
def test_one_that_says_otherwise_is_kept_and_told(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]], n_told: int
) -> None:
    keys = begin(budget={"experiments": 4})
    says(settings, tmp_path, dict.fromkeys(keys[:n_told], 50.0))
    passes(settings)

    answers(tmp_path, "late.csv", keys[0], 61.5)
    report = passes(settings)

    (kept,) = heard(settings, keys[0])
    assert kept.verdict is Verdict.CONTRADICTORY
    assert any(f"hakken retract small {keys[0]}" in note and "61.5" in note for note in report.notes)
    assert not any("61.5" in note for note in passes(settings).notes)  # once


def test_one_that_says_the_same_is_kept_and_nothing_is_said(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    keys = begin()
    says(settings, tmp_path, {keys[0]: 50.0})

    answers(tmp_path, "late.csv", keys[0], 50.0)
    report = passes(settings)

    assert [e.verdict for e in heard(settings, keys[0])] == [Verdict.DUPLICATE]
    assert not any(keys[0] in note for note in report.notes)


def test_a_second_answer_is_heard_where_nothing_else_comes(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    keys = begin()
    answers(tmp_path, "first.csv", keys[0], 50.0)
    passes(settings)

    answers(tmp_path, "second.csv", keys[0], 61.5)
    report = passes(settings)

    assert [e.verdict for e in heard(settings, keys[0])] == [Verdict.ACCEPTED, Verdict.CONTRADICTORY]
    assert any("61.5" in note for note in report.notes)


def test_a_device_that_was_taken_away_from_a_campaign_that_has_finished_is_not_missed(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    says(settings, tmp_path, dict.fromkeys(begin(budget={"experiments": 4}), 50.0))
    assert passes(settings).state == "finished"
    shutil.rmtree(tmp_path / "rig")

    assert passes(settings).notes == ()


def test_of_many_that_say_otherwise_some_are_named_and_the_others_counted(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    planner = {**spec_of()["planner"], "batch": 12, "initial": {"experiments": 12}}
    keys = begin(budget={"experiments": 12}, planner=planner)
    says(settings, tmp_path, dict.fromkeys(keys, 50.0))

    rows = "".join(f"{key},50.04\n" for key in keys)
    (tmp_path / "rig" / "responses" / "late.csv").write_text(f"key,yield [%]\n{rows}", encoding="utf-8")
    report = passes(settings)

    assert len([note for note in report.notes if "is contradictory: " in note]) == 8
    assert "4 more envelopes are contradictory; hakken report small says why" in report.notes


@pytest.fixture(params=["http", "sila2", "instrument"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, Any], Callable[[str], object]]]:
    """What a campaign file says of a laboratory, and what brings its answer to an experiment about, 50 %."""
    if request.param == "http":
        with speaking(Laboratory()) as asked:
            yield {"laboratory": {"adapter": "http", "url": asked.url}}, lambda _: None  # it has answered at once
    elif request.param == "sila2":
        pytest.importorskip("sila2", reason="SiLA 2 servers need hakken[sila2]")
        from tests.adapters.sila.sila_bench import MEASURED, SilaBench

        values = [{**MEASURED["values"][0], "value": 50.0}]
        bench = SilaBench(tmp_path / "bench", answer=lambda _: {**MEASURED, "values": values})
        section = {"adapter": "sila2", "address": bench.address, "trust": "nothing"}
        yield {"laboratory": section}, lambda _: None
        bench.stop()
    else:
        (tmp_path / "hplc").mkdir()
        section = {"adapter": "instrument", "folder": "hplc", "file": "*.csv", "settle": 0.0}
        yield (
            {"laboratory": section, "analysis": ANALYSIS},
            lambda key: (tmp_path / "hplc" / f"{key}.csv").write_text(
                f"sample,RT,Area\n{key},4.2,500\n{key},6.8,1000\n", encoding="utf-8"
            ),
        )


@pytest.mark.parametrize(("told", "verdict"), [(10.0, Verdict.CONTRADICTORY), (50.0, Verdict.DUPLICATE)])
@pytest.mark.parametrize("n_told", [1, 4], ids=["others_wait", "nothing_waits"])
def test_what_a_laboratory_that_is_asked_measures_after_all_is_kept_and_told(
    settings: Settings,
    tmp_path: Path,
    other: tuple[dict[str, Any], Callable[[str], object]],
    n_told: int,
    told: float,
    verdict: Verdict,
) -> None:
    changes, answer = other
    tick(settings, add(settings, tmp_path, budget={"experiments": 4}, **changes), planner=cheap_planner)
    with open_record(settings) as ledger:
        keys = [a.key for a in ledger.attempts("small")]
    says(settings, tmp_path, dict.fromkeys(keys[:n_told], told))

    answer(keys[0])
    report = passes(settings)

    (kept,) = heard(settings, keys[0])
    assert kept.verdict is verdict
    is_said = [note for note in report.notes if f"hakken retract small {keys[0]}" in note and "50" in note]
    assert len(is_said) == (verdict is Verdict.CONTRADICTORY)
    passes(settings)
    assert len(heard(settings, keys[0])) == 1


def test_the_files_of_what_came_late_are_kept(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "hplc").mkdir()
    section = {"adapter": "instrument", "folder": "hplc", "file": "*.csv", "settle": 0.0}
    tick(settings, add(settings, tmp_path, laboratory=section, analysis=ANALYSIS), planner=cheap_planner)
    with open_record(settings) as ledger:
        key = ledger.attempts("small")[0].key
    says(settings, tmp_path, {key: 10.0})

    text = f"sample,RT,Area\n{key},4.2,500\n{key},6.8,1000\n"
    (tmp_path / "hplc" / "late.csv").write_text(text, encoding="utf-8")
    passes(settings)

    (kept,) = heard(settings, key)
    (named,) = json.loads(kept.payload)["files"]
    assert raw_files(settings).get(named["sha256"]) == text.encode()
    with open_record(settings) as ledger:
        assert [(a.name, a.key) for a in ledger.artifacts("small")] == [("late.csv", key)]


def test_a_response_that_nobody_can_read_is_kept_and_said_with_its_file_and_what_to_do(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    keys = begin()
    answers(tmp_path, "first.csv", keys[0], 50.0)
    passes(settings)

    (command,) = (tmp_path / "rig" / "commands").glob(f"*-{keys[0]}.csv")
    (tmp_path / "rig" / "responses" / command.name).write_bytes(b"Dear all,\nthe pump is out of order\n")
    report = passes(settings)

    (kept,) = [e for e in heard(settings, keys[0]) if e.verdict is Verdict.MALFORMED]
    wrong = "has no column 'key' in its first line, which reads 'Dear all'; put the header and the keys back"
    told = f"{command.name} {wrong}"
    assert kept.message == told
    assert any(told in note and keys[0] in note for note in report.notes)
    (named,) = json.loads(kept.payload)["files"]
    assert raw_files(settings).get(named["sha256"]) == b"Dear all,\nthe pump is out of order\n"
