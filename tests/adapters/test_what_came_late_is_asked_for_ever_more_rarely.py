"""Of what ended otherwise, as by what a person told, laboratories are asked ever more rarely, until it has ended."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from adapters.common.folder import Jobs
from adapters.common.later import Later
from adapters.errors import AdapterUnavailable
from adapters.http.laboratory import HttpLaboratory
from adapters.http.options import HttpOptions
from adapters.http.service import Service
from adapters.http.wire import Wire
from loop.contracts import Handle
from loop.testing.adapter import KEY, OTHER
from tests.adapters.helpers import EXPERIMENT
from tests.adapters.http.http_servers import Asked, Laboratory, said, speaking

DAY = 24 * 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)


def test_the_wait_is_as_long_as_all_before_it(jobs: Jobs, clock: Clock) -> None:
    handle, asked = jobs.prepare(EXPERIMENT, KEY), list[float]()
    begin = clock.now
    while clock.now < begin + 600:
        Later(jobs, clock).ask([handle], lambda _: asked.append(clock.now - begin), lambda: True)  # a new process
        clock.now += 10

    assert asked == [0, 60, 120, 240, 480]


def test_what_never_ends_costs_few_questions(jobs: Jobs, clock: Clock) -> None:
    handle, asked = jobs.prepare(EXPERIMENT, KEY), list[Handle]()
    for _ in range(365 * 24):
        Later(jobs, clock).ask([handle], asked.append, lambda: True)
        clock.now += 3600

    assert len(asked) < 20


def test_a_clock_that_was_set_back_is_no_reason_to_wait_for_it(jobs: Jobs, clock: Clock) -> None:
    handle, asked = jobs.prepare(EXPERIMENT, KEY), list[Handle]()
    Later(jobs, clock).ask([handle], asked.append, lambda: True)
    clock.now -= DAY
    Later(jobs, clock).ask([handle], asked.append, lambda: True)

    assert len(asked) == 2


@pytest.mark.parametrize(("can_work", "n_asked"), [(True, 2), (False, 1)])
def test_one_that_gives_no_answer_keeps_no_other_from_being_asked_about_where_the_laboratory_works(
    jobs: Jobs, clock: Clock, can_work: bool, n_asked: int
) -> None:
    handles = [jobs.prepare(EXPERIMENT, key) for key in (KEY, OTHER)]
    asked = list[Handle]()

    def fails(handle: Handle) -> None:
        asked.append(handle)
        raise AdapterUnavailable("no answer")

    later = Later(jobs, clock)
    if can_work:
        later.ask(handles, fails, lambda: True)
    else:
        with pytest.raises(AdapterUnavailable):
            later.ask(handles, fails, lambda: False)
        later.ask(handles, fails, lambda: False)  # not before its time: a time-out may be long

    assert len(asked) == n_asked


def test_a_laboratory_over_http_is_asked_until_it_has_ended_and_what_was_never_sent_never(
    jobs: Jobs, clock: Clock
) -> None:
    with speaking(Laboratory()) as laboratory:
        options = HttpOptions(url=laboratory.url, timeout=5.0)
        lab = HttpLaboratory(jobs, options, Service(Wire(options)), clock=clock)
        sent, unsent = (lab.prepare(EXPERIMENT, key) for key in (KEY, OTHER))
        lab.start(sent, KEY)
        laboratory.states[KEY] = "running"
        asked = Counter[str]()

        def is_heard(seconds: float) -> bool:
            clock.now += seconds
            laboratory.asked.clear()
            came = lab.late([sent, unsent, Handle("of-another-folder")])
            asked.update(a.path for a in laboratory.asked)
            return [json.loads(e.payload)["values"][0]["value"] for e in came] == [50.0]

        assert [is_heard(s) for s in (0, 30, 40)] == [False, False, False]
        laboratory.states[KEY] = "ended"
        assert [is_heard(s) for s in (30, 100, 100, 1000)] == [False, True, True, True]

    path = f"/experiments/{KEY}"
    assert asked == {path: 3, f"{path}/results": 1}  # twice while it ran; once it had ended, with its results


def test_what_a_laboratory_over_http_cannot_say_of_one_is_heard_of_another(jobs: Jobs, clock: Clock) -> None:
    def but_one(asked: Asked) -> bytes:
        return said(500, {}) if KEY in asked.path else laboratory.honest(asked)

    def about(asked: Asked) -> bytes:
        told = {"contract": "hakken-laboratory/1", "name": "lab", "memory": "first", "ok": True, "message": ""}
        return said(200, told) if asked.path == "/laboratory" else but_one(asked)

    with speaking(Laboratory()) as laboratory:
        options = HttpOptions(url=laboratory.url, timeout=5.0)
        lab = HttpLaboratory(jobs, options, Service(Wire(options)), clock=clock)
        handles = [lab.prepare(EXPERIMENT, key) for key in (KEY, OTHER)]
        for handle, key in zip(handles, (KEY, OTHER), strict=True):
            lab.start(handle, key)
        laboratory.answers = about

        assert [e.key for e in lab.late(handles)] == [OTHER]
