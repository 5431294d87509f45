"""``http``: a reply that is late, lost, redirected, oversized or malformed is doubt: no result, and no resend."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import KeyReused
from loop.contracts import Absent, Found, Phase, Unknown
from loop.errors import AdapterUnavailable
from loop.outcome import Fault, FaultKind, read_outcome
from loop.testing.adapter import KEY
from tests.adapters.helpers import EXPERIMENT
from tests.adapters.http.http_servers import Asked, Laboratory, adapter_for, said, speaking

HUGE = b'{"key": "' + b"x" * 70_000 + b'"}'
GOOD = {"key": str(KEY), "state": "running", "memory": "first"}


@pytest.fixture
def laboratory() -> Iterator[Laboratory]:
    with speaking(Laboratory()) as found:
        yield found


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (None, "failed (RemoteProtocolError: Server disconnected without sending a response.); check the url"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "failed (RemoteProtocolError: illegal status line"),
        (said(500, {}), "answered 500: the laboratory failed; asked again later"),
        (said(503, {}), "answered 503: the laboratory has too much to do"),
        (
            said(400, {}),
            "answered 400, no answer of the contract in openapi.yaml; check the url, and the laboratory's",
        ),
        (said(401, {}), "was refused (401); check the secret that token: $NAME refers to"),
        (
            said(302, {}, location="http://elsewhere.example/"),
            "was redirected (302) to 'http://elsewhere.example/', and",
        ),
        (said(200, HUGE), "answered with more than 0.0625 MiB; keep raw data elsewhere, or raise largest_reply"),
        (said(200, b"<html>log in</html>", "text/html"), "answered 200 as text/html, not application/json; check"),
        (said(200, b'{"key": '), "answered 200 with something that is not JSON"),
        (said(200, b"[" * 5000), "answered 200 with something that is not JSON"),
        (
            said(200, b'{"key": "a", "results": [{"value": 5, "value": 77}]}'),
            "not JSON ('value' is given twice in one object; give it once)",
        ),
        (said(200, [GOOD]), "answered 200 with JSON that is not an object"),
        (said(200, GOOD)[:-9], "failed (RemoteProtocolError: peer closed connection without sending complete message"),
        (said(200, gzip.compress(b"{}"), Content_Encoding="gzip"), "answered compressed (gzip), which was not asked"),
        (said(200, {**GOOD, "state": "sleeping"}), "with no Experiment document (state: Input should be 'waiting'"),
        (said(200, {**GOOD, "key": "other"}), f"asked for '{KEY}', the laboratory answered for 'other'; it must be"),
        (
            said(404, {"detail": "Not Found"}),
            "answered 404 without saying that it does not know the key; check the url",
        ),
    ],
)
def test_it_is_doubt_with_a_remedy(laboratory: Laboratory, tmp_path: Path, reply: bytes | None, message: str) -> None:
    lab = adapter_for(laboratory, tmp_path, largest_reply=0.0625)
    handle = lab.prepare(EXPERIMENT, KEY)
    lab.start(handle, KEY)
    laboratory.answers = lambda _: reply

    for ask in (lambda: lab.status(handle), lambda: lab.fetch(handle), lambda: lab.find(KEY)):
        with pytest.raises(AdapterUnavailable) as caught:
            ask()
        assert message in str(caught.value)
    assert not lab.health().is_ok
    assert not (tmp_path / "lab/jobs" / handle / "results.json").exists()


def test_where_nothing_is_found_the_url_is_looked_at_first(laboratory: Laboratory, tmp_path: Path) -> None:
    laboratory.answers = lambda _: said(404, {"detail": "Not Found"})

    message = adapter_for(laboratory, tmp_path).health().message
    assert "answered 404 with no Laboratory document" in message
    assert "check the url; where it is right, the laboratory must keep the contract in openapi.yaml" in message


def test_what_is_late_is_not_waited_for(laboratory: Laboratory, tmp_path: Path) -> None:
    is_over = threading.Event()
    laboratory.answers = lambda _: is_over.wait(60.0) and None
    lab = adapter_for(laboratory, tmp_path, timeout=0.2)

    with pytest.raises(AdapterUnavailable, match=r"was not answered within 0\.2 s"):
        lab.find(KEY)
    is_over.set()


def test_what_comes_in_drips_is_not_waited_for(laboratory: Laboratory, tmp_path: Path) -> None:
    is_over = threading.Event()

    def drip(_: Asked) -> Iterator[bytes]:
        yield said(200, {**GOOD, "detail": "x" * 1000})[:-900]
        while not is_over.wait(0.05):
            yield b" "

    laboratory.answers = drip
    lab = adapter_for(laboratory, tmp_path, timeout=0.4)

    with pytest.raises(AdapterUnavailable, match=r"not answered w(hole in time|ithin 0\.4 s)"):
        lab.find(KEY)
    is_over.set()


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with speaking(Laboratory()) as gone:
        pass
    lab = adapter_for(gone, tmp_path)

    with pytest.raises(AdapterUnavailable, match=r"failed \(ConnectError: .*Connection refused\); check the url"):
        lab.find(KEY)


def test_a_redirect_is_not_followed_and_takes_no_token_along(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_TOKEN", "s3cret")
    with speaking(Laboratory()) as thief:
        laboratory.answers = lambda asked: said(307, {}, location=thief.url + asked.path)
        lab = adapter_for(laboratory, tmp_path, token="$LAB_TOKEN")
        handle = lab.prepare(EXPERIMENT, KEY)

        with pytest.raises(AdapterUnavailable, match="was redirected"):
            lab.start(handle, KEY)

    assert thief.asked == []
    assert {asked.headers["Authorization"] for asked in laboratory.asked} == {"Bearer s3cret"}


def test_a_lost_reply_is_looked_up_and_nothing_is_sent_again(laboratory: Laboratory, tmp_path: Path) -> None:
    def lose_it(asked: Asked) -> bytes | None:
        answer = laboratory.honest(asked)
        return None if asked.method == "POST" else answer

    laboratory.answers = lose_it
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    with pytest.raises(AdapterUnavailable):
        lab.start(handle, KEY)

    assert lab.find(KEY) == Found(handle, started=True)
    lab.start(handle, KEY)
    assert len(laboratory.posts) == 1
    assert laboratory.posts[0].headers["Idempotency-Key"] == laboratory.posts[0].document["key"] == KEY


def test_a_lost_request_is_looked_up_and_sent_again(laboratory: Laboratory, tmp_path: Path) -> None:
    laboratory.answers = lambda asked: None if asked.method == "POST" else laboratory.honest(asked)
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    with pytest.raises(AdapterUnavailable):
        lab.start(handle, KEY)
    laboratory.answers = None

    assert lab.find(KEY) == Found(handle, started=False)
    lab.start(handle, KEY)
    assert [asked.method for asked in laboratory.asked] == ["GET", "POST", "GET", "GET", "POST"]
    assert list(laboratory.known) == [KEY]


def test_a_laboratory_that_lost_its_memory_is_in_doubt_and_a_person_decides(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    laboratory.answers = lambda asked: None if asked.method == "POST" else laboratory.honest(asked)
    with pytest.raises(AdapterUnavailable):
        lab.start(handle, KEY)
    laboratory.answers, laboratory.memory = None, "second"

    with pytest.raises(AdapterUnavailable, match="memory was replaced since it was sent, perhaps; look the key up"):
        lab.start(handle, KEY)
    found = lab.find(KEY)
    assert isinstance(found, Unknown)
    assert "hakken resolve KEY --ran or --never-ran" in found.why
    assert lab.status(handle).phase is Phase.LOST
    assert laboratory.known == {}

    lab.start(handle, KEY)  # as the engine does once a person has said that it never ran
    assert laboratory.posts[-1].document["never_ran"] is True
    assert lab.find(KEY) == Found(handle, started=True)


def test_a_key_that_was_accepted_and_is_forgotten_is_in_doubt(laboratory: Laboratory, tmp_path: Path) -> None:
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    lab.start(handle, KEY)
    laboratory.known.clear()

    assert lab.status(handle).phase is Phase.LOST
    assert isinstance(lab.find(KEY), Unknown)


def test_what_the_laboratory_doubts_is_sent_again_only_by_a_persons_word(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    lab.start(handle, KEY)
    laboratory.states[KEY] = "doubtful"

    lab.start(handle, KEY)  # as long as nobody was told of the doubt
    assert len(laboratory.posts) == 1
    assert isinstance(lab.find(KEY), Unknown)
    lab.start(handle, KEY)
    assert [asked.document["never_ran"] for asked in laboratory.posts] == [False, True]
    assert lab.status(handle).phase is Phase.ENDED
    lab.start(handle, KEY)
    assert len(laboratory.posts) == 2


def test_results_once_seen_are_kept_whatever_the_laboratory_forgets(laboratory: Laboratory, tmp_path: Path) -> None:
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    lab.start(handle, KEY)
    first = lab.fetch(handle)
    laboratory.known.clear()

    again = adapter_for(laboratory, tmp_path)
    assert first
    assert again.fetch(handle) == first
    assert again.status(handle).phase is Phase.ENDED


def test_another_machine_finds_what_was_sent_by_its_key(laboratory: Laboratory, tmp_path: Path) -> None:
    lab = adapter_for(laboratory, tmp_path / "one")
    handle = lab.prepare(EXPERIMENT, KEY)
    lab.start(handle, KEY)
    other = adapter_for(laboratory, tmp_path / "two")

    assert other.find(KEY) == Found(handle, started=True)
    assert other.fetch(handle) == lab.fetch(handle)


def test_what_is_refused_ends_as_an_input_error(laboratory: Laboratory, tmp_path: Path) -> None:
    trouble = {"subject": "temperature", "rule": "at most 150 degC", "remedy": "choose a lower one"}
    refusal = {"error": "refused", "problems": [trouble]}
    laboratory.answers = lambda asked: said(422, refusal) if asked.method == "POST" else laboratory.honest(asked)
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    lab.start(handle, KEY)
    (envelope,) = lab.fetch(handle)
    outcome = read_outcome(json.loads(envelope.payload), EXPERIMENT.targets)

    assert isinstance(outcome, Fault)
    assert (outcome.kind, outcome.message) == (
        FaultKind.INPUT_ERROR,
        "temperature: at most 150 degC; choose a lower one",
    )


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (said(422, {"detail": "no"}), AdapterUnavailable, "answered 422 without saying what is wrong"),
        (said(409, {"error": "key_taken", "key": str(KEY)}), KeyReused, "was prepared for another experiment"),
        (said(201, {**GOOD, "key": "other"}), AdapterUnavailable, "the laboratory answered for 'other'"),
    ],
)
def test_an_answer_to_a_submission_that_is_none_ends_nothing(
    laboratory: Laboratory, tmp_path: Path, reply: bytes, error: Any, message: str
) -> None:
    laboratory.answers = lambda asked: reply if asked.method == "POST" else laboratory.honest(asked)
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)

    with pytest.raises(error, match=message):
        lab.start(handle, KEY)
    assert lab.find(KEY) == Found(handle, started=False)


def test_what_a_result_says_is_not_the_wires_to_judge(laboratory: Laboratory, tmp_path: Path) -> None:
    odd = b'{"key": "%s", "state": "ended", "memory": "m", "results": [NaN, "text", {"outcome": 1e999}]}' % KEY.encode()
    lab = adapter_for(laboratory, tmp_path)
    handle = lab.prepare(EXPERIMENT, KEY)
    lab.start(handle, KEY)
    laboratory.answers = lambda asked: said(200, odd) if "results" in asked.path else laboratory.honest(asked)

    assert [e.payload for e in lab.fetch(handle)] == ["NaN", '"text"', '{"outcome": Infinity}']


def test_health_says_where_the_campaign_file_differs(laboratory: Laboratory, tmp_path: Path) -> None:
    about: dict[str, Any] = {"contract": "hakken-laboratory/1", "name": "robot", "memory": "m", "ok": True}
    about |= {"message": "", "properties": {"yield": "mg"}, "parameters": ["ligand"]}
    laboratory.answers = lambda _: said(200, about)

    good = adapter_for(laboratory, tmp_path).health()
    bad = adapter_for(laboratory, tmp_path, properties={"yield": "%"}, parameters=["ligand", "time"]).health()
    laboratory.answers = lambda _: said(200, about | {"contract": "hakken-laboratory/9"})
    other = adapter_for(laboratory, tmp_path).health()

    assert (good.is_ok, good.message) == (True, "robot: works")
    assert (bad.is_ok, bad.message) == (
        False,
        "robot: works; it measures 'yield' in 'mg', the campaign file says '%'; "
        "it cannot set 'time', the campaign file says it can",
    )
    assert not other.is_ok
    assert "speaks 'hakken-laboratory/9', and this adapter 'hakken-laboratory/1'" in other.message


def test_a_key_never_sent_is_absent(laboratory: Laboratory, tmp_path: Path) -> None:
    assert adapter_for(laboratory, tmp_path).find(KEY) == Absent()
