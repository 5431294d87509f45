"""What Prefect cannot deliver to a server that went away: said once and given up, so that a run ends when it is over.

Prefect draws its pages from events. With each it tries for seconds, one after the other, however many wait, and logs
the whole of each that it could not deliver: a run of a minute took a quarter of an hour to end, and one of days would
heap them up in memory. Nothing but those pages hangs on an event.
"""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Callable
from typing import Final

from flows.settings import prepare_prefect

prepare_prefect()

from prefect._internal.concurrency import services  # noqa: E402 - reads its environment when it is imported
from prefect.events.clients import RETRYABLE_EXCEPTIONS  # noqa: E402
from prefect.events.worker import EventsWorker  # noqa: E402

_FAILED: Final = logging.getLogger("prefect._internal.concurrency")  # says each event that was not delivered
_TRIED: Final = logging.getLogger("prefect.events.clients")  # says each time that no connection was made


class Undelivered(logging.Filter):
    """On the loggers that say what was not delivered: one word of ours for all of it, and what waits is given up."""

    def __init__(self, say: Callable[[], None]) -> None:
        super().__init__()
        self._say, self._is_said = say, False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether Prefect's own message is shown."""
        if record.name == _TRIED.name:
            return not str(record.msg).startswith("Unable to connect")
        is_event = isinstance(record.args, tuple) and record.args[:1] == (EventsWorker.__name__,)
        if not is_event or not isinstance(sys.exc_info()[1], RETRYABLE_EXCEPTIONS):  # it is said where it was caught
            return True
        give_up_what_waits()
        if not self._is_said:
            self._is_said = True
            self._say()
        return False


def listen(say: Callable[[], None]) -> None:
    """From now on, to the end of the process: what is not delivered is given up, and ``say`` called the first time."""
    undelivered = Undelivered(say)
    for logger in (_FAILED, _TRIED):
        for before in [f for f in logger.filters if isinstance(f, Undelivered)]:
            logger.removeFilter(before)
        logger.addFilter(undelivered)


def give_up_what_waits() -> None:
    """Forget the events that wait behind one that was not delivered."""
    # Prefect has no other way to those that are being ended, whose rest the process waits for.
    for worker in [w for w in getattr(services, "_active_services", ()) if isinstance(w, EventsWorker)]:
        is_ending = False
        while not is_ending:
            try:
                event = worker._queue.get_nowait()
            except queue.Empty:
                break
            worker._queue.task_done()
            if event is None:  # the last there is: it ends the worker, which takes it from here
                worker._queue.put_nowait(None)
                is_ending = True
            elif (dropped := getattr(worker, "_on_item_dropped", None)) is not None:  # Prefect 3.6 counts none
                dropped(event)
