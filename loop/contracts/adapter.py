"""The contract of a laboratory, and what wiring gives whoever keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from loop.contracts.messages import (
    Absent,
    AttemptKey,
    Capabilities,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Problem,
    Status,
    Unknown,
)

if TYPE_CHECKING:
    from loop.recipe.model import Recipe


@runtime_checkable
class Adapter(Protocol):
    """A robot, a queue, a program or a person, seen as something that runs experiments.

    Laws, examined by ``loop.testing.adapter.AdapterContract``:
        1. Preparing twice with one key gives the same handle; starting twice runs once.
        2. What a run did is data in its envelopes; ``status`` and ``fetch`` raise nothing but
           ``AdapterUnavailable``.
        3. Envelopes can be read again and again, and never change.
        4. ``find`` tells the truth: ``Unknown`` where it cannot know, never a guessed ``Absent``.
        5. What ``capabilities`` excludes is named by ``validate`` before anything moves.
        6. All of it survives the adapter object: another one on the same folder knows every key.
    """

    def capabilities(self) -> Capabilities: ...
    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]: ...
    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle: ...
    def start(self, handle: Handle, key: AttemptKey) -> None: ...
    def find(self, key: AttemptKey) -> Found | Absent | Unknown: ...
    def status(self, handle: Handle) -> Status: ...
    def fetch(self, handle: Handle) -> Sequence[Envelope]: ...
    def cancel(self, handle: Handle, reason: str) -> None: ...
    def health(self) -> Health: ...


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What wiring gives an adapter: a folder of its own and where relative paths start."""

    folder: str  # the adapter's own state, one folder per campaign
    base: str  # relative paths in the spec's laboratory section start here
    campaign: str
    targets: Mapping[str, str]  # property and unit
    seed: int = 0
    beside: Mapping[str, str | None] = field(default_factory=dict)  # recorded with results: unit, None for a label
    recipe: Recipe | None = None  # what is done at the bench, where the campaign says it
    extra: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of properties whose values may be words
    levels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # of properties that can be nothing else
    parameters: Sequence[str] = ()  # as the campaign file has them, for who reads them in that order
    molecules: Sequence[str] = ()  # parameters that are a library or products of reagents: their names say no structure
    may_be_nothing: Sequence[str] = ()  # components of which an option adds nothing, and has no structure
    derived: Sequence[str] = ()  # targets that are worked out from the others, so that nobody is asked for them
