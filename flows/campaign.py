"""``campaign`` as a Prefect flow: pass after pass, until the campaign is over or only a person can go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from flows import undelivered
from flows.driving import EFFECT, no_server, settings_in
from flows.engine import passes, running
from flows.engine.away import Away
from flows.engine.looking.reports import TickReport
from flows.engine.session import Session
from flows.settings import Settings, prepare_prefect
from loop.errors import HakkenError, LeaseHeld, LedgerBusy

prepare_prefect()

import httpx  # noqa: E402 - Prefect's own client
from prefect import State, flow, get_run_logger, task  # noqa: E402 - reads its environment when it is imported
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings  # noqa: E402
from prefect.states import Completed  # noqa: E402

TRIES: Final = 3  # within 15 s; the 5 of Prefect take a minute each for the end of a run and its log at a lost server

# Flow parameters go to Prefect's server as JSON: what is no JSON travels beside them.
_settings: ContextVar[Settings | None] = ContextVar("_settings", default=None)
_on_tick: ContextVar[Callable[[TickReport], None] | None] = ContextVar("_on_tick", default=None)
_on_wait: ContextVar[Callable[[str], None] | None] = ContextVar("_on_wait", default=None)
_on_busy: ContextVar[Callable[[LeaseHeld], None] | None] = ContextVar("_on_busy", default=None)
_on_end: ContextVar[Callable[[], None]] = ContextVar("_on_end", default=lambda: None)


@task(name="pass", **EFFECT)
def one_pass(session: Session, page: running.Page, until: float | None) -> tuple[TickReport, bool]:
    """One pass: its report, and whether it was the last for now."""
    return running.go_on(session, page, until)


@flow(name="campaign", flow_run_name="campaign {campaign}", persist_result=False, retries=0)
async def campaign(
    campaign: str, home: str = "", poll: float = 10.0, max_seconds: float | None = None
) -> dict[str, Any] | State[Any]:
    """Run a campaign as ``flows.engine.run`` does, each pass a task. One that meets another at work ends as "Busy".

    Args:
        campaign: Its name.
        home: The project's folder; ``HAKKEN_HOME`` when left out.
        poll: Longest wait between two passes, in seconds.
        max_seconds: Return after so long at the latest, between two passes.
    """
    settings, log, on_tick = _settings.get() or settings_in(home), get_run_logger(), _on_tick.get()
    until = None if max_seconds is None else time.monotonic() + max_seconds
    away = Away(_on_wait.get() or log.warning, until=until)
    while True:
        try:
            with passes.sitting(settings, campaign, patience=away.patience) as session:
                away.was_there = True
                page, wait = running.Page(session, is_stale=away.is_on), running.SHORTEST
                while True:
                    report, is_last = one_pass(session, page, until)
                    away.end()
                    if on_tick is not None:
                        on_tick(report)
                    if is_last:
                        _on_end.get()()
                        log.info(report.next_step)
                        return report.as_json()
                    wait = running.SHORTEST if report.has_changed else min(wait * 2, poll)
                    if not report.has_changed:
                        await asyncio.sleep(wait)
                    session.held.give_way()
        except LeaseHeld as error:  # no accident, which Prefect would log with its traceback
            if (on_busy := _on_busy.get()) is not None:
                on_busy(error)
            return Completed(name="Busy", message=str(error))
        except LedgerBusy as error:
            await asyncio.sleep(away.wait(error))


class NoPrefectServer(HakkenError):
    """The server that ``PREFECT_API_URL`` names cannot be reached, or a temporary one cannot be started; start it, or
    go on without it: nothing is lost."""


def run_with_prefect(
    settings: Settings,
    name: str,
    *,
    on_tick: Callable[[TickReport], None],
    on_wait: Callable[[str], None] = lambda _: None,
    poll: float = 10.0,
    max_seconds: float | None = None,
) -> TickReport:
    """``flows.engine.run`` as a flow run, on the server that ``PREFECT_API_URL`` names or on one of its own.

    A server that goes away meanwhile is no reason to end; ``on_wait`` is told of it when the run is over.
    """
    last: list[TickReport] = []
    busy: list[LeaseHeld] = []
    has_ended = is_over = False

    def remember(report: TickReport) -> None:
        last[:] = [report]
        on_tick(report)

    def note_end() -> None:
        nonlocal has_ended
        has_ended = True

    def note_silence() -> None:
        if not is_over:
            on_wait(
                "Prefect's server does not answer; the run goes on without it, and its pages will lack what happens "
                "meanwhile"
            )

    async def go() -> None:
        _settings.set(settings)
        _on_tick.set(remember)
        _on_wait.set(on_wait)
        _on_busy.set(busy.append)
        _on_end.set(note_end)
        await campaign(name, str(settings.home), poll=poll, max_seconds=max_seconds)

    undelivered.listen(note_silence)
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: TRIES}):
            asyncio.run(go())
    except httpx.TransportError as error:
        if not has_ended:
            raise _unreachable(error) from error
        on_wait(
            f"Prefect's server went away ({error}), and its pages do not show how this run ended; the record does. "
            "Prefect may try for a minute yet to reach it, and Ctrl-C ends that"
        )
    except RuntimeError as error:
        if "ephemeral Prefect API server" in str(error):  # what Prefect says of one of its own that did not come up
            raise _not_started(error) from error
        if "Failed to reach API" not in str(error):  # and of a server that gives no answer
            raise
        raise _unreachable(error) from error
    finally:
        is_over = True
    for held in busy:
        raise held
    return last[0]


def _unreachable(error: Exception) -> NoPrefectServer:
    said = no_server(get_current_settings().api.url, error)
    return NoPrefectServer(f"{said}, unset that, or go on without --prefect")


def _not_started(error: Exception) -> NoPrefectServer:
    return NoPrefectServer(
        f"Prefect's temporary server does not start ({error}); what it says itself stands above. Where its database in "
        f"{get_current_settings().home} is damaged or of another version of Prefect, move that away: no experiment is "
        "in it. Or go on without --prefect"
    )
