"""The laboratory that is asked: its experiments wait in the record until a program or a person asks for them.

It carries nothing out and remembers nothing: who has which experiment, and what came of it, stands in the record alone
(``flows.engine.clients``), so that any machine that reaches the record may answer. Nothing happens outside when an
experiment is sent to it, so a key that was perhaps sent is as good as one that was: it waits to be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.common.limits import excluded
from adapters.common.options import Options, read_options
from loop.contracts import (
    Adapter,
    AdapterContext,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
)

EXAMPLE: Final = """\
laboratory:
  adapter: ask_tell
"""


class AskTell:
    """Lets experiments wait; a handle is the key."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = dict(targets)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=Delivery.KEYED,
            max_parallel=None,
            can_cancel=False,  # what was handed out is with whoever asked
            is_simulated=False,
            properties=self._targets,
            needs_person=True,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return excluded(spec, self.capabilities())

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return Handle(key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Nothing moves: it waits to be asked for."""

    def find(self, key: AttemptKey) -> Found:
        """Every key of the record waits here, also one of which nobody knows whether it was sent."""
        return Found(Handle(key), started=True)

    def status(self, handle: Handle) -> Status:
        return Status(Phase.WAITING, "waits to be asked for, or for its result to be told")

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        """Nothing: results are told to the record."""
        return ()

    def cancel(self, handle: Handle, reason: str) -> None:
        """Nothing to call off here: what nobody asked for, the engine takes back itself."""

    def health(self) -> Health:
        return Health(True, "experiments wait until somebody asks for them (hakken serve, or hakken ask)")


class _Options(Options):
    """What a campaign file may say of it: nothing."""


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """The laboratory that is asked.

    Raises:
        AdapterOptionsError: An option is given; it has none.
    """
    read_options(_Options, "ask_tell", options)
    return AskTell(context.targets)
