"""The last round that a campaign's folder knows when it sends: a record that lacks it is an older copy.

A record that was put back from a copy knows nothing of what was planned and sent since, and would have it planned and
sent again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.common.durable import replace
from loop.contracts import Ledger
from loop.errors import NotFound, OlderRecord

if TYPE_CHECKING:
    from flows.settings import Settings

NAME: Final = "last-round.txt"  # its number, and the id of its first proposal


def note_last(settings: Settings, name: str, ledger: Ledger, number: int) -> None:
    """Note a round that is on record, whoever planned it. Raises ``OSError`` where the folder cannot be written."""
    path = _path(settings, name)
    if number and _noted(path)[0] != str(number):
        replace(path, f"{number} {ledger.proposals(name, number)[0].id}\n")


def check_last(settings: Settings, name: str, ledger: Ledger) -> None:
    """See that the record has the last round that this folder knows.

    Raises:
        OlderRecord: It has not.
    """
    path = _path(settings, name)
    number, proposal = _noted(path)
    if not (number.isdecimal() and proposal):  # nothing, or not ours
        return
    try:
        is_there = any(p.id == proposal for p in ledger.proposals(name, int(number)))
    except NotFound:
        is_there = False
    if not is_there:
        raise OlderRecord(
            f"campaign {name!r}: round {number} is known in {path.parent}, and the record does not have it: it is "
            "an older copy, or another record, and what was planned since would be planned and sent again. Put the "
            "newer record back; or, to go on with this one, bring in the results that it lacks (hakken tell), then "
            f"delete {path}"
        )


def _noted(path: Path) -> tuple[str, str]:
    """Number and proposal as they are noted; "" for nothing."""
    try:
        number, _, proposal = path.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
    except FileNotFoundError:
        return "", ""
    return number, proposal


def _path(settings: Settings, name: str) -> Path:
    return settings.folder(name) / NAME
