"""Asleep: why no pass comes of a campaign that is deployed: what is paused, or gone, in Prefect.

Whoever deploys a campaign, and each scheduled pass, leaves a note of the schedule in the campaign's folder. So Prefect
is asked of no other campaign, and by its HTTP interface, since whoever only looks does not wait until it is imported.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote as escaped

from adapters.common.durable import replace

if TYPE_CHECKING:
    from flows.settings import Settings

NAME: Final = "schedule.json"
QUEUE: Final = "default"  # that of a deployment which names none
_KEYS: Final = frozenset({"PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"})
_PATIENCE: Final = 2.0  # seconds for an answer
_SILENCE: Final = 30.0  # seconds for which a server that gave none is not asked again
_silent: dict[str, float] = {}  # servers that gave no answer, and until when they are left alone


def note_schedule(settings: Settings, campaign: str, deployment: str, server: str) -> None:
    """Keep in mind by which deployment of which server passes come; a word for whoever looks, which ends nothing."""
    text = json.dumps({"deployment": deployment, "server": server})
    path = settings.folder(campaign) / NAME
    with suppress(OSError):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, text, is_durable=False)


def asleep(settings: Settings, campaign: str) -> tuple[str, ...]:
    """A sentence where no pass of a campaign that is deployed comes; none where it is not deployed, or passes come."""
    try:
        noted = json.loads((settings.folder(campaign) / NAME).read_text(encoding="utf-8"))
        deployment, server = str(noted["deployment"]), str(noted["server"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    servers = list(dict.fromkeys(url for url in (os.environ.get("PREFECT_API_URL"), server) if url))
    silent = []
    for url in servers:
        try:
            if (found := _asked(url, f"deployments/{deployment}")) is not None:
                why = _why(url, campaign, found)
                return (f"no pass of its Prefect schedule comes: {why}; {_at_once(campaign)}",) if why else ()
        except OSError as error:
            silent.append(f"{url} gives no answer here ({error})")
        except ValueError:  # it wants rights that are not in the environment, or is no such server
            return ()
    if len(silent) < len(servers):  # it was deleted, by somebody who runs the campaign otherwise
        return ()
    return (f"no pass of its Prefect schedule comes unless its server is up: {silent[0]}; {_at_once(campaign)}",)


def _at_once(campaign: str) -> str:
    return f"hakken run {quote(campaign)} goes on without it"


def _why(url: str, campaign: str, deployment: Mapping[str, Any]) -> str:
    """What keeps passes from coming, with the way out; "" where nothing does."""
    schedules = deployment.get("schedules") or []
    if deployment.get("paused") or not any(each.get("active") for each in schedules):
        every = next((each["schedule"].get("interval") for each in schedules), None)
        interval = f" --every {every:g}" if isinstance(every, int | float) else ""
        what = "the deployment is" if deployment.get("paused") else "its schedule is"
        return f"{what} paused; python -m flows.deployments {quote(campaign)}{interval} sets it going"
    name, queue = deployment.get("work_pool_name"), deployment.get("work_queue_name") or QUEUE
    if not name:
        return ""
    pool = _asked(url, f"work_pools/{escaped(name)}")
    if pool is None:
        return f"the work pool {name!r} is gone; deploying again makes it"
    if pool.get("is_paused"):
        return f"the work pool {name!r} is paused: {go_on_with_pool(name)}"
    if (_asked(url, f"work_pools/{escaped(name)}/queues/{escaped(queue)}") or {}).get("is_paused"):
        return f"the queue {queue!r} of the work pool {name!r} is paused: {go_on_with_queue(queue, name)}"
    if pool.get("status") == "NOT_READY":
        return f"no worker of the work pool {name!r} is at work: prefect worker start --pool {quote(name)}"
    return ""


def go_on_with_pool(name: str) -> str:
    """What lets a work pool that is paused go on."""
    return f"prefect work-pool resume {quote(name)}"


def go_on_with_queue(queue: str, pool: str) -> str:
    """What lets a queue of a work pool that is paused go on."""
    return f"prefect work-queue resume {quote(queue)} --pool {quote(pool)}"


def _asked(url: str, path: str) -> Mapping[str, Any] | None:
    """What a server says; None where it has no such thing.

    Raises:
        OSError: It gives no answer.
        ValueError: It refuses one, or what answers is no Prefect server.
    """
    if time.monotonic() < _silent.get(url, 0.0):
        raise TimeoutError("asked a moment ago")
    request = urllib.request.Request(f"{url.rstrip('/')}/{path}", headers=_rights(url))
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as reply:
            return dict(json.load(reply))
    except urllib.error.HTTPError as error:  # an OSError too
        if error.code == 404:
            return None
        raise ValueError(f"{url} says {error.code}") from None
    except HTTPException as error:
        raise ValueError(f"{url} is no Prefect server ({error})") from None
    except OSError as error:
        _silent[url] = time.monotonic() + _SILENCE
        raise OSError(str(getattr(error, "reason", error))) from None


def _rights(url: str) -> dict[str, str]:
    """What lets one in, where the environment has it, or a profile of Prefect's that is of this very server."""
    known = os.environ if _KEYS & os.environ.keys() else _profile(url)
    if key := known.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    if word := known.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": "Basic " + base64.b64encode(word.encode()).decode()}
    return {}


def _profile(url: str) -> Mapping[str, str]:
    """The settings of the profile whose server this is and which has a key to it; none where there is none."""
    import tomllib

    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect")
    file = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    try:
        profiles = tomllib.loads(file.read_text(encoding="utf-8"))["profiles"].values()
        of_this = [one for one in profiles if str(one.get("PREFECT_API_URL")).rstrip("/") == url.rstrip("/")]
        return next(({k: str(one[k]) for k in _KEYS & one.keys()} for one in of_this if _KEYS & one.keys()), {})
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError):  # none, or not as Prefect writes it
        return {}
