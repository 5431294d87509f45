"""The xtb laboratory: ``compute.xtb`` run by an executor, from the laboratory section of a campaign file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from adapters.compute.evaluation import Evaluator
from adapters.compute.xtb import PROPERTIES
from adapters.errors import AdapterOptionsError
from adapters.executors.placing import ComputeOptions, place
from adapters.options import read_options
from loop.contracts import Adapter, AdapterContext
from loop.errors import did_you_mean

REMEDY: Final = "install it: pip install 'hakken[xtb]'"


class XtbOptions(ComputeOptions):
    """What a campaign file may say of the xtb laboratory."""

    properties: Annotated[list[str], Field(min_length=1)] = Field(default_factory=lambda: list(PROPERTIES))
    seed: int = 0  # chooses the conformer

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, properties: list[str]) -> list[str]:
        for name in properties:
            if name not in PROPERTIES:
                raise ValueError(f"some of {', '.join(PROPERTIES)}; {name!r} is none{did_you_mean(name, PROPERTIES)}")
        return properties


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """``evaluate`` run by the executor of ``run_on``, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or wrong, or a target is not among the properties.
    """
    settings = read_options(XtbOptions, "xtb", options)
    properties = {name: PROPERTIES[name] for name in settings.properties}
    missing = sorted(set(context.targets) - set(properties))
    if missing:
        known = ", ".join(properties)
        problems = [
            f"target {name!r} is not measured{did_you_mean(name, properties)}; it is {known}" for name in missing
        ]
        raise AdapterOptionsError("xtb", problems)
    evaluator = Evaluator(
        name="xtb",
        function="adapters.compute.xtb:evaluate",
        properties=properties,
        options={"seed": settings.seed},
        requires={"tblite": REMEDY, "rdkit": "install it: pip install rdkit"},
    )
    return place("xtb", evaluator, settings, context.folder)
