"""A simulated laboratory: a made-up chemistry, or a table, with every kind of trouble a real one has."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from adapters.common.draws import stream
from adapters.common.durable import write_once
from adapters.common.folder import Jobs, fingerprint
from adapters.common.instant import Clock, Foreseen, InstantRuns, dump
from adapters.common.limits import excluded
from adapters.common.options import Options, read_options, resolve
from adapters.common.order import Place
from adapters.common.response import respond
from adapters.errors import AdapterUnavailable
from adapters.table import MeasuredTable, Row
from loop.contracts import (
    Absent,
    AdapterContext,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Problem,
    Status,
)
from loop.errors import did_you_mean
from loop.outcome import Fault, FaultKind, write_outcome

SCALE: Final = (0.0, 100.0)  # lowest and highest true value of a target
EXAMPLE: Final = """\
laboratory:
  adapter: simulated
  noise: 2.0
  failures: {instrument_fault: 0.05}
"""
Rate = Annotated[float, Field(ge=0, le=1)]  # probability for each attempt
NonNegative = Annotated[float, Field(ge=0)]
Span = Annotated[list[float], Field(min_length=2, max_length=2)]  # low and high


class SimulatedOptions(Options):
    """What a campaign file may say of a simulated laboratory. Values are in target units, times in seconds."""

    seed: int | None = None  # of the chemistry and of all chance; the campaign's when left out
    scale: dict[str, Span] = Field(default_factory=dict)  # lowest and highest true value by target; 0 to 100
    ranges: dict[str, Span] = Field(default_factory=dict)  # where a numeric parameter is expected to lie
    table: str | None = None  # CSV file that gives the true values instead
    columns: dict[str, str] = Field(default_factory=dict)  # as for the emulator
    units: dict[str, str] = Field(default_factory=dict)
    noise: NonNegative | dict[str, NonNegative] = 0.0  # standard deviation, for all targets or by target
    drift: float | dict[str, float] = 0.0  # added for every experiment started before
    detection_limit: dict[str, float] = Field(default_factory=dict)  # below it the outcome is negative
    delay: NonNegative | Span = 0.0  # of each run: a number, or low and high
    failures: dict[str, Rate] = Field(default_factory=dict)  # by fault kind
    duplicates: Rate = 0.0  # the envelope comes twice
    contradictions: Rate = 0.0  # a second envelope says something else
    malformed: Rate = 0.0  # the envelope is cut off
    lost_replies: Rate = 0.0  # it starts, but the answer never arrives
    lost_requests: Rate = 0.0  # the first request to start never arrives

    @field_validator("failures")
    @classmethod
    def _check_failures(cls, failures: dict[str, float]) -> dict[str, float]:
        kinds = [kind.value for kind in FaultKind]
        for name in failures:
            if name not in kinds:
                known = ", ".join(kinds)
                raise ValueError(f"rates by fault kind, and {name!r} is none{did_you_mean(name, kinds)} of {known}")
        if sum(failures.values()) > 1:
            raise ValueError("rates that add up to 1 at most")
        return failures

    @field_validator("scale", "ranges")
    @classmethod
    def _check_spans(cls, spans: dict[str, list[float]]) -> dict[str, list[float]]:
        for name, (low, high) in spans.items():
            if not low < high:
                raise ValueError(f"low and high with low below high, also for {name}")
        return spans


class Simulated:
    """A laboratory without a bench. All chance depends on the seed, the settings, the replicate number, how often the
    same was run before and (drift) how many runs came before, never on keys or times: an interrupted campaign sees
    what an uninterrupted one sees.
    """

    def __init__(
        self,
        jobs: Jobs,
        options: SimulatedOptions,
        targets: Mapping[str, str],
        seed: int = 0,
        table: MeasuredTable | None = None,
        clock: Clock = time.time,
        grades: Mapping[str, Sequence[str | float]] | None = None,
    ) -> None:
        self._options, self._targets, self._table = options, dict(targets), table
        self._grades = {} if grades is None or table is not None else dict(grades)  # a table has its own values
        self._seed = seed if options.seed is None else options.seed
        self._runs = InstantRuns(jobs, clock)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=Delivery.KEYED,
            max_parallel=None,
            can_cancel=True,
            is_simulated=True,
            properties=self._targets,
            parameters=None if self._table is None else self._table.parameters,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return excluded(spec, self.capabilities()) or ([] if self._table is None else self._table.problems(spec))

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        """What its table has no row of."""
        return excluded(spec, self.capabilities()) or ([] if self._table is None else self._table.foreseen(spec))

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._runs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Start the run.

        Raises:
            AdapterUnavailable: A request or a reply was lost, as asked for; only ``find`` tells which.
            UnknownHandle: Nothing was prepared under the handle.
        """
        is_first = self._runs.start(handle, key, lambda: self._foresee(handle))
        if is_first and self._chance(handle, "reply").random() < self._options.lost_replies:
            raise AdapterUnavailable("the simulated laboratory did not answer; look the key up before sending it again")

    def find(self, key: AttemptKey) -> Found | Absent:
        return self._runs.find(key)

    def status(self, handle: Handle) -> Status:
        return self._runs.status(handle)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        return self._runs.fetch(handle)

    def cancel(self, handle: Handle, reason: str) -> None:
        self._runs.cancel(handle, reason)

    def health(self) -> Health:
        return Health(True, f"simulated with seed {self._seed}; its numbers are made up")

    def _foresee(self, handle: Handle) -> Foreseen:
        chance = self._chance(handle, "request")
        if chance.random() < self._options.lost_requests:
            marker = self._runs.jobs.folder(handle) / "request-lost.json"
            if write_once(marker, "{}", is_durable=False):
                raise AdapterUnavailable(
                    "the simulated laboratory was not reached; look the key up, then send it again"
                )
        spec, place = self._runs.jobs.spec(handle), self._runs.jobs.place(handle)
        payload = self._run(spec, place)
        delay = self._options.delay
        seconds = self._chance(handle, "delay").uniform(*delay) if isinstance(delay, list) else delay
        if seconds:
            payload["provenance"]["wall_time_s"] = round(seconds, 3)
        return Foreseen(tuple(self._send(spec, place, payload)), seconds)

    def _run(self, spec: ExperimentSpec, place: Place) -> dict[str, Any]:
        """What really happened, as a payload."""
        told = {"provenance": {"program": "hakken simulated laboratory", "seed": self._seed}}
        if problems := self.validate(spec):
            fault = Fault.of(FaultKind.INPUT_ERROR, "; ".join(str(problem) for problem in problems))
            return {**write_outcome(fault), **told}
        draw = self._stream(spec, place, "failure").random()
        for kind, rate in sorted(self._options.failures.items()):
            if draw < rate:
                return {**write_outcome(Fault.of(FaultKind(kind), f"simulated {kind}")), **told}
            draw -= rate
        values: list[dict[str, Any]] = []
        missed = []
        row = self._row(spec, place)
        for target, unit in spec.targets.items():
            if row is not None and target not in row.values:
                continue
            if row is not None and (sign := row.limits.get(target)) is not None:
                values.append({"property": target, "value": row.values[target], "unit": unit, "qualifier": sign})
                continue
            value, limit = self._measure(spec, place, target, row), self._options.detection_limit.get(target)
            if grades := self._grades.get(target):
                values.append({"property": target, "value": self._grade(target, float(value), grades), "unit": unit})
            elif limit is not None and isinstance(value, float) and value < limit:
                missed.append(target)
                values.append({"property": target, "value": limit, "unit": unit, "qualifier": "<"})
            else:
                values.append({"property": target, "value": value, "unit": unit})
        if missed:
            reason = f"{', '.join(missed)} below the detection limit"
            return {"outcome": "negative", "reason": reason, "values": values, **told}
        return {"outcome": "measured", "values": values, **told}

    def _grade(self, target: str, value: float, grades: Sequence[str | float]) -> str | float:
        """What is told of a target with words or levels: each has an equal share of the scale."""
        low, high = self._options.scale.get(target, SCALE)
        share = (value - low) / (high - low)
        return grades[min(max(int(share * len(grades)), 0), len(grades) - 1)]

    def _row(self, spec: ExperimentSpec, place: Place) -> Row | None:
        """The row of the table that answers, of replicates each in turn; None without a table."""
        if self._table is None:
            return None
        rows = self._table.rows(spec)
        return rows[(spec.replicate_no + place.repeat) % len(rows)]

    def _measure(self, spec: ExperimentSpec, place: Place, target: str, row: Row | None) -> float | str:
        if row is not None:
            truth = row.values[target]
        else:
            ranges = {name: (low, high) for name, (low, high) in self._options.ranges.items()}
            low, high = self._options.scale.get(target, SCALE)
            truth = respond(spec.settings, target, self._seed, ranges, (low, high))
        noise = self._stream(spec, place, "noise", target).gauss(0.0, _of(self._options.noise, target))
        value = truth + noise + _of(self._options.drift, target) * place.ordinal
        return value if self._table is None else self._table.graded(target, value)

    def _send(self, spec: ExperimentSpec, place: Place, payload: dict[str, Any]) -> list[str]:
        """What arrives of it: cut off, twice, or followed by something else."""
        draw = self._stream(spec, place, "sending")
        text = dump(payload)
        if draw.random() < self._options.malformed:
            return [text[: len(text) // 2]]
        sent = [text]
        if draw.random() < self._options.duplicates:
            sent.append(text)
        if draw.random() < self._options.contradictions:
            fault = Fault.of(FaultKind.ANALYSIS_FAILED, "simulated second opinion: the analysis was wrong")
            sent.append(dump({**write_outcome(fault), "provenance": payload["provenance"]}))
        return sent

    def _chance(self, handle: Handle, what: str) -> Random:
        return self._stream(self._runs.jobs.spec(handle), self._runs.jobs.place(handle), what)

    def _stream(self, spec: ExperimentSpec, place: Place, *what: str) -> Random:
        return stream("simulated", self._seed, fingerprint(spec), place.repeat, *what)


def build(options: Mapping[str, Any], context: AdapterContext) -> Simulated:
    """A simulated laboratory from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown, missing or of the wrong type.
        TableError: The table named in the options cannot be read.
    """
    settings = read_options(SimulatedOptions, "simulated", options)
    table = None
    if settings.table is not None:
        path = resolve(context.base, settings.table)
        table = MeasuredTable(path, settings.columns, context.targets, settings.units, context.levels, context.words)
    grades: dict[str, Sequence[str | float]] = {**context.levels, **context.words}
    return Simulated(Jobs(context.folder), settings, context.targets, context.seed, table, grades=grades)


def _of(setting: float | dict[str, float], target: str) -> float:
    return setting.get(target, 0.0) if isinstance(setting, dict) else setting
