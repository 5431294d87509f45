"""Later: of what ended otherwise, as by what a person told, a laboratory over a network is asked ever more rarely.

Once, a minute later, and then each time that as long has passed again as since the first time: what took a day more is
heard on the second day, and what never comes costs some thirty questions in a hundred years.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from adapters.common.durable import replace
from adapters.common.folder import Jobs, reachable, read_json
from adapters.common.instant import Clock, dump
from adapters.errors import AdapterUnavailable
from loop.contracts import Handle

_FIRST: Final = 60.0  # seconds from the first question to the second
_NOTE: Final = "asked-later.json"


class Later:
    """When each attempt in one folder was asked about first, and last."""

    def __init__(self, jobs: Jobs, clock: Clock = time.time) -> None:
        """``clock``: seconds since the epoch."""
        self._jobs, self._clock = jobs, clock

    def ask(
        self, handles: Iterable[Handle], question: Callable[[Handle], object], can_work: Callable[[], bool]
    ) -> None:
        """Put the question of each that is due; where one gives no answer, of the others if the laboratory can work.

        Raises:
            AdapterUnavailable: It cannot work.
        """
        due = [handle for handle in handles if self._is_due(handle)]
        for handle in due:
            self._note(handle)
        for handle in due:
            try:
                question(handle)
            except AdapterUnavailable:
                if not can_work():
                    raise

    def _is_due(self, handle: Handle) -> bool:
        note, now = read_json(self._jobs.folder(handle) / _NOTE), self._clock()
        if note is None or now < note["last"]:  # never, or the clock was set back
            return True
        return bool(now - note["first"] >= max(_FIRST, 2 * (note["last"] - note["first"])))

    def _note(self, handle: Handle) -> None:
        path, now = self._jobs.folder(handle) / _NOTE, self._clock()
        note = read_json(path)
        first = now if note is None or now < note["last"] else note["first"]
        with reachable(path):
            replace(path, dump({"first": first, "last": now}), is_durable=False)
