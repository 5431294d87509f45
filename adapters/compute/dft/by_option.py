"""The evaluator ``pyscf`` for a parameter whose options are given structures, and reactions between such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.compute.dft.evaluate import evaluate
from adapters.compute.evaluation import Evaluation, Request
from adapters.errors import InputRefused


def evaluate_given(
    request: Request, *, parameter: str, given: Mapping[str, Mapping[str, Any]], **options: Any
) -> Evaluation:
    """``evaluate`` of what is given for the option that ``parameter`` has.

    Args:
        request: The experiment.
        parameter: The one whose options are given.
        given: By option: ``molecule``, and perhaps ``partners``, ``products``, ``saddle``, as ``evaluate`` takes them.
        options: The others of ``evaluate``.

    Raises:
        InputRefused: Nothing is given for the option, or the experiment has other settings as well.
        EvaluationError: As ``evaluate``.
    """
    if others := sorted(set(request.settings) - {parameter}):
        raise InputRefused(f"structures are given for {parameter!r} alone; take {others[0]!r} out of the space")
    option = str(request.settings.get(parameter))
    if option not in given:
        raise InputRefused(f"no structure is given for {option!r}; add it to 'given', which has {', '.join(given)}")
    entry = dict(given[option])
    found = evaluate(entry.pop("molecule"), **entry, **options)
    return replace(found, details={**found.details, "given": option})
