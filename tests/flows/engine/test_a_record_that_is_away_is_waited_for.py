"""A run that loses its record waits for it, says so, and goes on as if nothing had happened; a short command ends."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from db.ledger import open_ledger
from flows.engine import run, tell, tick
from flows.engine.away import LONGEST, Away
from flows.engine.steps import judging
from flows.settings import Settings
from loop.errors import LedgerBusy
from loop.record import Verdict
from tests.flows.engine.bench import TROUBLED, Story, add, cheap_planner, executions, story_of
from tests.flows.engine.outages import Outage

AT = [
    "reconcile.found",
    "ingest.fetched",
    "ingest.stored",
    "propose.planned",
    "dispatch.claimed",
    "dispatch.started",
    "work.before-commit",
    "work.after-commit",
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, Counter[str]]:
    """What the campaign comes to while its record is there."""
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = Settings(folder / "runs", by="tester")
    add(settings, folder, laboratory=TROUBLED)
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)
    return story_of(settings), executions(settings)


@pytest.mark.parametrize("label", AT)
def test_a_run_goes_on_where_it_lost_its_record_and_nothing_is_sent_twice(
    label: str,
    settings: Settings,
    tmp_path: Path,
    undisturbed: tuple[Story, Counter[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(settings, tmp_path, laboratory=TROUBLED)
    outage = Outage(monkeypatch, label)
    said: list[str] = []

    run(
        settings,
        "small",
        on_tick=lambda _: None,
        on_wait=said.append,
        planner=cheap_planner,
        poll=0.02,
        sleep=lambda _: None,
    )

    assert outage.outages
    assert len(said) in (2, 4)  # the second time may come before a pass is done
    assert "out of reach (the server closed the connection unexpectedly); waiting for it, 60 min at most" in said[0]
    assert re.fullmatch(r"the record is there again after \d+ s; going on", said[1])
    assert (story_of(settings), executions(settings)) == undisturbed


def test_a_pass_and_a_run_that_never_had_its_record_end_at_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    Outage(monkeypatch, "dispatch.claimed")
    said: list[str] = []

    with pytest.raises(LedgerBusy, match=r"(?s)out of reach.*try again in a moment"):
        tick(settings, "small", planner=cheap_planner)
    with pytest.raises(LedgerBusy):
        run(settings, "small", on_tick=lambda _: None, on_wait=said.append, planner=cheap_planner)
    assert said == []


def test_a_result_is_not_called_malformed_because_the_record_went_away_while_it_was_judged(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    file = tmp_path / "told.csv"
    file.write_text("solvent,base,step,yield\nwater,DBU,1,10\n", encoding="utf-8")

    def lost(*_args: object) -> None:  # as where a message looks for the one before it
        raise LedgerBusy("the ledger is out of reach")

    with monkeypatch.context() as patched:
        patched.setattr(judging, "read_told", lost)
        with pytest.raises(LedgerBusy):
            tell(settings, "small", file, by="tester")
    report = tick(settings, "small", planner=cheap_planner)

    assert report.accepted == 1
    with open_ledger(settings.database) as ledger:
        assert [e.verdict for e in ledger.envelopes("small")] == [Verdict.ACCEPTED]


class Watch:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_run_waits_longer_from_look_to_look_and_an_hour_at_most() -> None:
    said: list[str] = []
    watch, error = Watch(), LedgerBusy("the ledger is out of reach")
    away = Away(said.append, clock=watch)
    with pytest.raises(LedgerBusy):
        away.wait(error)
    away = Away(said.append, clock=watch)
    away.was_there = True
    waits: list[float] = []

    def wait_on() -> None:
        while True:
            waits.append(away.wait(error))
            watch.now += waits[-1]

    with pytest.raises(LedgerBusy) as ended:
        wait_on()

    assert ended.value is error
    assert waits[:8] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert LONGEST <= sum(waits) < LONGEST + 30.0
    assert len(said) == 1


def test_a_run_of_so_many_seconds_waits_no_longer() -> None:
    watch, said = Watch(), []
    away = Away(said.append, until=2.0, clock=watch)
    away.was_there = True
    for _ in range(3):
        watch.now += away.wait(LedgerBusy("away"))

    assert watch.now == 2.0
    with pytest.raises(LedgerBusy):
        away.wait(LedgerBusy("away"))
    assert len(said) == 1
