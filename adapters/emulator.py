"""The emulator: a measured table as laboratory, with noise, delay and failures where wanted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import Field

from adapters.common.draws import stream
from adapters.common.folder import Jobs, fingerprint
from adapters.common.instant import Clock, Foreseen, InstantRuns, dump
from adapters.common.limits import excluded
from adapters.common.options import Options, read_options, resolve
from adapters.common.order import Place
from adapters.table import MeasuredTable
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
from loop.outcome import Fault, FaultKind, write_outcome

DELIVERY: Final = Delivery.KEYED  # one folder for each key
EXAMPLE: Final = """\
laboratory:
  adapter: emulator
  table: results.csv  # one column for each parameter and target
  noise: 0.5
"""
NonNegative = Annotated[float, Field(ge=0)]


class EmulatorOptions(Options):
    """What a campaign file may say of an emulator."""

    table: str  # CSV file, as seen from the campaign file
    columns: dict[str, str] = Field(default_factory=dict)  # of a parameter or target, where it differs
    units: dict[str, str] = Field(default_factory=dict)  # of a column, where its header, or the campaign, has another
    noise: NonNegative | dict[str, NonNegative] = 0.0  # standard deviation in target units, for all or by target
    delay: NonNegative = 0.0  # seconds that each run takes
    failure: Annotated[float, Field(ge=0, le=1)] = 0.0  # probability that a run ends in a random error
    seed: int | None = None  # of noise and failures; the campaign's when left out


class Emulator:
    """Runs an experiment by looking it up in a table; several rows for one condition are replicates, each in turn.

    Noise and failures depend on the seed, the settings, the replicate number and how often the same was run before,
    not on keys: an interrupted campaign sees what an uninterrupted one sees.
    """

    def __init__(
        self, jobs: Jobs, table: MeasuredTable, options: EmulatorOptions, seed: int = 0, clock: Clock = time.time
    ) -> None:
        self.table, self._options = table, options
        self._seed = seed if options.seed is None else options.seed
        self._runs = InstantRuns(jobs, clock)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=DELIVERY,
            max_parallel=None,
            can_cancel=True,
            is_simulated=True,
            properties=self.table.targets,
            parameters=self.table.parameters,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        unmeasured = excluded(spec, replace(self.capabilities(), parameters=None))
        return unmeasured or self.table.problems(spec)  # the table names columns that may be meant

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        """What the table has no row of."""
        unmeasured = excluded(spec, replace(self.capabilities(), parameters=None))
        return unmeasured or self.table.foreseen(spec)

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._runs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        self._runs.start(handle, key, lambda: self._foresee(handle))

    def find(self, key: AttemptKey) -> Found | Absent:
        return self._runs.find(key)

    def status(self, handle: Handle) -> Status:
        return self._runs.status(handle)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        return self._runs.fetch(handle)

    def cancel(self, handle: Handle, reason: str) -> None:
        self._runs.cancel(handle, reason)

    def health(self) -> Health:
        return Health(True, f"table {self.table.name} is read{self.table.left_out}; it answers at once")

    def _foresee(self, handle: Handle) -> Foreseen:
        spec = self._runs.jobs.spec(handle)
        payload = self._run(spec, self._runs.jobs.place(handle))
        return Foreseen((dump(payload),), self._options.delay)

    def _run(self, spec: ExperimentSpec, place: Place) -> dict[str, Any]:
        problems = self.validate(spec)
        provenance: dict[str, Any] = {
            "program": "hakken emulator",
            "table": self.table.name,
            "sha256": self.table.sha,
        }
        if self._options.delay:
            provenance["wall_time_s"] = self._options.delay
        if problems:
            fault = Fault.of(FaultKind.INPUT_ERROR, "; ".join(str(problem) for problem in problems))
            return {**write_outcome(fault), "provenance": provenance}
        chance = stream("emulator", self._seed, fingerprint(spec), place.repeat)
        if chance.random() < self._options.failure:
            fault = Fault.of(FaultKind.RANDOM_ERROR, "the emulator was asked to fail now and then")
            return {**write_outcome(fault), "provenance": provenance}
        rows = self.table.rows(spec)
        row = rows[(spec.replicate_no + place.repeat) % len(rows)]
        values = []
        for target, unit in self.table.targets.items():
            if target not in spec.targets:
                continue
            noise = chance.gauss(0.0, self._noise(target))
            if (limit := row.limits.get(target)) is not None:
                values.append({"property": target, "value": row.values[target], "unit": unit, "qualifier": limit})
            elif target in row.values:
                value = self.table.graded(target, row.values[target] + noise)
                values.append({"property": target, "value": value, "unit": unit})
        return {"outcome": "measured", "values": values, "provenance": {**provenance, "line": row.line}}

    def _noise(self, target: str) -> float:
        noise = self._options.noise
        return noise.get(target, 0.0) if isinstance(noise, dict) else noise


def build(options: Mapping[str, Any], context: AdapterContext) -> Emulator:
    """An emulator from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown, missing or of the wrong type.
        TableError: The table cannot be read, or lacks a target's column.
    """
    settings = read_options(EmulatorOptions, "emulator", options)
    path = resolve(context.base, settings.table)
    table = MeasuredTable(path, settings.columns, context.targets, settings.units, context.levels, context.words)
    return Emulator(Jobs(context.folder), table, settings, context.seed)
