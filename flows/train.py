"""``train`` as a Prefect flow of its own, so that fitting and choosing can go to a work pool with a GPU.

It may run twice, late, or beside another: a round is stored once, under the lease, and only if it is still the
round that the record asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.driving import EFFECT, settings_in
from flows.engine.looking.view import View
from flows.engine.steps.losing import Lost
from flows.engine.steps.training import train_round
from flows.settings import Settings, prepare_prefect

prepare_prefect()

from prefect import flow, get_run_logger, task  # noqa: E402 - reads its environment when it is imported

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

FIRST_REST: Final = timedelta(seconds=30)  # after a run that failed; doubled each time
LONGEST_REST: Final = timedelta(hours=1)
UNATTENDED: Final = timedelta(minutes=1)  # a worker looks every 15 seconds
# After so long in a state a run is given up: its worker was killed before, or while, it ran. Another beside it
# does no harm.
PATIENCE: Final = {"PENDING": timedelta(minutes=3), "CANCELLING": timedelta(minutes=3), "RUNNING": timedelta(hours=6)}


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


async def request_training(settings: Settings, view: View, number: int, lost: Lost | None = None) -> Asked:
    """Have a round planned on the training pool, unless that is under way.

    The idempotency key makes a pass that comes again meet the same run. Where that run is over or lost and the
    round is still due, another follows; after one that failed only when it has rested, longer each time.

    Raises:
        ObjectNotFound: Training was not deployed; ``python -m flows.deployments`` does it.
    """
    from prefect.deployments import arun_deployment

    basis = f"{view.campaign.id}:{number}:{view.campaign.version}:{view.campaign.data_version}:{len(view.pending)}"
    parameters: dict[str, Any] = {"campaign": view.name, "round_number": number, "home": str(settings.home)}
    if lost is not None and (told := lost.as_json()):
        parameters["lost"] = told
    failed: list[FlowRun] = []
    again = 0
    while True:
        run: FlowRun = await arun_deployment(
            f"train/{view.name}",
            parameters=parameters,
            timeout=0,
            as_subflow=False,
            idempotency_key=f"{basis}:{again}",
        )
        now = datetime.now(UTC)
        if not _is_over(run, now):
            return Asked(run, tuple(failed))
        if run.state is not None and (run.state.is_failed() or run.state.is_crashed()):
            failed.append(run)
            if now - run.state.timestamp < _rest(len(failed)):
                return Asked(run, tuple(failed))
        again += 1


@dataclass(frozen=True, slots=True)
class Asked:
    """The run that plans a round, and those for the same round that failed before; it may be the last of these."""

    run: FlowRun
    failed: tuple[FlowRun, ...] = ()

    def is_unattended(self, now: datetime) -> bool:
        """Whether nobody has begun the run, and somebody could have."""
        due = self.run.expected_start_time
        is_waiting = self.run.state is not None and self.run.state.is_scheduled()
        return is_waiting and due is not None and now - due > UNATTENDED

    def notes(self, number: int, pool: str, now: datetime, held: str = "") -> Iterator[str]:
        """What a person has to know: that runs failed, that one is paused, or that nobody begins it.

        ``held`` is what keeps a worker of the pool from it, as ``flows.pools.held_up`` has it.
        """
        if self.failed and (state := self.failed[-1].state) is not None:
            times = f" {len(self.failed)} times" if len(self.failed) > 1 else ""
            why = state.message or state.name
            yield (
                f"round {number} could not be planned on the work pool {pool!r}{times} ({why}); it is "
                f"tried again, and prefect flow-run logs {self.failed[-1].id} says more"
            )
        if self.run.state is not None and self.run.state.is_paused():
            yield (
                f"round {number} is to be planned by a run that is paused in Prefect ({self.run.id}): resume it in its "
                f"pages, or have another asked for: prefect flow-run delete {self.run.id}"
            )
        if (due := self.run.expected_start_time) is not None and self.is_unattended(now):
            way_out = held or f"start a worker there (prefect worker start --pool {pool})"
            yield (
                f"round {number} is to be planned on the work pool {pool!r}, and nobody has begun it for "
                f"{(now - due).total_seconds() / 60:.0f} min: {way_out}, or unset HAKKEN_TRAIN_POOL and deploy again, "
                "which plans in the pass itself"
            )


def _rest(failures: int) -> timedelta:
    """How long after so many runs that failed another is begun."""
    return min(FIRST_REST * (1 << min(failures - 1, 20)), LONGEST_REST)


def _is_over(run: FlowRun, now: datetime) -> bool:
    state = run.state
    if state is None or state.is_scheduled():
        return False
    patience = PATIENCE.get(state.type.value)
    return state.is_final() or (patience is not None and now - state.timestamp > patience)
