"""What a laboratory does not do: what its capabilities exclude, and what the limits of the campaign file forbid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from adapters.errors import LimitBroken
from loop.contracts import (
    Absent,
    Adapter,
    AttemptKey,
    Capabilities,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    KeepsLimits,
    Problem,
    Status,
    SupportsAnnouncement,
    Unknown,
)
from loop.errors import did_you_mean

if TYPE_CHECKING:
    from loop.limits import Limits
    from loop.recipe.model import Recipe


def broken(limits: Limits, settings: Mapping[str, str | float], recipe: Recipe | None) -> Sequence[Problem]:
    """What goes beyond the limits; see ``loop.limits.broken``. The command line starts without what that needs."""
    from loop.limits import broken as beyond

    return beyond(limits, settings, recipe)


def excluded(spec: ExperimentSpec, capabilities: Capabilities) -> list[Problem]:
    """Every target that is not measured and every parameter that cannot be set."""
    problems = []
    if capabilities.properties is not None:
        known = sorted(capabilities.properties)
        problems += [
            Problem(
                f"target {target!r}",
                f"this laboratory measures {', '.join(known)}{did_you_mean(target, known)}",
                "choose one of these or another laboratory",
            )
            for target in spec.targets
            if target not in capabilities.properties
        ]
    if capabilities.parameters is not None:
        known = sorted(capabilities.parameters)
        problems += [
            Problem(
                f"parameter {parameter!r}",
                f"this laboratory sets {', '.join(known)}{did_you_mean(parameter, known)}",
                "rename the parameter, or take it out of the space",
            )
            for parameter in spec.settings
            if parameter not in capabilities.parameters
        ]
    return problems


def limited(adapter: Adapter, limits: Limits, recipe: Recipe | None) -> Adapter:
    """The adapter behind limits: what breaks one is never prepared, whoever asks for it.

    Whatever else it can do, such as to tell of its parts, it still does.
    """
    if not limits:
        return adapter
    if isinstance(adapter, KeepsLimits):
        adapter.keep_limits(lambda settings: broken(limits, settings, recipe))
    further = [name for name in dir(type(adapter)) if not name.startswith("_") and not hasattr(Limited, name)]
    # Methods of a class of its own: a protocol is looked for on the class, not on the object.
    own = {"announce": _announce}  # it prepares too
    methods = {name: own.get(name) or _passed_on(name) for name in further}
    kind = type(f"Limited{type(adapter).__name__}", (Limited,), methods)
    return cast(Adapter, kind(adapter, limits, recipe))


class Limited:
    """An adapter's own methods, the first two of them after a look at the limits; made by ``limited``."""

    def __init__(self, adapter: Adapter, limits: Limits, recipe: Recipe | None) -> None:
        self._adapter, self._limits, self._recipe = adapter, limits, recipe

    def around(self, change: Callable[[Adapter], Adapter]) -> Adapter:
        """What ``change`` makes of the adapter, behind the same limits."""
        return limited(change(self._adapter), self._limits, self._recipe)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return [*broken(self._limits, spec.settings, self._recipe), *self._adapter.validate(spec)]

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        """As the adapter's own.

        Raises:
            LimitBroken: The experiment breaks a limit; nothing was prepared.
        """
        if problems := broken(self._limits, spec.settings, self._recipe):
            raise LimitBroken(key, problems)
        return self._adapter.prepare(spec, key)

    def capabilities(self) -> Capabilities:
        return self._adapter.capabilities()

    def start(self, handle: Handle, key: AttemptKey) -> None:
        self._adapter.start(handle, key)

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        return self._adapter.find(key)

    def status(self, handle: Handle) -> Status:
        return self._adapter.status(handle)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        return self._adapter.fetch(handle)

    def cancel(self, handle: Handle, reason: str) -> None:
        self._adapter.cancel(handle, reason)

    def health(self) -> Health:
        return self._adapter.health()


def _announce(self: Limited, experiments: Sequence[tuple[ExperimentSpec, AttemptKey]]) -> None:
    """As the adapter's own, of what breaks no limit."""
    kept = [(spec, key) for spec, key in experiments if not broken(self._limits, spec.settings, self._recipe)]
    cast(SupportsAnnouncement, self._adapter).announce(kept)


def _passed_on(name: str) -> Callable[..., Any]:
    def method(self: Limited, *args: Any, **keywords: Any) -> Any:
        return getattr(self._adapter, name)(*args, **keywords)

    method.__name__ = name
    return method
