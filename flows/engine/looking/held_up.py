"""Held up: what waits at the laboratory for a person to let it go on, as the last pass saw it.

Only the laboratory can tell, and asking it may take long: a pass leaves what it was told in the campaign's folder, so
that whoever only looks can say it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from adapters.common.durable import NO_ROOM
from adapters.common.durable import replace as replace_file
from flows.engine.looking.view import View
from loop.record import AttemptRecord
from loop.wording import plural

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings

NAME: Final = "held-up.json"  # by key of the attempt, what it waits for in words
SAID: Final = "standing.json"  # by key of the attempt, what the laboratory says of where it stands
NAMED: Final = 8  # texts that are said one by one, and jobs
_JOB: Final = re.compile(r"\bjob (\d+)\b")


def said_of(view: View, wanting: Sequence[tuple[AttemptRecord, str]]) -> tuple[str, ...]:
    """What waits there for a person to let it go on; while a safety stop is in force, that nobody may."""
    if (n := len(wanting)) and view.stops:
        return (
            f"{plural(n, 'experiment')} under way wait{'s' * (n == 1)} there for a person; let nothing go on before "
            "the safety stop is lifted",
        )
    by_text: dict[str, list[tuple[AttemptRecord, str]]] = {}
    for attempt, wants in wanting:
        by_text.setdefault(_without_job(wants), []).append((attempt, wants))
    said = []
    for (attempt, wants), *others in list(by_text.values())[:NAMED]:
        well = "" if attempt.place is None else f"{attempt.place.well}: "
        one = f"{well}{view.label(attempt.settings)} ({attempt.key})"
        if jobs := [match[1] for _, text in others if text != wants and (match := _JOB.search(text))]:
            ids = ", ".join(jobs[:NAMED]) + (", ..." if len(jobs) > NAMED else "")
            said.append(f"{one} {wants}; the same holds of {plural(len(others), 'experiment')} more: job {ids}")
        else:
            said.append(f"{len(others) + 1} experiments, such as {one}: each {wants}" if others else f"{one} {wants}")
    if more := sum(len(attempts) for attempts in list(by_text.values())[NAMED:]):
        said.append(f"{plural(more, 'more experiment')} wait{'s' * (more == 1)} for a person in the same way")
    return tuple(said)


def _without_job(wants: str) -> str:
    """What an attempt waits for without the number of its job in a queue, which is another of each."""
    return wants if (job := _JOB.search(wants)) is None else re.sub(rf"\b{job[1]}\b", "...", wants)


def keep(settings: Settings, name: str, wanting: Mapping[str, str]) -> None:
    """Leave what a pass was told, by key. Raises ``OSError`` where the folder cannot be written, unless it is full."""
    _keep(settings.folder(name) / NAME, wanting)


def keep_said(settings: Settings, name: str, said: Mapping[str, str]) -> None:
    """Leave what the laboratory said of where attempts stand, by key; a word for whoever looks, which ends no pass."""
    with suppress(OSError):
        _keep(settings.folder(name) / SAID, said)


def said_there(settings: Settings, name: str) -> Mapping[str, str]:
    """What the laboratory said, when a pass here last asked, of where attempts stand, by key."""
    return _kept(settings.folder(name) / SAID)


def _keep(path: Path, by_key: Mapping[str, str]) -> None:
    if by_key == _kept(path):
        return
    try:
        replace_file(path, json.dumps(by_key, sort_keys=True), is_durable=False)
    except OSError as error:
        if error.errno not in NO_ROOM:  # else it may be what this would say, and the pass itself does
            raise


def keep_beside(settings: Settings, name: str, wanting: Mapping[str, str]) -> None:
    """Leave what else a pass found out, once it was told of the others. Raises as ``keep``."""
    if wanting:
        keep(settings, name, {**_kept(settings.folder(name) / NAME), **wanting})


def forget(settings: Settings, name: str) -> None:
    """What was held up goes on, or something else is: the next pass tells."""
    (settings.folder(name) / NAME).unlink(missing_ok=True)


def held_up(settings: Settings, view: View) -> tuple[str, ...]:
    """A sentence for each that was held up when a pass here last looked, of what has not ended since."""
    kept = _kept(settings.folder(view.name) / NAME)
    return said_of(view, [(a, kept[a.key]) for a in view.pending if a.key in kept])


def _kept(path: Path) -> dict[str, str]:
    try:
        return {str(key): str(wants) for key, wants in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):  # nothing was held up, or cannot be told
        return {}
