"""The life of an attempt: which state may follow which, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from loop.errors import TransitionError


class State(StrEnum):
    """Where an attempt is. Stored: values only grow, none is renamed or reused."""

    READY = "ready"  # planned; nothing was sent
    SENDING = "sending"  # the intent is on record; the outside world may or may not know
    SUBMITTED = "submitted"  # the laboratory has it, under a handle
    RUNNING = "running"
    ENDED = "ended"  # it has an outcome
    AMBIGUOUS = "ambiguous"  # nobody can tell whether it ran: a person decides
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # never sent, and no longer wanted


class Event(StrEnum):
    """What can happen to an attempt. Stored: values only grow."""

    CLAIMED = "claimed"  # about to be sent; committed before anything moves
    ACCEPTED = "accepted"  # the laboratory gave a handle and was told to start
    DOUBTED = "doubted"  # sent, perhaps; the laboratory cannot tell
    ABSENT = "absent"  # the laboratory is sure that it never arrived, or gives it back unrun
    STARTED = "started"
    OUTCOME = "outcome"  # an outcome was recorded
    CANCEL = "cancel"
    EXPIRE = "expire"


TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.READY, Event.CLAIMED): State.SENDING,
    (State.READY, Event.CANCEL): State.CANCELLED,
    (State.READY, Event.EXPIRE): State.EXPIRED,
    (State.SENDING, Event.ACCEPTED): State.SUBMITTED,
    (State.SENDING, Event.ABSENT): State.READY,
    (State.SENDING, Event.DOUBTED): State.AMBIGUOUS,
    (State.SENDING, Event.OUTCOME): State.ENDED,
    (State.SUBMITTED, Event.STARTED): State.RUNNING,
    (State.SUBMITTED, Event.ABSENT): State.READY,  # nobody asked for it, and it is taken back
    (State.SUBMITTED, Event.DOUBTED): State.AMBIGUOUS,
    (State.SUBMITTED, Event.OUTCOME): State.ENDED,
    (State.SUBMITTED, Event.CANCEL): State.CANCELLED,
    (State.RUNNING, Event.ABSENT): State.READY,  # whoever asked for it gives it back, unrun
    (State.RUNNING, Event.DOUBTED): State.AMBIGUOUS,
    (State.RUNNING, Event.OUTCOME): State.ENDED,
    (State.RUNNING, Event.CANCEL): State.CANCELLED,
    (State.AMBIGUOUS, Event.ACCEPTED): State.SUBMITTED,  # found after all
    (State.AMBIGUOUS, Event.ABSENT): State.READY,  # a person is sure that it never ran
    (State.AMBIGUOUS, Event.OUTCOME): State.ENDED,
    (State.AMBIGUOUS, Event.CANCEL): State.CANCELLED,
}

FINAL: Final = frozenset({State.ENDED, State.CANCELLED, State.EXPIRED})
PENDING: Final = frozenset(State) - FINAL  # these condition the next batch


def step(state: State, event: Event) -> State:
    """The state after ``event``.

    Raises:
        TransitionError: The table has no such step.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        allowed = sorted(e.value for s, e in TRANSITIONS if s is state) or ["nothing: it is final"]
        raise TransitionError(
            f"an attempt that is {state.value} cannot take {event.value!r}; it can take {', '.join(allowed)}"
        ) from None
