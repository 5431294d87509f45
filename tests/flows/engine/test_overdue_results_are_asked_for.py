"""Experiments that a laboratory has had for longer than the campaign file says are named wherever a person looks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from db.ledger import open_ledger
from flows.cli.checks import project
from flows.engine import View, ask, status, tick
from flows.engine.looking import overdue as module
from flows.engine.looking.overdue import overdue
from flows.report import build
from flows.settings import Settings
from tests.flows.engine.bench import add, cheap_planner


def begin(settings: Settings, folder: Path, **laboratory: Any) -> None:
    add(settings, folder, laboratory={"adapter": "manual", **laboratory})
    tick(settings, "small", planner=cheap_planner)


def at(settings: Settings, hours: float) -> tuple[str, ...]:
    """What is overdue so many hours from now."""
    with open_ledger(settings.database) as ledger:
        return overdue(View(ledger, "small"), datetime.now(UTC) + timedelta(hours=hours))


def test_a_result_is_overdue_after_its_hours_and_not_before(settings: Settings, tmp_path: Path) -> None:
    begin(settings, tmp_path, due_after=24)

    assert at(settings, 23) == ()
    assert len(at(settings, 25)) == 4
    assert "is overdue: with the laboratory for 25 h, due after 24 h" in at(settings, 25)[0]
    assert "with the laboratory for 4 days" in at(settings, 96)[0]


def test_what_takes_minutes_is_not_overdue_after_no_hours(settings: Settings, tmp_path: Path) -> None:
    begin(settings, tmp_path, due_after=0.25)

    assert "with the laboratory for 0.4 h, due after 0.25 h" in at(settings, 0.4)[0]
    assert "with the laboratory for 1.4 h, due after 0.25 h" in at(settings, 1.4)[0]


def test_without_hours_nothing_is_ever_overdue(settings: Settings, tmp_path: Path) -> None:
    begin(settings, tmp_path)

    assert at(settings, 1e6) == ()


def test_what_is_due_after_the_year_9999_is_never_overdue(settings: Settings, tmp_path: Path) -> None:
    begin(settings, tmp_path, due_after=1e9)

    with open_ledger(settings.database) as ledger:
        waiting = build(ledger, "small").waiting

    assert at(settings, 1e6) == ()
    assert [w.due for w in waiting] == []


def test_what_came_back_is_overdue_no_more(settings: Settings, tmp_path: Path) -> None:
    begin(settings, tmp_path, due_after=24)
    sheet = settings.folder("small") / "laboratory" / "worksheet.csv"
    header, first, *rest = sheet.read_text(encoding="utf-8-sig").splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True)) | {"yield [%]": "50"}
    sheet.write_text("\n".join([header, ",".join(cells.values()), *rest]) + "\n", encoding="utf-8")
    tick(settings, "small", planner=cheap_planner)

    assert len(at(settings, 25)) == 3


def test_status_doctor_notes_and_report_say_so(settings: Settings, tmp_path: Path, monkeypatch: Any) -> None:
    begin(settings, tmp_path, due_after=24)
    real: Callable[..., dict[str, datetime]] = module.handed_over
    earlier = timedelta(hours=30)
    monkeypatch.setattr(
        module, "handed_over", lambda ledger, attempts: {k: t - earlier for k, t in real(ledger, attempts).items()}
    )

    (report,) = status(settings, "small")
    checks = list(project.overdue_results(settings))
    notes = tick(settings, "small", planner=cheap_planner).notes
    with open_ledger(settings.database) as ledger:
        waiting = build(ledger, "small").waiting

    assert len(report.overdue) == len(checks) == len(notes) == 4
    assert {check.verdict for check in checks} == {"note"}
    assert checks[0].found == report.overdue[0] == notes[0]
    assert [w.state for w in waiting] == ["submitted"] * 4
    assert all(w.due is not None and w.due - w.updated == timedelta(hours=24) for w in waiting)


def test_what_was_asked_for_is_due_from_then_on_and_what_waits_for_nobody_is_not(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory={"adapter": "ask_tell", "due_after": 24})
    tick(settings, "small", planner=cheap_planner)
    nobody = at(settings, 100)
    (one,) = ask(settings, "small", 1, request="a", by="robot", planner=cheap_planner).experiments
    with open_ledger(settings.database) as ledger:
        dues = {w.key: w.due for w in build(ledger, "small").waiting}
        handed = ledger.events(one.key)[-1].at

    assert nobody == ()
    assert [one.key in line for line in at(settings, 25)] == [True]
    assert dues == {one.key: handed + timedelta(hours=24)}
