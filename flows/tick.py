"""``tick`` as a Prefect flow: one pass over a campaign, each step a task to be seen in Prefect's pages.

Prefect is the driver, never the ledger: what was sent, what came back and what is tried again is in the record.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from flows import schedules
from flows.asleep import note_schedule
from flows.driving import EFFECT, settings_in
from flows.engine import passes
from flows.engine.changes.versions import said_of_edits
from flows.engine.looking.reports import TickReport
from flows.engine.session import Session
from flows.engine.steps.closing import close_plates
from flows.engine.steps.dispatching import dispatch
from flows.engine.steps.losing import lost_parts
from flows.engine.steps.proposing import propose
from flows.engine.steps.training import round_due
from flows.pools import held_up
from flows.settings import Settings, prepare_prefect
from loop.errors import LeaseHeld
from loop.record import CampaignState

prepare_prefect()

from prefect import State, flow, get_run_logger, task  # noqa: E402 - reads its environment when it is imported
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas.filters import (  # noqa: E402
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.exceptions import ObjectNotFound  # noqa: E402
from prefect.runtime import deployment  # noqa: E402
from prefect.settings import get_current_settings  # noqa: E402
from prefect.states import Cancelled, Completed  # noqa: E402

MOST: Final = 100  # overdue passes that one pass skips, so that it stays short


@task(name="look", **EFFECT)
def look(session: Session) -> None:
    """Take in what the laboratory says and what it sent."""
    session.refresh()
    passes.look(session)


@task(name="propose", **EFFECT)
def plan_batch(session: Session) -> None:
    """Plan and store the next batch where one is due."""
    propose(session)


@task(name="ask for training", **EFFECT)
async def ask_for_training(session: Session) -> None:
    """Have the next batch planned on the training pool where one is due."""
    from flows.train import request_training

    lost = lost_parts(session)
    if (number := round_due(session.view, lost)) is None:
        propose(session)  # ends the campaign where it is over
        return
    pool = session.settings.train_pool
    try:
        asked = await request_training(session.settings, session.view, number, lost)
    except ObjectNotFound:
        session.tally.note(
            f"round {number} is to be planned on the work pool {pool!r}, and training is not deployed: "
            f"HAKKEN_TRAIN_POOL={pool} python -m flows.deployments {session.name} deploys it"
        )
        return
    now = datetime.now(UTC)
    held = await held_up(pool, asked.run.work_queue_name) if asked.is_unattended(now) else ""
    for note in asked.notes(number, pool, now, held):
        session.tally.note(note)


@task(name="dispatch", **EFFECT)
def send(session: Session) -> None:
    """Send what is ready, and set plates going of which all has been sent."""
    dispatch(session)
    close_plates(session)


@task(name="report", **EFFECT)
def tell_how_it_stands(session: Session) -> TickReport:
    """Draw the page where something changed, and say how the campaign stands."""
    page = passes.write_page(session) if session.tally.has_moved else None
    return passes.report_of(session, page)


@task(name="rest", **EFFECT)
async def rest(settings: Settings, campaign: str) -> None:
    """A finished campaign needs no further passes: its schedule is paused. Whoever takes it up wakes it."""
    if deployment.id is None:
        return
    itself = str(deployment.id)
    schedules.note_rest(settings, campaign, itself, str(get_current_settings().api.url))
    async with get_client() as client:
        await client.pause_deployment(itself)
        if schedules.is_active(settings, campaign):  # taken up meanwhile, by somebody who found nothing to wake
            await client.resume_deployment(itself)
            schedules.forget_rest(settings, campaign, itself)


@task(name="skip", **EFFECT)
async def skip_overdue(begun: datetime) -> int:
    """Skip passes of this schedule that no worker took in time: this one began later, and did what they would do.

    Else those of a night without a worker would all be made in the morning, one after the other.
    """
    if deployment.id is None:
        return 0
    late = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(str(deployment.id))]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Late"])),  # by the server's clock
        expected_start_time=FlowRunFilterExpectedStartTime(before_=begun),
    )
    async with get_client() as client:
        overdue = [r for r in await client.read_flow_runs(flow_run_filter=late, limit=MOST) if r.auto_scheduled]
        for run in overdue:
            with suppress(ObjectNotFound):
                await client.set_flow_run_state(run.id, Cancelled(name="Skipped", message="a later pass did its work"))
    return len(overdue)


@flow(name="tick", flow_run_name="tick {campaign}", persist_result=False, retries=0)
async def tick(campaign: str, home: str = "") -> dict[str, Any] | State[Any]:
    """One pass over a campaign. A pass that meets another at work ends at once, as "Busy".

    Args:
        campaign: Its name.
        home: The project's folder; ``HAKKEN_HOME`` when left out.
    """
    settings, log, begun = settings_in(home), get_run_logger(), datetime.now(UTC)
    if deployment.id is not None:
        note_schedule(settings, campaign, str(deployment.id), str(get_current_settings().api.url))
    try:
        with passes.sitting(settings, campaign) as session:
            look(session)
            if settings.train_pool:
                await ask_for_training(session)
            else:
                plan_batch(session)
            send(session)
            report = tell_how_it_stands(session)
    except LeaseHeld as error:
        return Completed(name="Busy", message=str(error))
    if report.state == CampaignState.FINISHED.value:
        await rest(settings, campaign)
    elif skipped := await skip_overdue(begun):
        log.info("passes that were due before this one began and are skipped: %d", skipped)
    if edited := said_of_edits(settings, campaign):
        log.warning(edited)
    for note in report.notes:
        log.warning(note)
    log.info("sent %d, accepted %d, pending %s. %s", report.sent, report.accepted, report.pending, report.next_step)
    return report.as_json()
