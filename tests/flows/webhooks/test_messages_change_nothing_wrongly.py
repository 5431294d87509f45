"""Forged, replayed, truncated, oversized, out-of-order and duplicate messages are kept as envelopes, and none changes a
measurement wrongly; over real connections."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.http.laboratory import HttpLaboratory
from db.ledger import open_ledger
from flows.engine import retract, tick
from flows.settings import Settings
from flows.webhooks.inbox import Inbox
from flows.webhooks.listening import Listener
from flows.webhooks.taking import take_in
from loop.errors import LedgerBusy, LedgerFull
from loop.experiment import State
from loop.record import EnvelopeRecord, Verdict
from tests.adapters.http.http_servers import serving
from tests.flows.engine.bench import cheap_planner, lift_all
from tests.flows.engine.outages import FULL, GONE, Outage
from tests.flows.engine.zygote import Zygote
from tests.flows.webhooks.bench import (
    NOW,
    SECRETS,
    TOO_LONG,
    Sent,
    as_kept,
    begin,
    body_of,
    door_of,
    envelopes,
    send,
    signed,
    values,
    wait_for,
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A project whose campaign has four experiments under way; copied for each test."""
    folder = tmp_path_factory.mktemp("prepared")
    return folder / "runs", begin(Settings(folder / "runs", by="tester"), folder)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def project(prepared: tuple[Path, list[str]], tmp_path: Path) -> Settings:
    shutil.copytree(prepared[0], tmp_path / "runs")
    return Settings(tmp_path / "runs", by="tester")


@pytest.fixture
def keys(prepared: tuple[Path, list[str]]) -> list[str]:
    return prepared[1]


@contextmanager
def open_door(project: Settings, **more: object) -> Iterator[Callable[[Sent], int]]:
    """Sends a message to the door, and waits until it is kept."""
    inbox = Inbox(project, "small")
    with serving(door_of(project, **more).application()) as url:  # type: ignore[arg-type]

        def deliver(sent: Sent) -> int:
            before = {path for path, _ in inbox.waiting()}
            status = send(url, sent)
            if status == 0:
                wait_for(inbox, len(before) + 1)
            return status

        yield deliver


def one(project: Settings, sent: Sent, **more: object) -> tuple[int, EnvelopeRecord]:
    """Deliver one message and take it in."""
    with open_door(project, **more) as deliver:
        status = deliver(sent)
    take_in(project, "small")
    (envelope,) = envelopes(project)
    return status, envelope


def test_what_the_laboratory_signed_is_the_result(project: Settings, keys: list[str]) -> None:
    status, envelope = one(project, signed(body_of(keys[0], 61.5)))

    assert status == 202
    assert (envelope.verdict, envelope.key, envelope.source) == (Verdict.ACCEPTED, keys[0], "message:http")
    assert values(project) == {keys[0]: [61.5]}
    with open_ledger(project.database) as ledger:
        assert ledger.attempt(keys[0]).state is State.ENDED


