"""The ase laboratory: any ASE calculator run by an executor, from the laboratory section of a campaign file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from adapters.common.options import measured, read_options, some_of, spelt
from adapters.compute.ase import PROPERTIES
from adapters.compute.evaluation import Evaluator
from adapters.executors.placing import ASIDE, LIMITS, ComputeOptions, place
from loop.contracts import Adapter, AdapterContext

EXAMPLE: Final = """\
laboratory:
  adapter: ase
  calculator: ase.calculators.emt:EMT  # any class of ASE's kind, as module:class
  optimise: true
"""
FREE: Final = LIMITS
TOTALS: Final = frozenset({"energy"})  # energies that other atoms do not share
REMEDY: Final = "install it: pip install 'hakken[ase]'"
_ELECTRONS: Final = {"charge", "unpaired"}
# What calculators of our own need besides ase: module of the calculator, package and remedy.
OWN: Final = {"adapters.compute.ani": ("torchani", "install it: pip install 'hakken[ani]'")}


class AseOptions(ComputeOptions):
    """What a campaign file may say of the ase laboratory."""

    calculator: Annotated[str, spelt(r"[\w.]+:\w+", "MODULE:CLASS, such as ase.calculators.emt:EMT")]
    arguments: dict[str, Any] = Field(default_factory=dict)  # what the class is made with
    properties: Annotated[list[str], Field(min_length=1)] | None = None  # the energy and the targets when left out
    optimise: bool = False
    fmax: Annotated[float, Field(gt=0)] = 0.01  # eV/angstrom
    steps: Annotated[int, Field(ge=1)] = 500
    conformers: Annotated[int, Field(ge=1, le=1000)] = 1
    seed: int = 0  # chooses conformers
    charge: int | None = None  # of every molecule; left out: that of its structure
    unpaired: Annotated[int, Field(ge=0)] | None = None  # electrons of each; left out: as its structure has them

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, properties: list[str] | None) -> list[str] | None:
        return None if properties is None else some_of(properties, PROPERTIES)


def lacking() -> str | None:
    """What this machine lacks, with the remedy; calculators are packages of their own."""
    return None if find_spec("ase") else f"the package ase is not installed; {REMEDY}"


HOW: Final = (AseOptions, ASIDE)


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """The calculator run by the executor of ``run_on``, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or wrong, or a target is not among the properties.
    """
    settings = read_options(AseOptions, "ase", options)
    measured("ase", PROPERTIES, context.targets)
    chosen = settings.properties or list(dict.fromkeys(["energy", *context.targets]))
    properties = {name: PROPERTIES[name] for name in chosen}
    measured("ase", properties, context.targets)
    module = settings.calculator.partition(":")[0]
    package, remedy = OWN.get(module, (module.partition(".")[0], "install the calculator's package"))
    evaluator = Evaluator(
        name="ase",
        function="adapters.compute.ase:evaluate",
        foresees="adapters.compute.ase:foresee",
        properties=properties,
        options={
            **settings.model_dump(exclude={*ComputeOptions.model_fields, "properties", *_ELECTRONS}, mode="json"),
            "properties": chosen,
            **settings.model_dump(include=_ELECTRONS, exclude_none=True),
        },
        requires={"ase": REMEDY, "rdkit": "install it: pip install rdkit", package: remedy},
    )
    return place("ase", evaluator, settings, context.folder)
