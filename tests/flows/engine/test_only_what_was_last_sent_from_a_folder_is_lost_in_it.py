"""Most laboratories remember in the folder of a campaign what they were given: two folders know different things."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import resolve, status
from flows.engine.looking.reports import StatusReport
from flows.engine.sent import Sent, place_of
from flows.settings import Settings
from loop.contracts import Phase
from loop.experiment import Event, State
from loop.record import AttemptEventRecord
from tests.flows.engine.bench import FakeLaboratory, add, once


@pytest.fixture
def other(settings: Settings, tmp_path: Path) -> Settings:
    """Another folder on the same record: a second machine, or a record that was moved without its folder."""
    return Settings(tmp_path / "other", settings.database, by="tester")


def keys_of(settings: Settings, *states: State) -> list[str]:
    with open_ledger(settings.database) as ledger:
        return [a.key for a in ledger.attempts("small", states or None)]


def standing(settings: Settings) -> StatusReport:
    (report,) = status(settings, "small")
    return report


def never_ran(settings: Settings) -> list[str]:
    """A person says so of all that is in doubt."""
    keys = keys_of(settings, State.AMBIGUOUS)
    for key in keys:
        resolve(settings, key, ran=False, by="tester")
    return keys


def sent_anew(here: Settings, there: Settings, laboratory: FakeLaboratory) -> Any:
    """Sent from here, and after a person's word that nothing ran sent from another folder, whose pass is returned."""
    once(here)
    laboratory.jobs = {}
    once(there)
    never_ran(there)
    return once(there)


