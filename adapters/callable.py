"""The callable laboratory: a Python function run by an executor, from the laboratory section of a campaign file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from adapters.common.options import check_units, measured, read_options, resolve
from adapters.common.source_code import why_not_there
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterOptionsError
from adapters.executors.placing import ASIDE, LIMITS, ComputeOptions, place, runs_here
from loop.contracts import Adapter, AdapterContext

EXAMPLE: Final = """\
laboratory:
  adapter: callable
  function: surface:evaluate  # surface.py beside the campaign file
  timeout: 60
"""
FREE: Final = LIMITS


class CallableOptions(ComputeOptions):
    """What a campaign file may say of the callable laboratory."""

    function: str  # module:function
    path: str | None = None  # folder where the module lies, seen from the campaign file; its own folder when left out
    properties: Annotated[dict[str, str], Field(min_length=1)] | None = None  # with units; the targets when left out

    @field_validator("function")
    @classmethod
    def _check_function(cls, function: str) -> str:
        if not re.fullmatch(r"[\w.]+:\w+", function):
            raise ValueError("module:function, such as simulation:run for the function run of simulation.py")
        return function

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, properties: dict[str, str] | None) -> dict[str, str] | None:
        return None if properties is None else check_units(properties)


HOW: Final = (CallableOptions, (ASIDE | {"path"}) - {"properties"})  # in whose units its numbers are


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """The function run by the executor of ``run_on``, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or wrong, a target is not among the properties, or there is no such
            module or function, as far as reading the module tells; it is imported where the function runs.
    """
    settings = read_options(CallableOptions, "callable", options)
    properties = dict(context.targets) if settings.properties is None else settings.properties
    measured("callable", properties, context.targets)
    path = str(resolve(context.base, settings.path or ".").resolve())
    if why := why_not_there(settings.function, path, is_here=runs_here(settings)):
        raise AdapterOptionsError("callable", [f"option 'function' is {settings.function!r}: {why}"])
    evaluator = Evaluator(
        name="callable",
        function="adapters.compute.callable:evaluate",
        properties=properties,
        options={
            "function": settings.function,
            "properties": properties,
            "path": path,
            **({"words": words} if (words := _words_of(context)) else {}),
        },
        needs_structure=False,
        settings=None,
        is_request=True,
    )
    return place("callable", evaluator, settings, context.folder)


def _words_of(context: AdapterContext) -> dict[str, list[str]]:
    return {name: list(words) for name, words in context.words.items()}
