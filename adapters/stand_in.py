"""Stand-ins: a declared laboratory played. What it refuses and how much it takes is its own; what runs is made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.common.folder import Jobs
from adapters.common.limits import Limited
from adapters.several import SeveralLaboratories
from adapters.simulated import Simulated, SimulatedOptions
from loop.contracts import (
    Absent,
    Adapter,
    AttemptKey,
    Capabilities,
    ChecksTogether,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    JudgesTogether,
    Problem,
    Status,
)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """How results are made up: by the seed, between the bounds of each target, and at its levels where it has some."""

    targets: Mapping[str, str]  # with units
    seed: int = 0
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 0 to 100 where a target has none
    levels: Mapping[str, Sequence[float]] = field(default_factory=dict)


def stand_in(declared: Adapter, made_up: MadeUp, folder: Path) -> Adapter:
    """What plays ``declared``: of several laboratories each is played, and experiments go where they would go.

    Nothing of ``declared`` is called but ``capabilities``, ``validate``, ``wanting`` and ``judge``, which move nothing.
    """
    if isinstance(declared, Limited):
        return declared.around(lambda adapter: stand_in(adapter, made_up, folder))
    if isinstance(declared, SeveralLaboratories):
        return declared.played(folder, lambda name, adapter: StandIn(adapter, made_up, folder / name))
    return StandIn(declared, made_up, folder)


class StandIn:
    """One laboratory, played: an ``Adapter``."""

    def __init__(self, declared: Adapter, made_up: MadeUp, folder: Path) -> None:
        spans = {name: list(span) for name, span in made_up.spans.items()}
        options = SimulatedOptions(scale=spans)
        self._declared = declared
        self._simulated = Simulated(Jobs(folder), options, made_up.targets, made_up.seed, grades=made_up.levels)

    def capabilities(self) -> Capabilities:
        return replace(self._declared.capabilities(), is_simulated=True, needs_person=False)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return self._declared.validate(spec)

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        """As declared; none of the handles is the declared laboratory's."""
        return self._declared.wanting(specs, ()) if isinstance(self._declared, ChecksTogether) else ()

    def judge(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> None:
        if isinstance(self._declared, JudgesTogether):
            self._declared.judge(specs, ())

    def judged(self) -> Sequence[Problem]:
        return self._declared.judged() if isinstance(self._declared, JudgesTogether) else ()

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._simulated.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        self._simulated.start(handle, key)

    def find(self, key: AttemptKey) -> Found | Absent:
        return self._simulated.find(key)

    def status(self, handle: Handle) -> Status:
        return self._simulated.status(handle)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        return self._simulated.fetch(handle)

    def cancel(self, handle: Handle, reason: str) -> None:
        self._simulated.cancel(handle, reason)

    def health(self) -> Health:
        return Health(True, "played; its numbers are made up")
