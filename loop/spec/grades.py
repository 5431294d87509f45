"""Levels that are words, such as clear, powder, crystals: kept as the numbers 1, 2, 3, with their words beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from loop.errors import did_you_mean
from loop.sheets.cells import is_number
from loop.spec.strict import WrongInside

_ENDS = ("at_least", "at_most")


def in_numbers(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file says of a target, with levels, thresholds and worths as numbers, and ``words`` beside them.

    Raises:
        ValueError: Words are no levels, or a threshold is none of them; the message says which, and what to write.
    """
    levels = told.get("levels")
    if isinstance(levels, list) and any(_is_word(level) for level in levels):
        if told.get("words") is not None:
            raise ValueError("levels are words already, and words gives others; leave out words")
        _refuse(levels)
        told = {**told, "levels": [float(k + 1) for k in range(len(levels))], "words": levels}
    desirable = told.get("desirable")
    worth = (
        {"desirable": {**desirable, **_ends(desirable, told, ("from", "to"))}} if isinstance(desirable, Mapping) else {}
    )
    return {**told, **_ends(told, told), **worth}


def stops_in_numbers(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file says of a campaign, with words as numbers in the rules that stop it.

    Raises:
        WrongInside: A rule names a word that is none of its target's levels.
    """
    rules, objective = told.get("stop"), told.get("objective")
    if not isinstance(rules, list) or not isinstance(objective, Mapping):
        return told
    return {**told, "stop": [_stop(i, rule, objective) for i, rule in enumerate(rules)]}


def _stop(i: int, rule: object, objective: Mapping[str, Any]) -> object:
    if not isinstance(rule, Mapping) or not isinstance(target := objective.get(str(rule.get("target"))), Mapping):
        return rule
    try:
        return {**rule, **_ends(rule, in_numbers(target))}
    except ValueError as error:
        if any(_is_word(rule.get(key)) for key in _ENDS):
            key, _, said = str(error).partition(": ")
            raise WrongInside(said, ("stop", i, key)) from None
        return rule  # what is wrong with the target is said of it


def _refuse(levels: Sequence[Any]) -> None:
    if other := [level for level in levels if not _is_word(level)]:
        quotes = ", words such as no and yes in quotes" if isinstance(other[0], bool) else ""
        word = next(filter(_is_word, levels))
        raise ValueError(
            f"levels are numbers or words, and {other[0]!r} is no word as {word!r} is; write one kind{quotes}"
        )
    if len(levels) == 2:
        raise ValueError(
            f"levels of two words are classes, of which the last is looked for; write classes: [{', '.join(levels)}]"
        )


def check_wanted(wanted: Sequence[str], classes: Sequence[str] | None) -> None:
    """Raise ``ValueError`` where words that are wanted are not some of a target's classes, the last among them."""
    if classes is None:
        raise ValueError("wanted names one or more of a target's classes, and it has none; write classes too")
    known, named = [word.strip().casefold() for word in classes], [word.strip().casefold() for word in wanted]
    for word, one in zip(wanted, named, strict=True):
        if one not in known:
            near = did_you_mean(word, classes)
            raise ValueError(f"wanted: {word!r} is none of the classes {', '.join(classes)}{near}; write one of them")
        if named.count(one) > 1:
            raise ValueError(f"wanted names {word!r} twice; leave one out")
    if not named or known[-1] not in named:
        raise ValueError(
            f"the last of the classes is looked for, and wanted has no {classes[-1]!r}; write it there, or put "
            "one that is wanted last"
        )
    if set(known) <= set(named):
        raise ValueError("wanted names all classes, so that nothing is told apart; leave out those that are not wanted")


def _ends(told: Mapping[str, Any], target: Mapping[str, Any], keys: Sequence[str] = _ENDS) -> dict[str, Any]:
    """The thresholds, or other ``keys``, in ``told`` that are words for levels of ``target``, as numbers."""
    words, levels = target.get("words"), target.get("levels")
    if not isinstance(words, list) or not isinstance(levels, list) or len(words) != len(levels):
        return {}  # said once the whole is read
    if not all(isinstance(w, str) for w in words):
        return {}
    known = [w.strip().casefold() for w in words]
    ends = {}
    for key in keys:
        if _is_word(word := told.get(key)):
            if word.strip().casefold() not in known:
                near = did_you_mean(word, words)
                raise ValueError(f"{key}: {word!r} is none of the levels {', '.join(words)}{near}; write one of them")
            ends[key] = levels[known.index(word.strip().casefold())]
    return ends


def _is_word(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not is_number(value)
