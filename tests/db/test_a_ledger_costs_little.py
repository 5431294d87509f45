"""What a pass costs is counted, not timed: commits, statements, and no query per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from db import SqlLedger, planned_from
from db import tables as t
from db.reading import results
from loop import checkpoints
from loop.contracts import Ledger
from loop.record import EnvelopeDraft, Lease, Verdict
from loop.testing.ledger import SPEC, batch, finished, proposal
from loop.testing.ledger.material import candidate, measured

Fill = Callable[[Ledger], Lease]


@contextmanager
def statements(ledger: SqlLedger) -> Iterator[list[str]]:
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    sa.event.listen(ledger._engine, "before_cursor_execute", hear)
    yield said
    sa.event.remove(ledger._engine, "before_cursor_execute", hear)


def test_a_pass_is_one_commit_for_each_unit_of_work_and_one_for_the_lease_each_way(sqlite_ledger: SqlLedger) -> None:
    sqlite_ledger.open_campaign("coupling", SPEC, by="ada")
    before = sqlite_ledger.commits

    sqlite_ledger.open_campaign("coupling", SPEC, by="ada")
    lease = sqlite_ledger.acquire("coupling", "engine-1", timedelta(hours=1))
    with sqlite_ledger.work(lease) as work:
        work.record_round(batch())
        work.receive(EnvelopeDraft("robot", None, "{}"))
    with sqlite_ledger.work(lease):
        pass  # nothing to write, nothing to commit
    sqlite_ledger.release(lease)
    sqlite_ledger.release(lease)

    assert sqlite_ledger.commits - before == 3


def test_reading_takes_as_many_statements_for_many_rows_as_for_few(sqlite_ledger: SqlLedger) -> None:
    sqlite_ledger.open_campaign("coupling", SPEC, by="ada")
    lease = sqlite_ledger.acquire("coupling", "engine-1", timedelta(hours=1))
    finished(sqlite_ledger, lease, n=2)

    def count() -> list[int]:
        counts = []
        for read in (
            sqlite_ledger.observations,
            sqlite_ledger.attempts,
            sqlite_ledger.proposals,
            sqlite_ledger.rounds,
            sqlite_ledger.envelopes,
        ):
            with statements(sqlite_ledger) as said:
                read("coupling")
            counts.append(len([one for one in said if one.startswith("SELECT")]))
        return counts

    few = count()
    with sqlite_ledger.work(lease) as work:
        seen = tuple(o.id for o in sqlite_ledger.observations("coupling"))
        work.record_round(batch(2, *(proposal(i, replicates=2) for i in range(8)), observations=seen))
        work.record_round(batch(3, *(proposal(i) for i in range(8)), observations=seen))
    many = count()

    assert few == many
    assert max(many) <= 3


def test_what_rounds_have_in_common_is_written_a_few_times_only(
    sqlite_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_ledger.open_campaign("coupling", SPEC, by="ada")
    lease = sqlite_ledger.acquire("coupling", "engine-1", timedelta(hours=1))
    ids = tuple(o.id for o in finished(sqlite_ledger, lease, n=64))
    for number in range(2, 65):
        with sqlite_ledger.work(lease) as work:
            work.record_round(batch(number, observations=ids[:number]))

    with sqlite_ledger._engine.connect() as connection:
        written = connection.scalar(sa.select(sa.func.count()).select_from(t.TrainingRow))
    every = sqlite_ledger.rounds("coupling")
    monkeypatch.setattr(planned_from, "AT_ONCE", 3)

    assert written < 64 * 6 < sum(range(2, 65)) / 5  # n log2 n, and not n^2 / 2
    assert [r.observations for r in every] == [(), *(ids[:number] for number in range(2, 65))]
    assert sqlite_ledger.rounds("coupling") == every  # read whole, where too many would have to be named


def test_a_campaign_too_large_for_a_list_of_variables_is_read_whole(
    sqlite_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "LONGEST_LIST", 3)
    sqlite_ledger.open_campaign("coupling", SPEC, by="ada")
    lease = sqlite_ledger.acquire("coupling", "engine-1", timedelta(hours=1))
    seen = finished(sqlite_ledger, lease, n=5)

    assert sqlite_ledger.observations("coupling") == seen


def test_the_points_around_a_commit_can_be_reached(
    sqlite_ledger: SqlLedger, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = fill(sqlite_ledger)
    reached: list[str] = []
    monkeypatch.setattr(checkpoints, "on_reached", reached.append)

    with sqlite_ledger.work(lease) as work:
        work.receive(EnvelopeDraft("robot", None, "new"))
    with sqlite_ledger.work(lease):
        pass

    assert reached == ["work.before-commit", "work.after-commit"]


def test_a_told_row_is_written_without_being_read_back(sqlite_ledger: SqlLedger) -> None:
    sqlite_ledger.open_campaign("coupling", SPEC, by="ada")
    lease = sqlite_ledger.acquire("coupling", "engine-1", timedelta(hours=1))

    with statements(sqlite_ledger) as said, sqlite_ledger.work(lease) as work:
        before = len(said)
        for line in range(2, 12):
            envelope = work.receive(EnvelopeDraft(f"tell:old.csv:{line}", None, "{}"))
            work.accept(envelope.id, measured(float(line)), candidate=candidate(0))
        rows = said[before:]

    assert len([one for one in rows if one.startswith("SELECT")]) <= 4 * 10 + 2  # known? judged? counted? which point?
    assert not [one for one in rows if "FROM measurement" in one]


def test_a_campaign_is_looked_up_by_its_name_once(sqlite_ledger: SqlLedger, fill: Fill) -> None:
    fill(sqlite_ledger)
    with statements(sqlite_ledger) as said:
        for _ in range(2):
            sqlite_ledger.campaign("coupling")
            sqlite_ledger.attempts("coupling")
            sqlite_ledger.observations("coupling")
            sqlite_ledger.stops("coupling")

    assert not [one for one in said if one.startswith("SELECT campaign.id \nFROM campaign")]


def test_an_attempt_is_found_by_its_key_without_a_look_at_every_other(sqlite_ledger: SqlLedger, fill: Fill) -> None:
    fill(sqlite_ledger)
    key = sqlite_ledger.attempts("coupling")[0].key
    with statements(sqlite_ledger) as said:
        sqlite_ledger.attempt(key)
        sqlite_ledger.events(key)
    with sqlite_ledger._engine.connect() as connection:
        plans = [
            row[3]
            for one in said
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", (key,) * one.count("?"))
        ]

    assert plans
    assert not [step for step in plans if step.startswith("SCAN")]


def test_results_are_read_without_what_they_came_in(sqlite_ledger: SqlLedger, fill: Fill) -> None:
    fill(sqlite_ledger)
    with statements(sqlite_ledger) as said:
        sqlite_ledger.observations("coupling")

    assert not [one for one in said if "result_envelope.payload" in one]


def test_rows_that_cannot_be_read_are_judged_in_a_few_statements(sqlite_ledger: SqlLedger, fill: Fill) -> None:
    lease = fill(sqlite_ledger)
    with statements(sqlite_ledger) as said, sqlite_ledger.work(lease) as work:
        rows = work.receive_all([EnvelopeDraft(f"tell:old.csv:{line}", None, "?") for line in range(2, 52)])
        before = len(said)
        work.judge_all([(row.id, Verdict.MALFORMED, "no number") for row in rows])
        judging = len(said) - before

    assert judging <= 3  # what was received, its verdicts, the log
