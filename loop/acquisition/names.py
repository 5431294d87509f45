"""Names of acquisition functions and what they are, without loading torch (for the command line and messages)."""

from __future__ import annotations

from typing import Final

ACQUISITIONS: Final[dict[str, str]] = {
    "auto": "improvement for one target or a trade-off, hits for classes, search for levels, pareto for several, "
    "general over a scope",
    "improvement": "the batch that is expected to improve most on the best, chosen jointly",
    "exploration": "the batch that teaches most about the whole surface, best or not",
    "thompson": "each proposal is the best of one draw of the response",
    "ucb": "the batch with the highest optimistic value (mean plus two deviations)",
    "top": "the batch with the highest values believed, for finding many of the best rather than one",
    "hits": "the batch with most hits expected: of the class looked for, or keeping every threshold",
    "boundary": "the batch after which least is in doubt of where thresholds are kept, all over the space",
    "pareto": "the batch expected to grow the dominated hypervolume of several targets most",
    "general": "the batch after which the condition named best over a scope is least likely to be the wrong one",
    "random": "at random, as a control",
    "search": "the batch with most hits of the top level of an ordinal target, now and a little later",
}

ONE_TARGET: Final = frozenset({"improvement", "ucb"})  # look at one number: a target, or a trade-off of several
