"""An adapter of one's own behind a guard: what its code raises, or returns that is no answer, stops nothing else.

It becomes ``AdapterFailed``, which the engine takes for what it is: nothing is known, and it is asked again.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from loop.contracts import (
    Absent,
    Adapter,
    AttemptKey,
    Capabilities,
    Envelope,
    ExperimentSpec,
    Finding,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
    Unknown,
    abilities,
)
from loop.errors import AdapterError, AdapterFailed, AdapterUnavailable, LedgerError

_T = TypeVar("_T")
_TOLD_ONCE: Final = frozenset({"ask_leave", "keep_limits"})
_LISTS: Final = {  # what a list of each ability is of
    "foresee": Problem,
    "wanting": Problem,
    "judged": Problem,
    "late": Envelope,
    "examine": Finding,
    "still_waiting": str,
}
_ABILITIES: Final = frozenset(
    name
    for protocol in vars(abilities).values()
    if isinstance(protocol, type) and protocol.__module__ == abilities.__name__
    for name in vars(protocol)
    if not name.startswith("_")
)


def guarded(make: Callable[[], Adapter], name: str, folder: str, stamp: Callable[[], int]) -> Adapter:
    """The adapter behind a guard; whatever else it can do (``loop.contracts.abilities``), it still does.

    Args:
        make: Makes one of one's own, of its file as it is now.
        name: What the campaign file calls it.
        folder: Its own; the traceback of what its code raises is put there.
        stamp: Tells another number when its file was changed.

    Raises:
        AdapterError: It cannot be made, or does not declare what it can do.
    """
    written = stamp()
    adapter = make()
    # Methods of a class of its own: a protocol is looked for on the class, not on the object.
    further = {n: _passed_on(n) for n in _ABILITIES if n not in vars(Guarded) and callable(getattr(adapter, n, None))}
    kind = type(f"Guarded{type(adapter).__name__}", (Guarded,), further)
    found = kind(make, name, folder, stamp)
    found.take(adapter, written)
    found.capabilities()  # once it was told it is known
    return cast(Adapter, found)


class Guarded:
    """The methods of an adapter of one's own, each answer looked at; made by ``guarded``."""

    def __init__(self, make: Callable[[], Adapter], name: str, folder: str, stamp: Callable[[], int]) -> None:
        self._make, self._name, self._folder, self._stamp = make, name, Path(folder), stamp
        self._capabilities: Capabilities | None = None
        self._told: dict[str, tuple[object, ...]] = {}  # what is told once, to be told again to one made anew

    def __getattr__(self, name: str) -> Any:
        if name == "_adapter":  # not made yet
            raise AttributeError(name)
        return getattr(self._adapter, name)

    def take(self, adapter: Adapter, written: int) -> None:
        """Stand before this one, made of the file of that stamp."""
        self._adapter, self._written, self._has_failed = adapter, written, False
        for call, args in self._told.items():
            self._ask(call, *args)

    def mend(self) -> bool:
        """Make it anew where it failed and its file was changed; the one that failed stays while that cannot be."""
        written = self._stamp()
        if not self._has_failed or written == self._written:
            return False
        try:
            self.take(self._make(), written)
        except AdapterError:
            return False
        return True

    def capabilities(self) -> Capabilities:
        """As declared; what was declared before where the code that does so fails."""
        try:
            self._capabilities = self._one("capabilities", Capabilities)
        except AdapterUnavailable:
            if self._capabilities is None:
                raise
        return self._capabilities

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return self._all("validate", Problem, spec)

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return Handle(self._one("prepare", str, spec, key))

    def start(self, handle: Handle, key: AttemptKey) -> None:
        self._ask("start", handle, key)

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        found = self._one("find", (Found, Absent, Unknown), key)
        if isinstance(found, Found) and not isinstance(found.handle, str):
            raise self._no_answer("find", found, "a Found with a handle that is a str")
        return cast(Found | Absent | Unknown, found)

    def status(self, handle: Handle) -> Status:
        found = self._one("status", Status, handle)
        if not isinstance(found.phase, Phase):
            raise self._no_answer("status", found, "a Status with a Phase")
        return found

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        found = self._all("fetch", Envelope, handle)
        for envelope in found:
            if not isinstance(envelope.key, str) or not isinstance(envelope.payload, str):
                raise self._no_answer("fetch", envelope, "a list of Envelope, key and payload a str")
        return found

    def cancel(self, handle: Handle, reason: str) -> None:
        self._ask("cancel", handle, reason)

    def health(self) -> Health:
        """As it says; where the code that says so fails, it cannot work, and why."""
        try:
            return self._one("health", Health)
        except AdapterFailed as error:
            return Health(False, str(error))

    def _one(self, call: str, kind: type[_T] | tuple[type[_T], ...], *args: object) -> _T:
        """What a call returns, which has to be of that kind."""
        found = self._ask(call, *args)
        if isinstance(found, kind):
            return found
        kinds = kind if isinstance(kind, tuple) else (kind,)
        raise self._no_answer(call, found, " or ".join(f"{_article(k)} {k.__name__}" for k in kinds))

    def _all(self, call: str, kind: type[_T], *args: object, **more: object) -> Sequence[_T]:
        """What a call returns, which has to be a list of that kind; it may be made while it is read."""
        found = self._ask(call, *args, read=lambda told: list(told) if isinstance(told, Iterable) else told, **more)
        if isinstance(found, list) and all(isinstance(one, kind) for one in found):
            return found
        raise self._no_answer(call, found, f"a list of {kind.__name__}")

    def _ask(self, call: str, *args: object, read: Callable[[Any], Any] = lambda told: told, **more: object) -> Any:
        try:
            return read(getattr(self._adapter, call)(*args, **more))
        except (AdapterUnavailable, LedgerError):  # the second: of a record that it was given leave to ask
            raise
        except (Exception, SystemExit) as error:
            self._has_failed = True
            kept = self._keep(call, error)
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
            if isinstance(error, OSError) and error.filename is None:  # a device or a connection, rather than a mistake
                raise AdapterUnavailable(f"{_where(error)}, in {call}: {said}; see to it{kept}") from error
            raise AdapterFailed(f"{_where(error)}, code of your own, in {call}: {said}; mend it{kept}") from error

    def _no_answer(self, call: str, found: object, due: str) -> AdapterFailed:
        self._has_failed = True
        return AdapterFailed(f"{call} of {self._name}, code of your own, returned {found!r:.80}, not {due}; mend it")

    def _keep(self, call: str, error: BaseException) -> str:
        """Put a traceback into its folder, in the place of the last one of that call; returns where it is, to be told.

        Where the campaign is only looked at it has no folder, and gets none.
        """
        path = self._folder / f"fault-{call}.txt"
        with suppress(OSError):
            if self._folder.parent.exists():
                self._folder.mkdir(exist_ok=True)
                text = f"{datetime.now(UTC).isoformat()}\n{''.join(traceback.format_exception(error))}"
                path.write_text(text, encoding="utf-8", errors="backslashreplace")
                return f" (traceback: {path})"
        return ""


def _passed_on(name: str) -> Callable[..., Any]:
    def method(self: Guarded, *args: Any, **keywords: Any) -> Any:
        if name in _TOLD_ONCE:
            self._told[name] = args
        if name in _LISTS:
            return self._all(name, _LISTS[name], *args, **keywords)
        return self._ask(name, *args, **keywords)

    method.__name__ = name
    return method


def _where(error: BaseException) -> str:
    """File and line where an error came from: of a module beside the campaign file, else the last."""
    frames = [
        (frame.f_globals.get("__name__", ""), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [(file, line) for name, file, line in frames if re.search(r"\.py:\d+$", name)]
    file, line = own[-1] if own else frames[-1][1:]
    return f"{file} line {line}"


def _article(kind: type[object]) -> str:
    return "an" if kind.__name__[0] in "AEIOU" else "a"
