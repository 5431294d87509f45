"""Classes: outcomes that are told in words, of which the last is what is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from loop.outcome import Measurement

CLASSES: Final = (0.0, 1.0)  # what a result counts as: of any other class, and of the one that is looked for


class Classes(tuple[str, ...]):
    """Words that say what a result is, the one that is looked for last; none of the others is nearer to it.

    On record each has a number, by which it was told: the last is 1, and those before it are 0, -1, -2 and so on, so
    that a word put in front changes none that is on record. Nothing is reckoned with these numbers: a result counts as
    one of ``CLASSES``.
    """

    def number(self, word: str) -> float | None:
        """The number of a word, in whatever case; None of another word."""
        known = [one.strip().casefold() for one in self]
        return _first(self) + known.index(told) if (told := word.strip().casefold()) in known else None

    def word(self, number: float) -> str | None:
        """The word with a number; None where there is none."""
        place = number - _first(self)
        return self[int(place)] if place in range(len(self)) else None

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers of the words, in their order."""
        return tuple(_first(self) + place for place in range(len(self)))

    @property
    def may_be_numbers(self) -> bool:
        """Whether a number tells one of them: of two, 0 and 1 do; of more, 0 may be meant as none that is wanted."""
        return len(self) == len(CLASSES)

    @property
    def sought(self) -> str:
        """The word for what is looked for."""
        return self[-1]

    def counted(self, value: float) -> str:
        """What a result that counts as ``value``, one of ``CLASSES``, is: of several others, what it is not."""
        if value == CLASSES[-1]:
            return self.sought
        return self[0] if self.may_be_numbers else f"not {self.sought}"


def counts_as(number: float) -> float:
    """What a result counts as whose class has this number."""
    return CLASSES[number == CLASSES[-1]]


def are_classes(words: Sequence[str]) -> bool:
    """Whether words are classes, as two always are, and not names for levels."""
    return isinstance(words, Classes) or len(words) == len(CLASSES)


def word_of(m: Measurement, wanted: Mapping[str, Any]) -> str | None:
    """The word that was measured, a class or a level, by what a resolved spec says of its target; None of a number."""
    if classes := wanted.get("classes"):
        return Classes(classes).word(m.value)
    return dict(zip(wanted.get("levels") or (), wanted.get("words") or (), strict=False)).get(m.canonical)


def _first(words: Sequence[str]) -> float:
    return CLASSES[-1] - (len(words) - 1)
