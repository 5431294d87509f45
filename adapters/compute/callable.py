"""Any Python function of the settings as an evaluator: numbers and labels in, properties out."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from adapters.compute.evaluation import Evaluation, Request
from adapters.errors import AnalysisFailed, EvaluationError, SettingUnknown
from loop.sheets.cells import is_number

_SIGNS: Final = ("<", ">")  # before a number that is a limit


def evaluate(
    request: Request,
    *,
    function: str,
    properties: Mapping[str, str],
    path: str | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """What ``function`` says of the settings.

    The function is called with one mapping: numbers in the campaign's units, options by their labels, what has a
    structure as SMILES; a part of a mixture is its fraction. It returns a number (where one property is reported), a
    mapping from property to number, in the unit that the laboratory section states, or an ``Evaluation``. To end as a
    fault it raises an ``EvaluationError``; to say that the answer is no it returns ``{"negative": "why"}``, beside
    what numbers there are. A ``negative`` of None, False or no words says nothing. A limit is a text, ``"<1"`` or
    ``">99"``, and of what has classes or levels a text is the word of one. NaN beside another answer is a property
    not measured.

    Args:
        request: The experiment.
        function: ``module:function``.
        properties: What is reported, with units.
        path: A folder to be searched for the module first.
        words: Of properties that have classes or levels, what these are called.

    Raises:
        SettingUnknown: There is no such module or function where it runs, or what it imports is lacking.
        EvaluationError: The function looks a substance up, and not by its structure.
        AnalysisFailed: What came back is neither; the message names it.
    """
    called = _find(function, path)
    fractions = {name for name, value in request.settings.items() if isinstance(value, float | int)}
    structures = {n: smiles for n, smiles in request.smiles.items() if n not in fractions}
    try:
        found = called({**request.settings, **structures})
    except KeyError as error:
        if said := _by_structure(function, error, structures):
            raise EvaluationError(said, code="name_unknown") from error
        raise
    if isinstance(found, Evaluation):
        return found
    if len(properties) == 1 and _is_one_number(found):
        found = {next(iter(properties)): found}
    if not isinstance(found, Mapping):
        raise AnalysisFailed(f"{function} returned {found!r}; return a mapping with {', '.join(properties)}")
    negative = _why_not(function, found.get("negative"))
    given = {name: found[name] for name in properties if name in found}
    named = {n: v.strip() for n, v in given.items() if n in (words or {}) and isinstance(v, str) and not is_number(v)}
    limits = {n: v.strip()[0] for n, v in given.items() if isinstance(v, str) and v.strip()[:1] in _SIGNS}
    values = {n: (_number(function, n, v, words or {}), properties[n]) for n, v in given.items() if n not in named}
    if not given and not negative:
        got = ", ".join(map(str, found)) or "nothing"
        raise AnalysisFailed(f"{function} returned {got}, and none of {', '.join(properties)}")
    unknown = [name for name, (value, _) in values.items() if math.isnan(value)]
    if len(unknown) == len(given) and not negative:
        unknown = []  # nothing would be left: whoever runs it says what came instead
    values = {name: value for name, value in values.items() if name not in unknown}
    limits = {name: sign for name, sign in limits.items() if name not in unknown}
    version = str(getattr(sys.modules[called.__module__], "__version__", ""))
    left_out = tuple(f"{name} came out as nan, and counts as not measured" for name in unknown)
    return Evaluation(values, function, version, left_out, negative=negative, limits=limits, words=named)


def _find(function: str, path: str | None) -> Any:
    if path is not None and path not in sys.path:
        sys.path.insert(0, path)
    module, _, name = function.partition(":")
    try:
        imported = import_module(module)
    except ModuleNotFoundError as error:
        is_its_own = module == error.name or module.startswith(f"{error.name}.")
        remedy = "say in 'path' where it lies" if is_its_own else "install it where the function runs"
        raise SettingUnknown(f"no module {error.name!r} for {function!r}; {remedy}") from None
    if not hasattr(imported, name):
        raise SettingUnknown(f"module {module!r} has no function {name!r}")
    found = getattr(imported, name)
    if not callable(found):
        raise SettingUnknown(f"{function} is {found!r}, and no function; correct the name")
    return found


def _by_structure(function: str, error: KeyError, structures: Mapping[str, str]) -> str:
    """What to do where a function looked up the structure of a parameter, and has none such; "" where it did not."""
    missing = error.args[0] if error.args else None
    name = next((n for n, smiles in structures.items() if smiles == missing), "")
    return name and (
        f"{function} has no {missing!r}: it gets {name} as SMILES, canonical by RDKit, and not by its name; look it up "
        "by that, Chem.CanonSmiles(SMILES)"
    )


def _is_one_number(found: Any) -> bool:
    """Whether a number stands alone, also one of numpy or of a model: an int32, a tensor without axes."""
    if isinstance(found, bool | str | Mapping):
        return False
    return (
        getattr(found, "shape", ()) == () and hasattr(found, "__float__") and str(getattr(found, "dtype", "")) != "bool"
    )


def _why_not(function: str, said: Any) -> str:
    """Why the answer is no, in words; "" where it is not."""
    if isinstance(said, str):
        return said.strip()
    if said is None or said in (False, True):  # numpy's, too
        return "the function says no" if said else ""
    raise AnalysisFailed(f"{function} returned {said!r} for 'negative'; return why, in words, or leave it out")


def _number(function: str, name: str, value: Any, words: Mapping[str, Sequence[str]]) -> float:
    """The number that a value is, or that of a limit, such as ``"<1"``."""
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, bool) or str(getattr(value, "dtype", "")).removeprefix("torch.") == "bool":
        word = (
            f"one of {', '.join(words[name])}" if name in words else "a number, or a word where the target has classes"
        )
        raise AnalysisFailed(f"{function} returned {value!r} for {name!r}; yes or no is no measurement, return {word}")
    try:
        return float(text[1:] if text[:1] in _SIGNS else value)
    except (TypeError, ValueError, OverflowError):
        known = f", or one of {', '.join(words[name])}" if name in words else ', or a limit such as "<1"'
        raise AnalysisFailed(f"{function} returned {value!r} for {name!r}; return a number{known}") from None
