"""The procedure: what is done at the bench for one experiment, every number worked out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Transfer:
    """``volume`` uL of a liquid stock go into the vessel, ``mix`` times up and down after it."""

    stock: str
    volume: float
    amount: float | None = None  # umol in it, where that is known
    equivalents: float | None = None
    percent: float | None = None
    mix: int = 0


@dataclass(frozen=True, slots=True)
class Weighing:
    """``mass`` mg of a solid go into the vessel."""

    stock: str
    mass: float
    amount: float | None = None
    equivalents: float | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Heating:
    """To ``temperature`` degC, held ``time`` s (None: nobody says how long), stirred at ``speed`` rpm or not."""

    temperature: float
    time: float | None = None
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Stirring:
    speed: float  # rpm
    time: float  # s


@dataclass(frozen=True, slots=True)
class Waiting:
    time: float  # s


@dataclass(frozen=True, slots=True)
class Sampling:
    volume: float  # uL
    into: str


@dataclass(frozen=True, slots=True)
class Measuring:
    what: tuple[str, ...]
    by: str = ""


Action: TypeAlias = Transfer | Weighing | Heating | Stirring | Waiting | Sampling | Measuring


@dataclass(frozen=True, slots=True)
class Procedure:
    """Actions in order, with what they come to.

    Attributes:
        volume: In the vessel at the end, uL.
        fullest: The most that was in it at any moment, uL.
        limiting: Name of the limiting stock, None where the recipe names none.
        scale: How much of it, umol.
        steps: Of each action, the number of the recipe's step that it comes from.
    """

    actions: tuple[Action, ...]
    volume: float
    fullest: float
    limiting: str | None = None
    scale: float | None = None
    steps: tuple[int, ...] = ()

    @property
    def stocks(self) -> tuple[str, ...]:
        """Names of what goes into the vessel, in order, each once."""
        return tuple(dict.fromkeys(a.stock for a in self.actions if isinstance(a, Transfer | Weighing)))

    @property
    def hottest(self) -> float | None:
        """The highest temperature, degC; None where nothing is heated."""
        return max((a.temperature for a in self.actions if isinstance(a, Heating)), default=None)
