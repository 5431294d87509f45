"""What the laws are tried with: two keys, the kinds of fixtures, and the steps of an engine."""

from __future__ import annotations

import time
from collections.abc import Callable

from loop.contracts import Adapter, AttemptKey, Delivery, ExperimentSpec, Found, Handle, Phase, Status, Unknown
from loop.errors import AdapterUnavailable

KEY = AttemptKey("0195f3a2-7c1e-7000-8000-000000000001")
OTHER = AttemptKey("0195f3a2-7c1e-7000-8000-000000000002")

Make = Callable[[], Adapter]
Finish = Callable[[Adapter, Handle], None]
CountRuns = Callable[[AttemptKey], int]


def wait_for_end(adapter: Adapter, handle: Handle, seconds: float = 120.0) -> None:
    """Look until the attempt has ended; the suite's ``finish`` where nothing else is needed."""
    give_up = time.monotonic() + seconds
    while adapter.status(handle).phase is not Phase.ENDED:
        if time.monotonic() > give_up:
            raise AssertionError(f"{handle} had not ended after {seconds:g} s: {adapter.status(handle)}")
        time.sleep(0.02)


def begin(adapter: Adapter, experiment: ExperimentSpec, key: AttemptKey) -> Handle:
    """Prepare and start an experiment."""
    handle = adapter.prepare(experiment, key)
    start(adapter, handle, key)
    return handle


def start(adapter: Adapter, handle: Handle, key: AttemptKey) -> None:
    """Start as an engine does: on doubt look the key up, and start again only what lies inert."""
    for _ in range(5):
        try:
            adapter.start(handle, key)
        except AdapterUnavailable:
            found = adapter.find(key)
            if not (isinstance(found, Found) and not found.started):
                return
        else:
            return


def look(adapter: Adapter, handle: Handle) -> Status:
    """The status of an attempt, after its envelopes were asked for."""
    adapter.fetch(handle)
    return adapter.status(handle)


def assert_found(adapter: Adapter, key: AttemptKey, expected: Found) -> None:
    """The key is found so, or the adapter is blind and says that it cannot know."""
    found = adapter.find(key)
    assert found == expected or (is_blind(adapter) and isinstance(found, Unknown))


def is_blind(adapter: Adapter) -> bool:
    """Whether the other side cannot be asked what became of a key."""
    return adapter.capabilities().delivery is Delivery.BLIND