def test_what_a_message_ended_is_not_asked_for_again(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one(project, signed(body_of(keys[0], 61.5)))
    asked = []
    monkeypatch.setattr(HttpLaboratory, "late", lambda _, handles: asked.append(list(handles)) or [])

    tick(project, "small", planner=cheap_planner)

    assert asked == [[]]


BODY = b'{"contract": "hakken-laboratory/1", "campaign": "small", "key": "K", "result": {"outcome": "raw"}}'


@pytest.mark.parametrize(
    ("make", "status", "verdict", "why"),
    [
        (lambda b: signed(b, secret="guess"), 401, Verdict.FOREIGN, "is not signed by a key 'k1' of this laboratory"),
        (lambda b: signed(b, key_id="k9"), 401, Verdict.FOREIGN, "is not signed by a key 'k9' of this laboratory"),
        (lambda b: signed(b, secret="second-secret"), 401, Verdict.FOREIGN, "is not signed by a key 'k1'"),
        (lambda b: signed(b, "a.1"), 401, Verdict.FOREIGN, "is not signed by a key"),
        (lambda b: Sent(b.replace(b"50.0", b"99.0"), signed(b).headers), 401, Verdict.FOREIGN, "or was changed"),
        (
            lambda b: Sent(b, {"content-type": "application/json"}),
            401,
            Verdict.FOREIGN,
            "the message is not signed; set",
        ),
        (lambda b: Sent(b"\xff\x00", signed(b).headers), 401, Verdict.FOREIGN, "or was changed"),
        (lambda b: signed(b, at=NOW - 301), 401, Verdict.LATE, "or a clock is wrong (webhook-timestamp counts seconds"),
        (
            lambda b: signed(b, at=NOW * 1000),
            401,
            Verdict.LATE,
            "webhook-timestamp counts seconds since 1970 in UTC, got",
        ),
        (lambda b: signed(b, at=NOW + 301), 401, Verdict.LATE, "too far from the time at which it came"),
        (lambda b: Sent(b, signed(b).headers, "truncated"), 0, Verdict.MALFORMED, "the message broke off after"),
        (lambda _: signed(TOO_LONG), 413, Verdict.MALFORMED, "is too long; its first 4096 bytes are kept"),
        (lambda b: Sent(b, signed(b).headers | {"content-type": "text/xml"}), 400, Verdict.MALFORMED, "got 'text/xml'"),
        (lambda b: signed(b[:-9]), 400, Verdict.MALFORMED, "the message is not JSON"),
        (lambda _: signed(b"[" * 9000), 400, Verdict.MALFORMED, "the message is not JSON"),
        (
            lambda b: signed(b.replace(b'"value": 50.0', b'"value": 5, "value": 50.0')),
            400,
            Verdict.MALFORMED,
            "'value' is given twice in one object; give it once",
        ),
        (lambda _: signed(b"{}"), 400, Verdict.MALFORMED, "must be an object with contract 'hakken-laboratory/1'"),
        (
            lambda b: signed(b.replace(b"result", b"reslt")),
            400,
            Verdict.MALFORMED,
            "must hold campaign, key and result",
        ),
        (lambda _: signed(BODY), 400, Verdict.MALFORMED, "a message brings values; files of instruments come by"),
        (lambda _: signed(body_of("k" * 500)), 202, Verdict.MALFORMED, "is none that a laboratory is given"),
        (lambda _: signed(body_of("nobody")), 202, Verdict.FOREIGN, "names attempt 'nobody', and campaign 'small'"),
        (lambda b: signed(b.replace(b"small", b"other")), 202, Verdict.FOREIGN, "is about campaign 'other'"),
        (lambda b: signed(b.replace(b"50.0", b"NaN")), 202, Verdict.MALFORMED, "NaN is no JSON value"),
        (lambda b: signed(b.replace(b'"yield"', b'"yeild"')), 202, Verdict.MALFORMED, "no value for any target"),
    ],
)
def test_it_is_kept_and_counts_for_nothing(
    project: Settings, keys: list[str], make: Callable[[bytes], Sent], status: int, verdict: Verdict, why: str
) -> None:
    answered, envelope = one(project, make(body_of(keys[0])))

    assert answered in (status, 0)
    assert envelope.verdict is verdict
    assert why in envelope.message
    assert values(project) == {}


def test_keys_are_changed_without_a_gap(project: Settings, keys: list[str]) -> None:
    old, new = (signed(body_of(keys[0]), secret=secret, key_id="") for secret in SECRETS.values())
    both = new.headers["webhook-signature"] + " v1,AAAA " + old.headers["webhook-signature"]
    with open_door(project) as deliver:
        assert deliver(signed(body_of(keys[1]), "m2", secret="second-secret", key_id="k2")) == 202
        assert deliver(signed(body_of(keys[2]), "m3", secret="second-secret", key_id="")) == 202
        assert deliver(Sent(old.body, old.headers | {"webhook-signature": both})) == 202
    take_in(project, "small")

    assert values(project) == {key: [50.0] for key in keys[:3]}


def test_a_replay_adds_nothing(project: Settings, keys: list[str]) -> None:
    sent = signed(body_of(keys[0]))
    with open_door(project) as deliver:
        assert [deliver(sent), deliver(sent)] == [202, 202]
        take_in(project, "small")
        assert deliver(sent) == 202
    take_in(project, "small")
    assert len(envelopes(project)) == 1

    with open_door(project, now=NOW + 3600) as deliver:  # stolen, and sent again an hour later
        assert deliver(sent) == 401
    take_in(project, "small")

    assert [e.verdict for e in envelopes(project)] == [Verdict.ACCEPTED, Verdict.LATE]
    assert values(project) == {keys[0]: [50.0]}


def test_what_a_person_took_back_does_not_come_back(project: Settings, keys: list[str]) -> None:
    body = body_of(keys[0])
    with open_door(project) as deliver:
        deliver(signed(body))
        take_in(project, "small")
        retract(project, "small", keys[0], by="tester", why="the vial was empty")
        assert deliver(signed(body, at=NOW + 60)) == 202  # the laboratory never heard that it was taken
        assert deliver(signed(body_of(keys[0], 70.0), at=NOW + 61)) == 202
    take_in(project, "small")

    first, *later = [e.verdict for e in envelopes(project)]
    assert first is Verdict.ACCEPTED
    assert sorted(later) == [Verdict.CONTRADICTORY, Verdict.DUPLICATE]
    assert values(project) == {}


def test_of_two_results_the_first_stands_and_a_person_is_told(project: Settings, keys: list[str]) -> None:
    with open_door(project) as deliver:
        deliver(signed(body_of(keys[0], 50.0), "m1"))
        take_in(project, "small")
        deliver(signed(body_of(keys[0], 70.0), "m2"))
    taken = take_in(project, "small")

    assert values(project) == {keys[0]: [50.0]}
    assert taken.by_verdict == {"contradictory": 1}
    assert "already ended otherwise; to let this count, hakken retract small" in " ".join(taken.notes)
    assert "--why REASON and tell it again: yield 70 %" in " ".join(taken.notes)  # what else it said


def test_a_message_waits_unjudged_for_a_key_that_is_not_there(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_door(project) as deliver:
        deliver(signed(body_of(keys[0])))
        monkeypatch.delenv("LAB_KEY")
        taken = take_in(project, "small")

    assert [e.verdict for e in envelopes(project)] == [None]
    assert "the environment variable LAB_KEY is not set" in " ".join(taken.notes)
    monkeypatch.setenv("LAB_KEY", SECRETS["LAB_KEY"])
    with open_door(project) as deliver:
        deliver(signed(body_of(keys[1]), "m2"))
    take_in(project, "small")
    assert values(project) == {key: [50.0] for key in keys[:2]}


DANGER = {"outcome": "fault", "kind": "safety_stop", "message": "the vessel is under pressure"}


@pytest.mark.parametrize(
    ("make", "halts"),
    [
        (lambda key: signed(body_of(key, result=DANGER)), True),
        (lambda _: signed(body_of("nobody", result=DANGER)), True),
        (lambda key: signed(body_of(key, result=DANGER), at=NOW - 400), True),
        (lambda key: signed(body_of(key, result=DANGER), secret="guess"), False),
        (lambda key: Sent(body_of(key, result=DANGER), {"content-type": "application/json"}), False),
    ],
    ids=["a result", "of an unknown attempt", "signed too long ago", "forged", "unsigned"],
)
def test_danger_is_heard_from_the_laboratory_alone(
    project: Settings, keys: list[str], make: Callable[[str], Sent], halts: bool
) -> None:
    one(project, make(keys[0]))

    with open_ledger(project.database) as ledger:
        assert [stop.why.startswith("the vessel is under pressure") for stop in ledger.stops("small")] == [True] * halts


def test_a_stop_that_is_heard_is_said_and_what_runs_is_called_off_at_once(tmp_path: Path) -> None:
    project = Settings(tmp_path / "runs", by="tester")
    keys = begin(project, tmp_path, safety={"running": "cancel"})  # in a laboratory that cannot be reached by now
    with open_door(project) as deliver:
        deliver(signed(body_of(keys[0], result=DANGER)))

    notes = take_in(project, "small").notes

    assert any(n.startswith("campaign 'small' is halted by safety stop 1: the vessel is under pressure") for n in notes)
    assert any(n.startswith("small: the laboratory 'http' was not told to cancel 3 experiments (") for n in notes)


def test_a_stop_that_was_heard_is_not_heard_again_from_a_replay(project: Settings, keys: list[str]) -> None:
    sent = signed(body_of(keys[0], result=DANGER))
    for now in (NOW, NOW + 3600):
        with open_door(project, now=now) as deliver:
            deliver(sent)
        take_in(project, "small")

    assert [e.verdict for e in envelopes(project)] == [Verdict.ACCEPTED, Verdict.LATE]
    with open_ledger(project.database) as ledger:
        assert len(ledger.stops("small")) == 1


@pytest.mark.parametrize("about", ["an unknown attempt", "another campaign", "an attempt, as text/plain"])
def test_a_stop_that_counted_for_nothing_is_heard_once_whatever_unsigned_header_is_changed(
    project: Settings, keys: list[str], about: str
) -> None:
    first = {
        "an unknown attempt": signed(body_of("nobody", result=DANGER)),
        "another campaign": signed(body_of("nobody", campaign="other", result=DANGER)),
        "an attempt, as text/plain": signed(body_of(keys[0], result=DANGER)),
    }[about]
    kinds = ["text/plain"] if about.endswith("plain") else ["application/json"]
    kinds += ["application/json; charset=utf-8", "text/a", "text/b", "Application/JSON;x=1"]
    halts = []
    for number, (kind, now) in enumerate(zip(kinds, [NOW, NOW + 1, NOW + 2, NOW + 86400, NOW + 86400], strict=True)):
        if about.endswith("plain") and number == 1:
            continue  # fresh and whole: the laboratory's result
        with open_door(project, now=now) as deliver:
            deliver(Sent(first.body, first.headers | {"content-type": kind}))
        take_in(project, "small")
        with open_ledger(project.database) as ledger:
            halts.append(len(ledger.stops("small")))
        if halts[-1]:
            lift_all(project, "small", by="ada", why="the valve was closed")

    assert halts[0] == 1
    assert sum(halts) == 1


def test_the_same_message_is_one_envelope_however_its_type_is_spelt(project: Settings, keys: list[str]) -> None:
    sent = signed(body_of(keys[0]))
    for kind in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON;q=1"):
        with open_door(project) as deliver:
            assert deliver(Sent(sent.body, sent.headers | {"content-type": kind})) == 202
        take_in(project, "small")

    assert len(envelopes(project)) == 1


def test_strangers_do_not_fill_the_disk_and_the_laboratory_is_still_heard(project: Settings, keys: list[str]) -> None:
    with open_door(project, strangers=3) as deliver:
        stranger = [deliver(signed(b"%d" % i, secret="guess")) for i in range(5)]
        assert deliver(signed(body_of(keys[0]))) == 202
    take_in(project, "small")

    assert stranger == [401, 401, 401, 429, 429]
    assert len(envelopes(project)) == 4
    assert values(project) == {keys[0]: [50.0]}


def test_a_full_inbox_takes_no_more(project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.webhooks.inbox.MOST", 0)
    with open_door(project) as deliver:
        assert deliver(signed(body_of(keys[0]))) == 202
        assert deliver(signed(body_of(keys[1]), "m2")) == 503


def test_a_sender_is_told_when_to_try_again(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.webhooks.inbox.MOST", -1)
    sent = signed(body_of(keys[0]))
    with serving(door_of(project).application()) as url, httpx.Client(trust_env=False, verify=False) as client:
        answer = client.post(f"{url}/messages", content=sent.body, headers=sent.headers)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


class HasHeard(Exception):
    """A listener has said that messages were taken in."""


def until_heard(said: list[str]) -> Callable[[str], None]:
    """Keeps what a listener says, and ends it once it has taken in a message."""

    def tell(line: str) -> None:
        said.append(line)
        if re.match(r"\d+ messages?: ", line):
            raise HasHeard

    return tell


def test_a_sender_and_whoever_listens_are_told_once_each_of_a_full_disk(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(path: Path, _text: str) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    said: list[str] = []
    listener = Listener(project, "small", said.append)
    with open_door(project, on_refused=listener.complain) as deliver:
        with monkeypatch.context() as patched:
            patched.setattr("flows.webhooks.inbox.write_once", no_room)
            answers = [deliver(signed(body_of(key), f"m{i}")) for i, key in enumerate(keys[:2])]
        assert deliver(signed(body_of(keys[0]), "m0")) == 202

    assert answers == [503, 503]
    (line,) = said
    assert f"the disk of {project.folder('small') / 'inbox'} is full" in line
    assert "make room there" in line


@pytest.mark.parametrize(
    ("label", "text", "why"),
    [
        ("inbox.stored", GONE, "out of reach (the server closed the connection unexpectedly)"),
        ("work.before-commit", GONE, "out of reach (the server closed the connection unexpectedly)"),
        ("work.after-commit", GONE, "out of reach (the server closed the connection unexpectedly)"),
        ("inbox.stored", FULL, "hakken.db is full (database or disk is full); make room there"),
        ("work.before-commit", FULL, "hakken.db is full (database or disk is full); make room there"),
    ],
)
def test_a_listener_outlives_its_record_and_loses_no_message(
    label: str, text: str, why: str, project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    late: list[int] = []  # answers to what comes while the record is away

    with open_door(project) as deliver:
        deliver(signed(body_of(keys[0], 61.5)))
        outage = Outage(monkeypatch, label, text)

        def sleep(_seconds: float) -> None:
            if not late:
                late.append(deliver(signed(body_of(keys[1], 62.5), "m2")))

        with pytest.raises(HasHeard):
            Listener(project, "small", until_heard(said), sleep=sleep).take_in_until(None)

    assert outage.outages
    assert late == [202]
    assert f"{why}; waiting for it. Messages are kept" in said[0]
    assert said[1].startswith("the record is there again after")
    take_in(project, "small")
    assert values(project) == {keys[0]: [61.5], keys[1]: [62.5]}


def test_a_listener_goes_on_once_the_disk_of_its_folder_has_room(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    with open_door(project) as deliver:
        deliver(signed(body_of(keys[0], 61.5)))

    def no_room(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "engine.lock")

    with monkeypatch.context() as patched:
        patched.setattr("flows.engine.turn.Turn.take", no_room)
        with pytest.raises(HasHeard):
            Listener(project, "small", until_heard(said), sleep=lambda _: patched.undo()).take_in_until(None)

    assert f"the disk of {project.folder('small') / 'inbox'} is full" in said[0]
    assert len([line for line in said if "is full" in line]) == 1
    assert values(project) == {keys[0]: [61.5]}


def test_a_message_is_not_called_malformed_because_the_disk_was_full_while_it_was_judged(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_door(project) as deliver:
        deliver(signed(body_of(keys[0], 61.5)))

    def full(*_args: object) -> None:
        raise LedgerFull("the disk is full; make room there")

    with monkeypatch.context() as patched:
        patched.setattr("flows.engine.steps.judging.Judge._message", full)
        with pytest.raises(LedgerFull):
            take_in(project, "small")
    take_in(project, "small")

    assert values(project) == {keys[0]: [61.5]}


def test_a_listener_of_so_many_seconds_ends_without_its_record_and_the_message_waits(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_door(project) as deliver:
        deliver(signed(body_of(keys[0])))
    Outage(monkeypatch, "inbox.stored")

    with pytest.raises(LedgerBusy):
        Listener(project, "small", lambda _: None).take_in_until(0.0)

    assert len(list(Inbox(project, "small").waiting())) == 1


TRUTH = [10.0, 20.0, 30.0, 40.0]
KINDS = (
    "true",
    "again",
    "signed anew",
    "forged",
    "changed",
    "replayed",
    "early",
    "cut",
    "too long",
    "not json",
    "lost",
)


def message(kind: str, key: str, value: float, number: int) -> Sent:
    """One message of a kind about an attempt; whatever is not the laboratory's says another value."""
    true, wrong = body_of(key, value), body_of(key, 99.0)
    name = f"m{number}"
    match kind:
        case "true" | "again":
            return signed(true, name)
        case "signed anew":
            return signed(true, name, at=NOW + 30)
        case "forged":
            return signed(wrong, name, secret="guess")
        case "changed":
            return Sent(wrong, signed(true, name).headers)
        case "replayed":
            return signed(wrong, f"old{number}", at=NOW - 4000)
        case "early":
            return signed(wrong, f"new{number}", at=NOW + 4000)
        case "cut":
            return Sent(true, signed(true, name).headers, "truncated")
        case "too long":
            return signed(wrong + b" " * len(TOO_LONG), name)
        case "not json":
            return signed(true[:-5], f"torn{number}")
        case _:
            return signed(body_of(f"nobody-{number}", 99.0), f"lost{number}")


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3)), max_size=10),
    st.permutations(range(14)),
    st.sets(st.integers(0, 13), max_size=4),
)
def test_in_whatever_order_they_come_the_truth_is_on_record(
    prepared: tuple[Path, list[str]],
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[str, int]],
    order: list[int],
    stops: set[int],
) -> None:
    folder, keys = prepared
    home = tmp_path_factory.mktemp("order") / "runs"
    shutil.copytree(folder, home)
    project = Settings(home, by="tester")
    wanted = [("true", i) for i in range(4)] + drawn
    sent = [message(kind, keys[i], TRUTH[i], i) for kind, i in wanted]
    with open_door(project) as deliver:
        delivered = set()
        for step, place in enumerate(p for p in order if p < len(sent)):
            what, is_unanswered = (as_kept(sent[place]), sent[place].cut), wanted[place][0] in ("cut", "too long")
            if is_unanswered and what in delivered:
                continue  # the second one of a text is not seen to be kept where nothing is answered
            delivered.add(what)
            deliver(sent[place])
            if step in stops:
                take_in(project, "small")
        take_in(project, "small")

    assert values(project) == {key: [value] for key, value in zip(keys, TRUTH, strict=True)}
    assert len(envelopes(project)) == len(delivered)
    assert all(e.verdict is not None for e in envelopes(project))
    shutil.rmtree(home)


def test_a_judge_that_believes_everybody_would_be_caught(
    project: Settings, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.http.signing.is_signed", lambda *_: True)

    _, envelope = one(project, signed(body_of(keys[0], 99.0), secret="guess"))

    assert envelope.verdict is Verdict.ACCEPTED  # so the tests above would fail


@pytest.mark.parametrize("label", ["inbox.kept", "inbox.stored", "inbox.judged", "ingest.judged", "work.before-commit"])
def test_killed_at(label: str, project: Settings, keys: list[str], zygote: Zygote) -> None:
    texts = [as_kept(signed(body_of(key, value), key)) for key, value in zip(keys, TRUTH, strict=True)]
    environ = {**SECRETS, "HAKKEN_CRASH_AT": label}
    died = zygote.ask(project.home, "listen", arguments={"messages": texts}, environ=environ)

    ended = zygote.ask(project.home, "listen", arguments={"messages": texts}, environ=SECRETS)

    assert (died, ended) == (-9, 0)
    assert values(project) == {key: [value] for key, value in zip(keys, TRUTH, strict=True)}
    assert list(Inbox(project, "small").waiting()) == []
    assert len(envelopes(project)) == 4
