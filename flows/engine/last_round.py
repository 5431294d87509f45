"""The last round, sending and handout that a campaign's folder knows: a record that lacks one is an older copy.

A record that was put back from a copy knows nothing of what was planned and sent since, and would have it planned and
sent again. A round does not tell of all that: what a person approves, and what is tried again after a fault, is sent
under keys that are made then, and what is asked for is handed out when somebody asks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.common.durable import replace as replace_file
from flows.handed import asker
from loop.contracts import Ledger
from loop.errors import NotFound, OlderRecord
from loop.experiment import Event

if TYPE_CHECKING:
    from flows.settings import Settings

# Its number, and the id of its first proposal; below, a key and the sending of it; below, one and the request for it.
NAME: Final = "last-round.txt"


@dataclass(frozen=True, slots=True)
class _Noted:
    """What the note says; "" for nothing."""

    number: str = ""
    proposal: str = ""
    key: str = ""
    sending: str = ""
    handed: str = ""
    request: str = ""


def without_record(settings: Settings, on_record: Collection[str]) -> tuple[str, ...]:
    """Campaigns of which a folder here knows a round or a sending, and that are none of those ``on_record``."""
    return tuple(sorted({path.parent.name for path in settings.home.glob(f"*/{NAME}")} - set(on_record)))


def note_last(settings: Settings, name: str, ledger: Ledger, number: int) -> None:
    """Note a round that is on record, whoever planned it. Raises ``OSError`` where the folder cannot be written."""
    path = _path(settings, name)
    noted = _noted(path)
    if number and noted.number != str(number):
        _note(path, replace(noted, number=str(number), proposal=ledger.proposals(name, number)[0].id))


def note_sending(settings: Settings, name: str, key: str, sending: str) -> None:
    """Note a sending whose claim of attempt ``key`` is on record, before the laboratory hears of it.

    One that was begun and whose claim was never committed must not be noted: a whole record lacks it. Raises
    ``OSError`` where the folder cannot be written.
    """
    path = _path(settings, name)
    _note(path, replace(_noted(path), key=key, sending=sending))


def note_handout(settings: Settings, name: str, key: str, request: str) -> None:
    """Note that attempt ``key`` is on record as handed out, before whoever asked hears of it. Raises as above."""
    path = _path(settings, name)
    _note(path, replace(_noted(path), handed=key, request=request))


def check_last(settings: Settings, name: str, ledger: Ledger) -> None:
    """See that the record has the last round, the last sending and the last handout that this folder knows.

    Raises:
        OlderRecord: It has not.
    """
    path = _path(settings, name)
    noted = _noted(path)
    if not (noted.number.isdecimal() and noted.proposal):  # nothing, or not ours
        return
    if not _has_round(ledger, name, noted):
        known = f"round {noted.number}"
    elif not _has_sending(ledger, noted):
        known = f"that attempt {noted.key} was sent"
    elif not _has_handout(ledger, noted):
        known = f"that experiment {noted.handed} was handed out"
    else:
        return
    raise OlderRecord(
        f"campaign {name!r}: {known} is known in {path.parent}, and the record does not have it: it is an older copy, "
        "or another record, and what was planned or sent since would be sent again. Put the newer record back; or, to "
        f"go on with this one, bring in the results that it lacks (hakken tell), then delete {path}"
    )


def said_of_older(settings: Settings, name: str, ledger: Ledger) -> str:
    """As a sentence, that the record is an older copy, and what to do; "" where it is none."""
    try:
        check_last(settings, name, ledger)
    except OlderRecord as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return ""


def _has_round(ledger: Ledger, name: str, noted: _Noted) -> bool:
    try:
        return any(p.id == noted.proposal for p in ledger.proposals(name, int(noted.number)))
    except NotFound:
        return False


def _has_sending(ledger: Ledger, noted: _Noted) -> bool:
    if not noted.sending:
        return True
    try:
        return any(e.event is Event.CLAIMED and e.detail == noted.sending for e in ledger.events(noted.key))
    except NotFound:
        return False


def _has_handout(ledger: Ledger, noted: _Noted) -> bool:
    if not noted.request:
        return True
    try:
        return bool(asker(ledger.events(noted.handed), noted.request))
    except NotFound:
        return False


def _note(path: Path, noted: _Noted) -> None:
    lines = ((noted.number, noted.proposal), (noted.key, noted.sending), (noted.handed, noted.request))
    replace_file(path, "".join(f"{' '.join(line)}\n" for line in lines))


def _noted(path: Path) -> _Noted:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return _Noted()
    said = [line.strip().partition(" ") for line in lines]
    round_, sent, out, *_ = (*said, *[("", "", "")] * 3)
    return _Noted(round_[0], round_[2], sent[0], sent[2], out[0], out[2])


def _path(settings: Settings, name: str) -> Path:
    return settings.folder(name) / NAME
