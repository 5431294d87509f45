"""Unsent: why a pass could send nothing more, left in the campaign's folder for whoever only looks."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from adapters.common.durable import replace
from flows.engine.looking.view import View
from loop.experiment import State
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings

NAME: Final = "unsent.json"  # the version of the spec that was to be sent by, and why that could not be


def keep_unsent(settings: Settings, name: str, version: int, why: str) -> None:
    """Leave why nothing more was sent; "" where nothing kept it. A word for whoever looks, which ends no pass."""
    path = settings.folder(name) / NAME
    with suppress(OSError):
        if not why:
            path.unlink(missing_ok=True)
        elif (said := json.dumps({"version": version, "why": why})) != _read(settings, name):
            replace(path, said, is_durable=False)


def unsent(settings: Settings, view: View) -> tuple[str, ...]:
    """A sentence where experiments wait to be sent and the last pass here could not: how many, and why."""
    n = sum(a.state in (State.READY, State.SENDING) for a in view.pending)
    if not n or not view.is_active:
        return ()
    try:
        kept = json.loads(_read(settings, view.name))
        version, why = kept["version"], str(kept["why"])
    except (ValueError, KeyError, TypeError):  # nothing kept it, or cannot be told
        return ()
    if version != view.campaign.version:  # another file may send it
        return ()
    return (f"{plural(n, 'experiment')} wait{'s' * (n == 1)} to be sent, which the last pass could not: {why}",)


def _read(settings: Settings, name: str) -> str:
    try:
        return (settings.folder(name) / NAME).read_text(encoding="utf-8")
    except OSError:
        return ""
