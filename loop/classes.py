"""Classes: outcomes that are told in words, of which the last is what is looked for, or several that are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from loop.outcome import Measurement

CLASSES: Final = (0.0, 1.0)  # what a result counts as: of any other class, and of the one that is looked for


class Classes(tuple[str, ...]):
    """Words that say what a result is, the one that is looked for last; none of the others is nearer to it.

    On record each has a number, by which it was told: the last is 1, and those before it are 0, -1, -2 and so on, so
    that a word put in front changes none that is on record. Nothing is reckoned with these numbers: a result counts as
    one of ``CLASSES``.

    Attributes:
        wanted: The words that are looked for, one as good as another, in the order of all: the last alone where nothing
            else is said.
    """

    wanted: tuple[str, ...]

    def __new__(cls, words: Iterable[str], wanted: Iterable[str] = ()) -> Self:
        if isinstance(words, Classes):
            return cls(tuple(words), tuple(wanted) or words.wanted)
        found = super().__new__(cls, words)
        places = {found.number(word) for word in wanted}
        named = tuple(word for word, number in zip(found, found.numbers, strict=True) if number in places)
        found.wanted = named or found[-1:]
        return found

    def __eq__(self, other: object) -> bool:
        return tuple(self) == other and (not isinstance(other, Classes) or self.wanted == other.wanted)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

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
        """What is looked for, in words."""
        return " or ".join(self.wanted)

    def counts_as(self, number: float) -> float:
        """What a result counts as whose class has this number."""
        return CLASSES[self.word(number) in self.wanted]

    def counted(self, value: float) -> str:
        """What a result that counts as ``value``, one of ``CLASSES``, is: of several others, what it is not."""
        if value == CLASSES[-1]:
            return self.sought
        others = [word for word in self if word not in self.wanted]
        if len(others) == 1:
            return others[0]
        return f"not {self.sought}" if len(self.wanted) == 1 else f"none of {', '.join(self.wanted)}"


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
