"""Members that a committee has to do without, and how that is said of several targets at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loop.errors import FitError, TooFewPoints


@dataclass(frozen=True)
class Missing:
    """A member that could not be fitted, and why."""

    member: str
    error: TooFewPoints | FitError

    def __str__(self) -> str:
        return said_of_missing({"": [self]})[0]


def said_of_missing(missing: Mapping[str, Sequence[Missing]]) -> list[str]:
    """Notes on the members that are ``missing``, by target: one for each member and reason; of several targets with
    the names of those that it is about.
    """
    groups: dict[tuple[str, object], dict[str, TooFewPoints | FitError]] = {}
    for target, members in missing.items():
        for m in members:
            reason = m.error.needed if isinstance(m.error, TooFewPoints) else str(m.error)
            groups.setdefault((m.member, reason), {})[target] = m.error
    notes = []
    for (member, _), errors in groups.items():
        about = f" for {' and '.join(errors)}" if len(missing) > 1 else ""
        notes.append(f"committee member {member!r} was left out{about}: {_why(errors)}")
    return notes


def _why(errors: Mapping[str, TooFewPoints | FitError]) -> str:
    """What errors of one reason say, which differ in how many observations there are at the most."""
    first, *others = errors.values()
    if all(str(error) == str(first) for error in others):
        return str(first)
    few = {target: error for target, error in errors.items() if isinstance(error, TooFewPoints)}
    needed = next(iter(few.values())).needed
    there = " and ".join(f"{error.present} of {target}" for target, error in few.items())
    return f"it needs {needed} observations and has {there}; run more experiments of the initial design first"
