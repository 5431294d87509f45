"""Methods: how a target's value comes from what an instrument read; and all of a campaign's, with their version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from loop.analysis.calibration import Line
from loop.analysis.peaks import Window
from loop.objective import Goal

DETECTED: Final = "limit of detection"  # what a value is below
REVISION: Final = 4  # of the arithmetic in this package; grows when the same files give other values


class Quantity(StrEnum):
    """What of a peak a target is: its area, when it comes, or what a column of the file says of it."""

    AREA = "area"  # by a calibration
    TIME = "time"
    RESOLUTION = "resolution"
    TAILING = "tailing"
    SYMMETRY = "symmetry"
    PLATES = "plates"


class Beyond(StrEnum):
    """What is made of a value outside the calibrated range; of little, a limit is still a result and tells of it."""

    REFUSE = "refuse"  # below the lowest standard a limit; above the highest the analysis failed
    LIMIT = "limit"  # a limit: below the lowest standard, above the highest
    EXTRAPOLATE = "extrapolate"


@dataclass(frozen=True, slots=True)
class Standard:
    """The internal standard: where its peak is, and between which areas it must lie."""

    window: Window
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Standards:
    """A calibration by wells of the same plate: their values, in the target's unit."""

    wells: Mapping[str, float]
    through_zero: bool = False


@dataclass(frozen=True, slots=True)
class Blanks:
    """What reads nothing of the target, in the same file (and on the same plate); their mean is subtracted."""

    wells: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """How one target is measured: by a peak, or by a signal of a plate reader.

    A response is a peak's area, its ratio to the internal standard's, or a signal; without blanks, if there are any.
    Another ``quantity`` than an area has no calibration; it is that of one peak, or the smallest or largest ``of_all``,
    of which there must be ``count``.
    """

    target: str
    unit: str
    goal: Goal
    calibration: Line | Standards | None
    peak: Window | None = None
    standard: Standard | None = None
    signal: str | None = None
    blank: Blanks | None = None
    detection_limit: float | None = None  # in the target's unit; None: from the scatter about the calibration
    saturation: float | None = None  # height of a peak, or signal, above which the detector no longer follows
    beyond: Beyond = Beyond.REFUSE
    dilution: float | None = None  # at which the calibration holds, where that of a file counts
    ignores_dilution: bool = False  # that of a file changes nothing, such as beside a standard that was there before
    certificate: Mapping[str, str] = field(default_factory=dict)  # of the calibration: id, made, expires
    quantity: Quantity = Quantity.AREA
    of_all: str | None = None  # smallest or largest; None: of the one peak
    count: int = 1  # peaks that there must be, where it is of all
    column: str = ""  # that has the quantity; "": the one that is called so

    @property
    def needs_peaks(self) -> bool:
        """Whether a trace alone does not tell it: it is a column's, or of all peaks."""
        return self.quantity not in (Quantity.AREA, Quantity.TIME) or self.of_all is not None

    @property
    def helper_wells(self) -> frozenset[str]:
        """Wells that hold blanks or standards, and no experiment."""
        standards = self.calibration.wells if isinstance(self.calibration, Standards) else {}
        return frozenset((*standards, *(self.blank.wells if self.blank else ())))


@dataclass(frozen=True, slots=True)
class Analysis:
    """The methods of a campaign. ``version`` names what they say and the arithmetic behind them."""

    methods: tuple[Method, ...]

    @property
    def version(self) -> str:
        said = json.dumps([REVISION, [_as_said(m) for m in self.methods]], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    @property
    def helper_wells(self) -> frozenset[str]:
        """Wells that hold blanks or standards, and no experiment."""
        return frozenset().union(*(m.helper_wells for m in self.methods))

    @property
    def helper_samples(self) -> frozenset[str]:
        """Samples that are blanks, and no experiment."""
        return frozenset(name for m in self.methods if m.blank for name in m.blank.samples)


def _as_said(method: Method) -> dict[str, Any]:
    """A method as its version is made of it: one of areas says nothing of the quantity, as before there were others."""
    said = asdict(method)
    if method.quantity is Quantity.AREA:
        for name in ("quantity", "of_all", "count", "column"):
            del said[name]
    return said
