"""The analysis of a campaign file: how targets come from instruments' files, and the methods that this makes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from loop.errors import AnalysisError, SpecError, UnitError, did_you_mean
from loop.spec.lines import Problem
from loop.spec.strict import Strict, Text
from loop.units import check_unit, convert

if TYPE_CHECKING:
    from loop.analysis import Analysis, Line, Method, Standard, Standards, Window
    from loop.spec.models import CampaignSpec
    from loop.spec.plate import PlateSpec
    from loop.spec.tables import ReadFile


class WindowSpec(Strict):
    """Where a peak is looked for: ``at`` and ``within``, or ``low`` and ``high``; or its ``name`` in the file."""

    at: float | None = None
    within: float | None = Field(default=None, gt=0)
    low: float | None = None
    high: float | None = None
    unit: Text = "min"
    name: Text | None = None
    several: Literal["refuse", "largest", "sum"] = "refuse"

    @model_validator(mode="after")
    def _one_way(self) -> WindowSpec:
        around, between = (self.at, self.within), (self.low, self.high)
        if (None in around and around != (None, None)) or (None in between and between != (None, None)):
            raise ValueError("at goes with within, and low with high; give both of a pair")
        if around != (None, None) and between != (None, None):
            raise ValueError("give at and within, or low and high, and not both")
        if around == between == (None, None) and self.name is None:
            raise ValueError("says nothing of where the peak is; give at and within, low and high, or name")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        return self


class StandardSpec(WindowSpec):
    """The internal standard's peak, and what its area must be."""

    at_least: float | None = Field(default=None, gt=0)
    at_most: float | None = Field(default=None, gt=0)


