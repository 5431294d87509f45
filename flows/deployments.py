"""Deployments: a campaign's tick on a schedule, and its training, on Prefect work pools.

``python -m flows.deployments CAMPAIGN --every 30`` deploys one campaign of the project that the environment names.
Doing it again changes the schedule and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from flows.asleep import note_schedule
from flows.driving import no_server
from flows.pools import held_up
from flows.schedules import forget_rest
from flows.settings import Settings, prepare_prefect
from flows.tick import tick
from flows.train import train
from loop.errors import HakkenError

prepare_prefect()

import httpx  # noqa: E402 - Prefect's own client
from prefect.automations import Automation  # noqa: E402 - reads its environment when it is imported
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas.actions import WorkPoolCreate  # noqa: E402
from prefect.client.schemas.objects import StateType  # noqa: E402
from prefect.events.actions import ChangeFlowRunState  # noqa: E402
from prefect.events.schemas.automations import EventTrigger, Posture  # noqa: E402
from prefect.events.schemas.events import ResourceSpecification  # noqa: E402
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound  # noqa: E402
from prefect.settings import get_current_settings  # noqa: E402
from prefect.types.entrypoint import EntrypointType  # noqa: E402

ZOMBIES: Final = "hakken: end runs whose process is gone"
SILENCE: Final = timedelta(seconds=100)  # three heartbeats of 30 seconds, and a little
LONGEST: Final = 366 * 24 * 3600  # seconds between two passes
ENDS: Final = ("Completed", "Failed", "Cancelled", "Crashed")


class DeploymentOfAnother(HakkenError):
    """The server has the campaign of another project under this name; name one of them otherwise, or replace it."""


async def deploy(settings: Settings, campaign: str, every: timedelta, *, replaces: bool = False) -> None:
    """Deploy a campaign's tick and training, with their pools and the automation that ends dead runs.

    Raises:
        NotFound: The record has no such campaign.
        DeploymentOfAnother: Another project's would be lost, and ``replaces`` does not say that it may.
    """
    from flows.wiring import open_record

    with open_record(settings) as ledger:
        ledger.campaign(campaign)
    if not replaces:
        await see_that_it_is_ours(settings, campaign)
    training_pool = settings.train_pool or settings.pool
    for pool in dict.fromkeys((settings.pool, training_pool)):
        await make_pool(pool)
    shared: dict[str, Any] = {
        "name": campaign,
        "entrypoint_type": EntrypointType.MODULE_PATH,  # hakken is installed where the worker runs
        "job_variables": {"env": environment_of(settings)},
        "tags": ["hakken"],
    }
    home = str(settings.home)
    ticking = await tick.ato_deployment(
        **shared, interval=every, parameters={"campaign": campaign, "home": home}, work_pool_name=settings.pool
    )
    training = await train.ato_deployment(
        **shared, parameters={"campaign": campaign, "round_number": 1, "home": home}, work_pool_name=training_pool
    )
    await training.aapply()
    deployed = await ticking.aapply()
    async with get_client() as client:
        await client.resume_deployment(deployed)  # a finished campaign's was paused
    forget_rest(settings, campaign, str(deployed))
    note_schedule(settings, campaign, str(deployed), str(get_current_settings().api.url))
    await register_zombie_automation()


async def see_that_it_is_ours(settings: Settings, campaign: str) -> None:
    """Refuse to take the place of a deployment for another project's folder: that one would get no passes any more."""
    name = f"{tick.name}/{campaign}"
    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            return
    home = found.parameters.get("home")
    if home and Path(home).resolve() != settings.home.resolve():
        raise DeploymentOfAnother(
            f"Prefect's server has {name} of the project {home}, which would get no passes any more; give this "
            f"campaign another name, or say --replace where that project was moved to {settings.home} or is done"
        )


def environment_of(settings: Settings) -> dict[str, str]:
    """What a worker's child needs to find the project. The database's URL may hold a password: that one stays in
    the worker's own environment."""
    return {
        "HAKKEN_HOME": str(settings.home),
        "HAKKEN_POOL": settings.pool,
        "HAKKEN_TRAIN_POOL": settings.train_pool,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


async def make_pool(name: str) -> None:
    """A process work pool of that name, unless there is a pool so called; its kind is left as it is."""
    async with get_client() as client:
        try:
            await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        except ObjectAlreadyExists:
            return


async def register_zombie_automation() -> None:
    """Mark runs as crashed whose process was killed: without it they would stay "Running" for ever.

    Source: Prefect's documentation, "Detect zombie flows".
    """
    async with get_client() as client:
        if await client.read_automations_by_name(ZOMBIES):
            return
    heartbeat = "prefect.flow-run.heartbeat"
    await Automation(
        name=ZOMBIES,
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *(f"prefect.flow-run.{state}" for state in ENDS)},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its process is gone: no heartbeat came")],
    ).acreate()


def _seconds(text: str) -> float:
    """How long between two passes; Prefect has no shorter interval than one that is above zero, and no endless one."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 1.0 <= seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"must be a number of seconds from 1 to {LONGEST}, got {text!r}; give another")
    return seconds


def _refusal(url: str, error: httpx.HTTPStatusError) -> str:
    """What a server says that answers, and not as Prefect's would."""
    status = error.response.status_code
    if status == httpx.codes.NOT_FOUND:
        return no_server(url, RuntimeError(f"what answers says {status} of {error.request.url}"))
    rights = "; PREFECT_API_KEY or PREFECT_API_AUTH_STRING lets you in" if status in (401, 403) else ""
    return f"the Prefect server at {url} refuses this ({status}: {error.response.text[:200]}){rights}"


async def _deployed(settings: Settings, campaign: str, every: timedelta, replaces: bool) -> dict[str, str]:
    """Deploy; returns what keeps workers from beginning runs, by pool."""
    await deploy(settings, campaign, every, replaces=replaces)
    pools = dict.fromkeys((settings.pool, settings.train_pool or settings.pool))
    return {pool: why for pool in pools if (why := await held_up(pool))}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m flows.deployments", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("campaign", help="name of a campaign on record (hakken status lists them)")
    parser.add_argument("--every", type=_seconds, default=30.0, metavar="SECONDS", help="between two passes (30)")
    parser.add_argument("--replace", action="store_true", help="take the place of another project's deployment")
    given = parser.parse_args(arguments)
    url = get_current_settings().api.url
    if not url:  # a temporary server of this process would take the deployment and forget it
        parser.exit(2, "error: PREFECT_API_URL is not set; start a server (prefect server start) and export its URL\n")
    try:
        settings = Settings.from_environment()
        held = asyncio.run(_deployed(settings, given.campaign, timedelta(seconds=given.every), given.replace))
    except HakkenError as error:
        parser.exit(2, f"error: {error}\n")
    except httpx.TransportError as error:
        parser.exit(2, f"error: {no_server(url, error)}\n")
    except httpx.HTTPStatusError as error:
        parser.exit(2, f"error: {_refusal(url, error)}\n")
    pools = list(dict.fromkeys((settings.pool, settings.train_pool or settings.pool)))
    workers = " and ".join(f"prefect worker start --pool {pool}" for pool in pools)
    each = " of each" if len(pools) > 1 else ""
    print(f"{given.campaign} is deployed on {' and '.join(pools)}; start a worker{each}: {workers}")
    for pool, why in held.items():
        print(f"note: no worker of the pool {pool!r} begins a run now: {why}")


if __name__ == "__main__":
    main()
