"""``train`` as a Prefect flow of its own, so that fitting and choosing can go to a work pool with a GPU.

It may run twice, late, or beside another: a round is stored once, under the lease, and only if it is still the
round that the record asks for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.driving import EFFECT, settings_in
from flows.engine.looking.view import View
from flows.engine.steps.losing import Lost
from flows.engine.steps.training import train_round
from flows.settings import Settings, prepare_prefect

prepare_prefect(Settings.from_environment())

from prefect import flow, get_run_logger, task  # noqa: E402 - reads its environment when it is imported

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

# After so long in a state a run is given up: its worker was killed before, or while, it ran. Another beside it
# does no harm.
PATIENCE: Final = {"PENDING": timedelta(minutes=3), "RUNNING": timedelta(hours=6)}


@task(name="fit and choose", **EFFECT)
def fit_and_choose(settings: Settings, campaign: str, round_number: int, lost: dict[str, Any]) -> str:
    """Plan a round and store it; says what came of it."""
    return train_round(settings, campaign, round_number, lost=Lost.read(lost))


@flow(name="train", flow_run_name="train {campaign} round {round_number}", persist_result=False, retries=0)
async def train(campaign: str, round_number: int, home: str = "", lost: dict[str, Any] | None = None) -> str:
    """Plan a round of a campaign, store it, and say what came of it.

    Args:
        campaign: Its name.
        round_number: The round that the pass asked for.
        home: The project's folder; ``HAKKEN_HOME`` when left out.
        lost: What could not work for long, as ``Lost.as_json`` has it: keys of attempts that nothing is to wait for,
            and regions of the space that are left out.
    """
    said: str = fit_and_choose(settings_in(home), campaign, round_number, lost or {})
    get_run_logger().info(said)
    return said


async def request_training(settings: Settings, view: View, number: int, lost: Lost | None = None) -> FlowRun:
    """Have a round planned on the training pool, unless that is under way; returns the run that does it.

    The idempotency key makes a pass that comes again meet the same run. Where that run is over or lost and the
    round is still due, another follows.

    Raises:
        ObjectNotFound: Training was not deployed; ``python -m flows.deployments`` does it.
    """
    from prefect.deployments import arun_deployment

    basis = f"{view.campaign.id}:{number}:{view.campaign.version}:{view.campaign.data_version}:{len(view.pending)}"
    parameters: dict[str, Any] = {"campaign": view.name, "round_number": number, "home": str(settings.home)}
    if lost is not None and (told := lost.as_json()):
        parameters["lost"] = told
    again = 0
    while True:
        run: FlowRun = await arun_deployment(
            f"train/{view.name}",
            parameters=parameters,
            timeout=0,
            as_subflow=False,
            idempotency_key=f"{basis}:{again}",
        )
        if not _is_over(run, datetime.now(UTC)):
            return run
        again += 1


def _is_over(run: FlowRun, now: datetime) -> bool:
    state = run.state
    if state is None or state.is_scheduled():
        return False
    patience = PATIENCE.get(state.type.value)
    return state.is_final() or (patience is not None and now - state.timestamp > patience)
