"""Schedules at rest: Prefect deployments that were paused when their campaign finished, and how they are woken.

A pass that pauses one leaves a note of it in the campaign's folder, so that Prefect is asked of no other campaign.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from adapters.common.durable import replace
from flows.wiring import open_record
from loop.record import CampaignState

if TYPE_CHECKING:
    from flows.settings import Settings

_FOLDER: Final = "schedules-at-rest"
_PATIENCE: Final = 20.0  # seconds for a server to answer


def note_rest(settings: Settings, campaign: str, deployment: str, server: str) -> None:
    """Keep in mind that a deployment is paused since its campaign finished, and by which Prefect server."""
    folder = settings.folder(campaign) / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / f"{deployment}.txt", server)


def forget_rest(settings: Settings, campaign: str, deployment: str) -> None:
    """The deployment is awake again, or gone."""
    (settings.folder(campaign) / _FOLDER / f"{deployment}.txt").unlink(missing_ok=True)


def is_active(settings: Settings, campaign: str) -> bool:
    """Whether the campaign goes on, as the record has it now."""
    with open_record(settings) as ledger:
        return ledger.campaign(campaign).state is CampaignState.ACTIVE


def wake(settings: Settings, campaign: str) -> tuple[str, ...]:
    """Wake the schedules of a campaign that had finished and goes on; returns what is to be said of that."""
    at_rest = sorted((settings.folder(campaign) / _FOLDER).glob("*.txt"))
    if not at_rest or not is_active(settings, campaign):
        return ()
    notes = [_woken(settings, campaign, each) for each in at_rest]
    return tuple(dict.fromkeys(filter(None, notes)))


def _woken(settings: Settings, campaign: str, note: Path) -> str:
    from prefect.settings import get_current_settings

    deployment = note.stem
    try:
        server = note.read_text(encoding="utf-8").strip()
    except FileNotFoundError:  # a pass that was about to rest saw that the campaign goes on
        return ""
    asked = [url for url in dict.fromkeys((get_current_settings().api.url, server)) if url]
    is_found, faults = asyncio.run(_resume(deployment, asked))
    if is_found or not faults:
        forget_rest(settings, campaign, deployment)
    if is_found:
        return f"the Prefect schedule of {campaign}, paused since it finished, goes on"
    if not faults:  # it was deleted, or the server's database is another
        return (
            f"the Prefect schedule of {campaign}, paused since it finished, is gone from Prefect's server; unless "
            f"another has taken its place, python -m flows.deployments {quote(campaign)} makes one"
        )
    return (
        f"the Prefect schedule of {campaign} is paused since it finished, and could not be woken: {faults[0]}; "
        f"then hakken tick {quote(campaign)} wakes it"
    )


async def _resume(deployment: str, servers: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether one of the servers had the deployment and resumed it, and what kept others from saying."""
    from flows.driving import no_server

    import httpx  # isort: skip - Prefect's own client
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_API_URL, temporary_settings

    faults = []
    for server in servers:
        try:
            async with asyncio.timeout(_PATIENCE):
                with temporary_settings({PREFECT_API_URL: server}):
                    async with get_client() as client:
                        await client.resume_deployment(deployment)
            return True, []
        except ObjectNotFound:
            continue
        except (httpx.HTTPError, RuntimeError, TimeoutError) as error:
            faults.append(no_server(server, error))
    return False, faults