def test_who_looks_from_another_folder_is_told_where_the_worksheet_is(
    settings: Settings, other: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    once(settings)

    here, there = standing(settings).next_step, standing(other).next_step

    assert "worksheet.csv, then hakken run small" in here
    assert f"fill in the worksheet where they were sent from ({gethostname()}:{settings.home})" in there
    assert "hakken export small results.csv --waiting" in there
    assert str(other.folder("small")) not in there


def test_what_was_sent_from_another_folder_is_not_lost_in_this_one(
    settings: Settings, other: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    remembered, laboratory.jobs = laboratory.jobs, {}

    first, second = once(other), once(other)

    assert [(r.sent, r.faults, r.pending) for r in (first, second)] == [(0, 0, {"ambiguous": 4})] * 2
    for report in (first, second):
        (note,) = [n for n in report.notes if "another folder" in n]
        assert note.startswith(
            f"4 of the experiments under way are not on record as sent from {other.folder('small')} "
            "(another folder, or an earlier hakken), and the laboratory cannot tell here whether they run"
        )
        assert "go on from the folder that sent them, or bring it here" in note

    laboratory.jobs = remembered
    key, home = keys_of(settings)[0], settings.home
    for said in (first.next_step, standing(other).next_step):
        assert said.startswith(f"Attempt {key} (and 3 more) were sent from {gethostname()}:{home}: hakken run small ")
        assert f"Only where that folder is gone for good, look at the laboratory, then say hakken resolve {key}" in said
    assert first.waits_for_person
    here = standing(settings)
    assert here.next_step == (
        f"Whether attempt {key} (and 3 more) ran could not be told in another folder: hakken run small looks them up "
        "here, where they were sent."
    )
    assert (len(here.ambiguous), here.to_resolve, standing(other).to_resolve) == (4, (), ())
    back = once(settings)

    assert "ambiguous" not in back.pending
    assert set(laboratory.starts.values()) == {1}


def test_what_was_sent_here_is_looked_for_here(
    settings: Settings, other: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    """After a person's word it is sent from this folder, and from then on it can be lost here."""
    add(settings, tmp_path)
    sent = sent_anew(settings, other, laboratory)
    laboratory.jobs = {}

    report = once(other)

    assert (sent.sent, report.faults) == (4, 4)


def test_what_was_sent_from_here_first_and_from_another_folder_last_is_not_lost_here(
    settings: Settings, other: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    sent = sent_anew(settings, other, laboratory)
    starts, theirs, laboratory.jobs = dict(laboratory.starts), laboratory.jobs, {}

    first, second = once(settings), once(settings)
    laboratory.jobs = theirs
    back = once(other)

    assert sent.sent == 4
    assert [(r.sent, r.faults, r.pending) for r in (first, second)] == [(0, 0, {"ambiguous": 4})] * 2
    assert (back.faults, back.pending.get("ambiguous", 0)) == (0, 0)
    assert {key: laboratory.starts[key] for key in starts} == starts


def test_what_never_left_here_and_was_sent_from_another_folder_is_not_lost_here(
    settings: Settings, other: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    """They were claimed here, proved absent, and went back to wait for whoever sends them."""
    add(settings, tmp_path)
    laboratory.is_reachable = False
    here = once(settings)
    laboratory.is_reachable = True
    there = once(other)
    laboratory.jobs = {}

    report = once(settings)

    assert (here.pending, there.sent) == ({"ready": 3, "sending": 1}, 3)
    assert report.faults == 0
    assert (report.sent, report.pending) == (1, {"submitted": 1, "ambiguous": 3})  # one was claimed here alone
    assert set(laboratory.starts.values()) == {1}


def test_what_lies_prepared_here_is_not_started_after_it_was_sent_from_another_folder(
    settings: Settings, other: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    for job in laboratory.jobs.values():  # as a pass leaves them that is killed before it starts them
        job.started = 0
    laboratory.starts.clear()
    inert, laboratory.jobs = laboratory.jobs, {}
    once(other)
    never_ran(other)
    once(other)
    theirs, laboratory.jobs = laboratory.jobs, inert

    asked, looked_up = once(settings), once(settings)
    laboratory.jobs = theirs
    once(other)

    assert [(r.sent, r.pending) for r in (asked, looked_up)] == [(0, {"ambiguous": 4})] * 2
    assert {laboratory.starts[key] for key in inert} == {1}


def test_what_was_sent_after_a_copy_of_the_folder_was_made_is_not_lost_in_the_copy(
    settings: Settings, other: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    before = set(keys_of(settings))
    shutil.copytree(settings.folder("small"), other.folder("small"))
    once(settings)
    for key in set(laboratory.jobs) - before:
        del laboratory.jobs[key]

    report = once(other)

    assert len(before) == 4
    assert (report.sent, report.faults, report.pending) == (0, 0, {"ambiguous": 3})


def test_what_this_folder_sent_and_knows_no_more_is_looked_for_before_a_person_resolves_it(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    """Its disk is not there, and an empty folder lies in its place; or an older copy of it was put back."""
    add(settings, tmp_path)
    once(settings)
    remembered, laboratory.jobs = laboratory.jobs, {}
    away = settings.folder("small").rename(tmp_path / "away")
    settings.folder("small").mkdir()

    report = once(settings)

    key = keys_of(settings)[0]
    assert report.next_step.startswith(f"Attempt {key} (and 3 more) were sent from this folder, which knows nothing of")
    assert "see whether its disk is there, and whether an older copy of it was put back" in report.next_step
    assert report.next_step.endswith(f"say hakken resolve {key} --ran or hakken resolve {key} --never-ran.")
    assert (report.waits_for_person, standing(settings).to_resolve) == (True, ())
    shutil.rmtree(settings.folder("small"))
    away.rename(settings.folder("small"))
    laboratory.jobs = remembered
    assert standing(settings).next_step.startswith(f"Whether attempt {key} (and 3 more) ran could not be told in")
    assert "ambiguous" not in once(settings).pending


def test_a_folder_of_any_name_is_said_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "a from b\nc" / "small"
    folder.mkdir(parents=True)
    sending = Sent(folder).begin()

    assert sending in Sent(folder)
    assert place_of([claimed(sending)]) == f"{gethostname()}:{tmp_path}/a from b?c"
    assert [place_of([claimed(detail)]) for detail in ("sending 0195", "")] == ["", None]
    assert place_of([]) is None


def test_what_an_earlier_hakken_sent_is_not_lost(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claims name no sending. What is found goes on; of what is not, a person has to say whether it ran."""
    add(settings, tmp_path)
    with monkeypatch.context() as earlier:
        earlier.setattr(Sent, "begin", lambda _: "")
        once(settings)
    Sent(settings.folder("small")).begin()  # of another lot
    for job in laboratory.jobs.values():
        job.phase = Phase.RUNNING
    missed = next(iter(laboratory.jobs))
    del laboratory.jobs[missed]

    report = once(settings)

    assert (report.faults, report.pending) == (0, {"ambiguous": 1, "running": 3})
    assert any(n.startswith("1 of the experiments under way is not on record as sent from ") for n in report.notes)
    assert never_ran(settings) == [missed]
    assert once(settings).sent == 1


def test_a_line_that_was_cut_off_takes_no_other_along(tmp_path: Path) -> None:
    sent = Sent(tmp_path)
    assert "" not in sent
    first = sent.begin()
    with (tmp_path / "sent.txt").open("ab") as file:
        file.write(f"\n{first[:-1]}".encode() + b"\xff")  # the power fails
    second = Sent(tmp_path).begin()
    anew = Sent(tmp_path)

    assert [sending in anew for sending in (first, second, first[:-1], "")] == [True, True, False, False]


def test_a_sending_is_known_at_once_and_the_last_one_counts(tmp_path: Path) -> None:
    here, there = Sent(tmp_path / "here"), Sent(tmp_path / "there")
    for sent in (here, there):
        sent.folder.mkdir()
    assert not here.is_last([])
    ours, theirs = here.begin(), there.begin()

    lives = {
        (): (False, False),
        (ours,): (True, False),
        (theirs,): (False, False),
        ("",): (False, False),
        (ours, theirs): (False, True),
        (theirs, ours): (True, False),
        (ours, ""): (False, True),
    }
    for claims, expected in lives.items():
        life = [claimed(detail) for detail in claims]
        assert (here.is_last(life), here.is_overtaken(life)) == expected


def claimed(detail: str) -> AttemptEventRecord:
    return AttemptEventRecord("key", Event.CLAIMED, State.READY, State.SENDING, detail, datetime.now(UTC))


def test_what_was_sent_is_read_once_for_all_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Sent(tmp_path).begin()
    sent, reads, read_text = Sent(tmp_path), [], Path.read_text

    def counted(path: Path, encoding: str | None = None, errors: str | None = None) -> str:
        reads.append(path)
        return read_text(path, encoding=encoding, errors=errors)

    monkeypatch.setattr(Path, "read_text", counted)

    assert [sending in sent for sending in (first, "sending 0195")] == [True, False]
    second = sent.begin()
    assert [sending in sent for sending in (first, second, "sending 0195")] == [True, True, False]
    assert len(reads) == 1
    assert second in Sent(tmp_path)
