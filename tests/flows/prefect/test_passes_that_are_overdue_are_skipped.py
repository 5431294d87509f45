"""Scheduled passes that no worker took in time are skipped by the first that runs: it did what they would do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.exceptions import ObjectNotFound

from flows import tick

HERE = UUID("b54a017d-82cc-4b60-906c-27599367c173")
BEGUN = datetime(2026, 3, 1, 8, tzinfo=UTC)


class Server:
    """A Prefect server with some late runs, as its client shows it."""

    def __init__(self, *late: Any) -> None:
        self.late = list(late)
        self.filters: list[Any] = []
        self.states: dict[int, Any] = {}

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read_flow_runs(self, *, flow_run_filter: Any, limit: int) -> list[Any]:
        self.filters.append(flow_run_filter)
        return self.late[:limit]

    async def set_flow_run_state(self, run: int, state: Any) -> None:
        if run < 0:
            raise ObjectNotFound(Exception("no such run"))
        self.states[run] = state


def a_run(number: int, auto_scheduled: bool = True) -> Any:
    return SimpleNamespace(id=number, auto_scheduled=auto_scheduled)


def skip(monkeypatch: pytest.MonkeyPatch, server: Server, deployment: UUID | None = HERE) -> int:
    monkeypatch.setattr(tick, "get_client", lambda: server)
    monkeypatch.setattr(tick, "deployment", SimpleNamespace(id=deployment))
    skipped: int = asyncio.run(tick.skip_overdue.fn(BEGUN))
    return skipped


def test_what_is_late_on_this_schedule_and_was_due_before_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(a_run(1), a_run(2, auto_scheduled=False), a_run(-1), a_run(3))

    assert skip(monkeypatch, server) == 3
    assert {run: (state.is_cancelled(), state.name) for run, state in server.states.items()} == {
        1: (True, "Skipped"),
        3: (True, "Skipped"),
    }
    (asked,) = server.filters
    assert asked.deployment_id.any_ == [HERE]
    assert asked.state.name.any_ == ["Late"]
    assert asked.expected_start_time.before_ == BEGUN


def test_a_pass_skips_only_so_many_and_one_without_a_schedule_none(monkeypatch: pytest.MonkeyPatch) -> None:
    night = Server(*map(a_run, range(1440)))
    nobody = Server(a_run(1))

    assert skip(monkeypatch, night) == tick.MOST
    assert skip(monkeypatch, nobody, None) == 0
    assert nobody.states == {}
