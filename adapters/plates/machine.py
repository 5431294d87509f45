"""What a kind of robot brings with it: a machine that takes protocols and plays runs, and a judge of protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

BUSY: Final = "busy"  # ``Refused.id`` of a machine that plays another run


class Refused(Exception):
    """The machine answered that it will not.

    Attributes:
        status: Why, in the numbers of HTTP: 404 what it does not know, 409 what it does not do now.
        id: The machine's own name for the error.
        detail: What it says, in words.
    """

    def __init__(self, status: int, id_: str, detail: str) -> None:
        super().__init__(f"{id_}: {detail}" if detail else id_)
        self.status, self.id, self.detail = status, id_, detail


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as the machine tells it.

    Attributes:
        is_current: Whether it is the one that the machine would play.
        was_played: Whether anybody ever played it; None where the machine cannot tell any more.
        is_whole: False where its record was lost, as by a restart in the middle.
    """

    id: str
    protocol: str
    status: str
    is_current: bool
    was_played: bool | None
    is_whole: bool
    errors: tuple[str, ...]
    raw: Mapping[str, Any]


class Machine(Protocol):
    """What takes protocols and plays runs. Whatever gives no answer raises ``AdapterUnavailable``."""

    url: str

    def health(self) -> Mapping[str, Any]:
        """``name`` and ``api_version``, and what else it tells."""

    def protocols(self, key: str) -> tuple[str, ...]:
        """Ids of the protocols uploaded under a key, oldest first."""

    def upload(self, text: str, key: str) -> str:
        """Upload a protocol and return its id; the same text again gives the same id."""

    def analysis(self, protocol: str) -> Mapping[str, Any]:
        """The last analysis of a protocol: ``status`` pending or completed, then ``result`` and ``errors``."""

    def runs_of(self, protocols: Sequence[str]) -> tuple[RunState, ...]:
        """The runs of some protocols that it still knows, oldest first."""

    def run(self, id_: str) -> RunState | None:
        """A run; None where it does not know it, or knows it no more."""

    def create(self, protocol: str) -> RunState:
        """A run of a protocol, which moves nothing. Raises ``Refused`` while another one is active."""

    def act(self, run: str, action: str) -> None:
        """``play``, ``pause`` or ``stop``. Raises ``Refused`` where that cannot be."""

    def has_drawn(self, run: str) -> bool:
        """Whether a run drew any liquid, or may have."""

    def switch_off(self) -> None:
        """Turn off every heater and shaker. Raises ``Refused`` while a run is active."""

    def archive(self, run: str) -> None:
        """Keep the record of a run that has ended, whatever becomes of the machine."""

    def delete(self, run: str) -> None:
        """Take away a run that lies inert. Raises ``Refused`` where it does not."""


class Judge(Protocol):
    """A program that says, before anything is sent, whether a protocol would be taken."""

    @property
    def program(self) -> Path: ...

    @property
    def called(self) -> str:
        """Its name in messages."""

    @property
    def edition(self) -> str:
        """What is another where the program was exchanged, and may judge otherwise; "" where it is not there."""

    def refusal(self, folder: Path) -> str | None:
        """Why it refuses the protocol in the folder of a plate, its last words; None where it accepts it.

        Raises:
            AdapterUnavailable: It cannot be started, or does not end.
        """
