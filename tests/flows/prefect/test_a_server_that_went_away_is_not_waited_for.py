"""Events that Prefect's server cannot be told any more: said once, and given up instead of tried one by one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from flows import undelivered

from prefect.events.clients import EventsClient  # isort: skip - after Prefect's own settings were made
from prefect.events.schemas.events import Event, Resource
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings


class Deaf(EventsClient):
    """A client whose server is gone, as it finds once all events wait."""

    tried: ClassVar[list[str]] = []
    error: ClassVar[type[Exception]] = ConnectionRefusedError
    all_wait = threading.Event()

    async def _emit(self, event: Event) -> None:
        self.tried.append(event.event)
        self.all_wait.wait(60)
        raise self.error


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(Deaf, "tried", [])
    monkeypatch.setattr(Deaf, "all_wait", threading.Event())
    monkeypatch.setattr(EventsWorker, "_client_override", (Deaf, ()))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        yield EventsWorker.instance()


def send(worker: Any, number: int) -> None:
    for n in range(number):
        worker.send(Event(event=f"pass {n}", resource=Resource({"prefect.resource.id": "prefect.task-run.1"})))


@pytest.mark.parametrize("is_ending", [False, True])
def test_what_waits_behind_an_event_that_was_not_delivered_is_given_up_and_said_once(
    worker: Any, is_ending: bool, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    undelivered.listen(lambda: said.append("away"))
    send(worker, 20)
    ended = worker._drain() if is_ending else None  # the process is about to end, and waits for the worker
    Deaf.all_wait.set()
    (ended or worker._drain()).result(timeout=60)

    assert Deaf.tried == ["pass 0"]
    assert said == ["away"]
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_an_event_that_fails_for_another_reason_is_told_as_prefect_tells_it_and_keeps_no_other_back(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Deaf, "error", ValueError)
    undelivered.listen(lambda: said.append("away"))
    send(worker, 3)
    Deaf.all_wait.set()
    worker._drain().result(timeout=60)

    assert Deaf.tried == ["pass 0", "pass 1", "pass 2"]
    assert said == []