class CalibrationSpec(Strict):
    """From value to response: ``points``, a ``file`` of them, ``wells`` of each plate, or a stated ``slope``."""

    points: dict[float, float | list[float]] | None = None  # responses by value
    file: Text | None = None
    wells: dict[Text, float] | None = None  # values by well
    slope: float | None = None
    intercept: float | None = None
    sd: float | None = Field(default=None, ge=0)
    low: float | None = None
    high: float | None = None
    through_zero: bool | None = None
    id: Text | None = None
    made: date | None = None
    expires: date | None = None

    @model_validator(mode="after")
    def _one_way(self) -> CalibrationSpec:
        ways = [name for name in ("points", "file", "wells", "slope") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError(f"give one of points, file, wells and slope, got {', '.join(ways) or 'none'}")
        if ways != ["slope"] and any(v is not None for v in (self.intercept, self.sd, self.low, self.high)):
            raise ValueError(f"intercept, sd, low and high go with slope; with {ways[0]} they follow from it")
        if self.slope == 0:
            raise ValueError("a slope of 0 tells nothing; give the response per unit of the target")
        if self.slope is not None and self.through_zero is not None:
            raise ValueError("through_zero goes with points, file or wells; leave the intercept out instead")
        return self


class BlankSpec(Strict):
    """What reads nothing of the target: wells of the plate, or samples by name."""

    wells: list[Text] = Field(default_factory=list)
    samples: list[Text] = Field(default_factory=list)

    @model_validator(mode="after")
    def _some(self) -> BlankSpec:
        if not self.wells and not self.samples:
            raise ValueError("names no blank; give wells or samples")
        return self


class MethodSpec(Strict):
    """How one target is measured: by a ``peak`` (beside an internal ``standard``), or by a ``signal``.

    With another ``quantity`` than the area it is that of the peak, or the smallest or largest ``of_all``.
    """

    peak: WindowSpec | None = None
    quantity: Literal["area", "time", "resolution", "tailing", "symmetry", "plates"] | None = None  # None: area
    of_all: Literal["smallest", "largest"] | None = None
    count: int | None = Field(default=None, ge=1)
    column: Text | None = None
    standard: StandardSpec | None = None
    signal: str | None = None
    calibration: CalibrationSpec | None = None
    blank: BlankSpec | None = None
    detection_limit: float | None = Field(default=None, ge=0)
    saturation: float | None = None
    beyond: Literal["refuse", "limit", "extrapolate"] = "refuse"
    dilution: Annotated[float, Field(gt=0)] | Literal["ignored"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> MethodSpec:
        if self.quantity not in (None, "area"):
            return self._figure()
        for name in ("of_all", "count", "column"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} goes with a quantity that is no area; give one (quantity: resolution), or leave it out"
                )
        if (self.peak is None) == (self.signal is None):
            raise ValueError("give either peak (of a chromatogram or spectrum) or signal (of a plate reader)")
        if self.standard is not None and self.peak is None:
            raise ValueError("an internal standard goes with a peak, and this is a signal; take one of them out")
        if self.calibration is None:
            raise ValueError("calibration is missing, by which an area or signal becomes a value; add it, or quantity")
        return self

    def _figure(self) -> MethodSpec:
        """A quantity that is no area: of one peak, or of all."""
        for name in ("standard", "signal", "calibration", "blank", "dilution", "saturation"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} goes with areas and signals, and quantity says {self.quantity}; leave it out")
        if self.beyond != "refuse":
            raise ValueError(f"beyond goes with a calibration, and quantity says {self.quantity}; leave it out")
        if self.peak is None and self.of_all is None:
            raise ValueError(
                f"says of no peak the {self.quantity}; give peak (its window or name), or of_all: smallest or largest"
            )
        if self.peak is not None and self.peak.name is not None and self.of_all is not None:
            raise ValueError("of_all is of several peaks, and peak names one; give its window alone, or leave one out")
        if self.peak is not None and self.peak.several == "sum":
            raise ValueError(f"several: sum adds areas, and quantity says {self.quantity}; leave it out")
        if self.of_all is not None and self.count is None:
            raise ValueError(
                "of_all needs count, how many peaks there must be: where two lie under one, or the last did not come, "
                f"the {self.of_all} {self.quantity} of the rest would look good"
            )
        if self.of_all is not None and self.quantity == "resolution" and self.count == 1:
            raise ValueError("a resolution is of two peaks, and count says 1; give how many there must be")
        if self.count is not None and self.of_all is None:
            raise ValueError("count goes with of_all, and this is of one peak; leave it out")
        if self.column is not None and self.quantity == "time":
            raise ValueError("column goes with what the file says of a peak, and its time is told anyhow; leave it out")
        if self.detection_limit is not None and self.quantity not in ("resolution", "plates"):
            raise ValueError(
                f"detection_limit says what a missing peak is below, and no {self.quantity} of one is; leave it out"
            )
        if not self.detection_limit and self.quantity == "resolution":
            raise ValueError(
                "two peaks that lie under one have no resolution in the file, and would be a fault; give "
                "detection_limit, below which they are not told apart (0.5, say)"
            )
        return self


def resolve_analysis(specs: Mapping[str, MethodSpec] | None, read: ReadFile) -> dict[str, MethodSpec] | None:
    """The methods with the points of calibration files in place.

    Raises:
        SpecError: A file cannot be read; the message names it.
    """
    if specs is None:
        return None
    from loop.spec.tables import read_table

    found: dict[str, MethodSpec] = {}
    for target, spec in specs.items():
        if spec.calibration is not None and (file := spec.calibration.file) is not None:
            points: dict[float, float | list[float]] = {}
            for line, row in read_table(read(file), file):
                try:
                    value, response = float(row["value"]), float(row["response"])
                except KeyError as error:
                    raise SpecError(f"{file} has no column {error}; it needs value and response") from None
                except ValueError:
                    raise SpecError(f"{file} line {line} holds {dict(row)}; give two numbers") from None
                known = points.setdefault(value, [])
                assert isinstance(known, list)
                known.append(response)
            calibration = spec.calibration.model_copy(update={"points": points, "file": None})
            spec = spec.model_copy(update={"calibration": calibration})
        found[target] = spec
    return found


def build_analysis(spec: CampaignSpec) -> Analysis | None:
    """The analysis of a resolved spec; None where it says none.

    Raises:
        AnalysisError: A method cannot be as it is described; the message begins with the target.
    """
    if spec.analysis is None:
        return None
    from loop.analysis import Analysis

    methods: list[Method] = []
    for target, said in spec.analysis.items():
        try:
            methods.append(_method(target, said, spec))
        except (AnalysisError, UnitError) as error:
            raise AnalysisError(f"{target}: {error}") from None
    return Analysis(tuple(methods))


def problem_of_analysis(spec: CampaignSpec) -> Problem | None:
    """What cannot stand in the analysis, and where; None where all can."""
    for target in spec.analysis or {}:
        if target in (spec.derived or {}):
            return ("analysis", target), f"{target!r} is derived, and no file says it; read what it is worked out from"
        if target not in spec.objective:
            hint = did_you_mean(target, spec.objective)
            return ("analysis", target), f"is no target of the objective{hint}; it has {', '.join(spec.objective)}"
        if spec.objective[target].classes is not None or spec.objective[target].levels is not None:
            return ("analysis", target), "is a target with classes or levels, and an analysis gives a number"
    try:
        analysis = build_analysis(spec)
    except AnalysisError as error:
        target, _, told = str(error).partition(": ")
        return ("analysis", target), told
    for method in () if analysis is None else analysis.methods:
        said = (spec.analysis or {})[method.target]
        if rule := _wrong_unit(method) or _missing_limit(said, method):
            return ("analysis", method.target), rule
        if rule := _two_axes(method):
            return ("analysis", method.target, "standard"), rule
    if analysis is None or spec.plate is None:
        return None
    return next((found for m in analysis.methods if (found := _taken_well(m, spec.plate)) is not None), None)


def _taken_well(method: Method, plate: PlateSpec) -> Problem | None:
    """A well for a blank or a standard that the planner fills with an experiment."""
    for well in sorted(method.helper_wells):
        row, column = well.rstrip("0123456789"), int(well.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        number = sum((ord(letter) - 64) * 26**i for i, letter in enumerate(reversed(row)))
        if number <= plate.rows and column <= plate.columns:
            return ("analysis", method.target), (
                f"well {well} is for a blank or a standard, and the plate of {plate.rows} x {plate.columns} wells has "
                "an experiment in it; make the plate smaller, or name blanks by sample and give the calibration points"
            )
    return None


def _method(target: str, said: MethodSpec, spec: CampaignSpec) -> Method:
    from loop.analysis import Beyond, Blanks, Method, Quantity, label_of

    wanted = spec.objective[target]
    wells = () if said.blank is None else tuple(label_of(well=w).well or "" for w in said.blank.wells)
    samples = () if said.blank is None else tuple(said.blank.samples)
    certificate = {
        name: str(value)
        for name in ("id", "made", "expires")
        if said.calibration is not None and (value := getattr(said.calibration, name)) is not None
    }
    return Method(
        target,
        wanted.unit,
        wanted.goal,
        None if said.calibration is None else _calibration(said.calibration),
        None if said.peak is None else _window(said.peak),
        None if said.standard is None else _standard(said.standard),
        said.signal,
        Blanks(wells, samples) if said.blank is not None else None,
        said.detection_limit,
        said.saturation,
        Beyond(said.beyond),
        None if isinstance(said.dilution, str) else said.dilution,
        said.dilution == "ignored",
        certificate,
        Quantity(said.quantity or "area"),
        said.of_all,
        said.count or 1,
        said.column or "",
    )


def _wrong_unit(method: Method) -> str:
    """Why a target's unit is none of what it is to be; "" where it may be, and of areas, which are calibrated."""
    from loop.analysis import Quantity

    if method.quantity is Quantity.TIME:
        try:
            convert(1.0, "min", method.unit)
        except UnitError:
            has = f"in {method.unit!r}" if method.unit else "without a unit"
            return f"it is a time, and the target is {has}; give it one of time (unit: min)"
    elif method.quantity is not Quantity.AREA and method.unit:
        return f"a {method.quantity.value} has no unit, and the target is in {method.unit!r}; leave its unit out"
    return ""


def _calibration(said: CalibrationSpec) -> Line | Standards:
    from loop.analysis import Line, Standards, fit_line, label_of

    if said.slope is not None:
        return Line(said.slope, said.intercept or 0.0, said.sd or 0.0, lowest=said.low, highest=said.high)
    if said.wells is not None:
        wells = {label_of(well=well).well or "": value for well, value in said.wells.items()}
        if len(set(wells.values())) < 2:
            raise AnalysisError("calibration.wells needs two different values; add a standard")
        return Standards(wells, bool(said.through_zero))
    if said.points is None:
        raise AnalysisError(f"the calibration file {said.file!r} was not read; use read_spec")
    points = [(v, r) for v, rs in said.points.items() for r in (rs if isinstance(rs, list) else [rs])]
    return fit_line(points, through_zero=bool(said.through_zero))


def _missing_limit(said: MethodSpec, method: Method) -> str | None:
    """Why an experiment without the peak would be a fault and no negative: no limit of detection; None where one is.

    A signal always has a value. Files are held to this when they are read, and campaigns on record are not.
    """
    from loop.analysis import Line

    line = method.calibration
    if method.peak is None or method.detection_limit or line is None:
        return None
    if not isinstance(line, Line):
        has_scatter, remedy = len(line.wells) > (1 if line.through_zero else 2), "add a standard"
    else:
        has_scatter = line.detection_limit > 0
        is_stated = said.calibration is not None and said.calibration.slope is not None
        remedy = "the calibration's sd" if is_stated else "add a standard"
    if has_scatter:
        return None
    return (
        "the calibration has no scatter that a limit of detection follows from, and without it an experiment that "
        f"makes nothing would be a fault; give detection_limit (in the target's unit), or {remedy}"
    )


def _two_axes(method: Method) -> str:
    """Why no file has both a peak and its standard: each is on an axis of its own; "" where one may have."""
    peak, standard = method.peak, None if method.standard is None else method.standard.window
    if peak is None or standard is None or peak.low is None or standard.low is None:
        return ""
    try:
        convert(1.0, standard.unit, peak.unit)
    except UnitError as error:
        return f"it is on the same axis as the peak, and {error}; give both in one unit"
    return ""


def _window(said: WindowSpec) -> Window:
    from loop.analysis import Several, Window

    check_unit(said.unit)
    low, high = said.low, said.high
    if said.at is not None and said.within is not None:
        low, high = said.at - said.within, said.at + said.within
    return Window(low, high, said.unit, said.name or "", Several(said.several))


def _standard(said: StandardSpec) -> Standard:
    from loop.analysis import Standard

    return Standard(_window(said), said.at_least, said.at_most)
