"""Words of other planners, and everyday ones, for what a campaign file calls otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from loop.errors import did_you_mean

_OURS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("name", "title", "project", "study"), ("campaign",)),
    **dict.fromkeys(("parameters", "inputs", "variables", "factors", "searchspace", "components"), ("space",)),
    **dict.fromkeys(("objectives", "targets", "outputs", "outcomes", "responses", "metrics"), ("objective",)),
    "target": ("objective", "match"),
    **dict.fromkeys(("lab", "instrument", "robot", "runner", "executor"), ("laboratory",)),
    "backend": ("adapter",),
    **dict.fromkeys(("direction", "mode", "optimize", "optimise"), ("goal",)),
    **dict.fromkeys(("min", "minimum"), ("low", "minimize")),
    **dict.fromkeys(("max", "maximum"), ("high", "maximize")),
    **dict.fromkeys(("lower", "lowerbound", "from"), ("low",)),
    **dict.fromkeys(("upper", "upperbound", "to"), ("high",)),
    **dict.fromkeys(("bounds", "limits"), ("low", "high")),
    **dict.fromkeys(("logarithmic", "log10", "ln"), ("log",)),
    "minimise": ("minimize",),
    "maximise": ("maximize",),
    **dict.fromkeys(("values", "choices", "levels", "categories", "labels"), ("options",)),
    **dict.fromkeys(("continuous", "float", "real", "range", "numerical", "numeric", "int", "integer"), ("number",)),
    "discrete": ("number", "category"),
    **dict.fromkeys(("categorical", "choice", "string", "enum"), ("category",)),
    **dict.fromkeys(("smiles", "substance", "chemical"), ("component", "molecule")),
    **dict.fromkeys(("composition", "formulation", "blend"), ("mixture",)),
    "task": ("fidelity", "category"),
    **dict.fromkeys(("model", "regressor"), ("surrogate",)),
    **dict.fromkeys(("acq", "acqf", "acquisitionfunction", "policy", "recommender"), ("acquisition",)),
    **dict.fromkeys(("batchsize", "q"), ("batch",)),
    **dict.fromkeys(("maxexperiments", "trials", "ntrials", "iterations"), ("experiments",)),
}


def our_words(word: object) -> tuple[str, ...]:
    """What a campaign file may call what others call ``word``; none where nobody does."""
    return _OURS.get(re.sub(r"[ _-]", "", str(word).casefold()), ())


def meant(word: str, known: Iterable[str]) -> str:
    """A short hint such as ``" (did you mean 'low' or 'high'?)"`` at a word that is not ``known``, or nothing."""
    names = list(known)
    ours = [name for name in our_words(word) if name in names]
    return f" (did you mean {' or '.join(map(repr, ours))}?)" if ours else did_you_mean(word, names)
