"""The xtb laboratory: ``compute.xtb`` run by an executor, from the laboratory section of a campaign file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, field_validator

from adapters.common.options import measured, read_options, some_of
from adapters.compute.evaluation import Evaluator
from adapters.compute.tight_binding import SOLVENTS, lacks_solvent
from adapters.compute.xtb import PROPERTIES
from adapters.errors import AdapterOptionsError
from adapters.executors.placing import ASIDE, LIMITS, ComputeOptions, place
from loop.contracts import Adapter, AdapterContext

EXAMPLE: Final = """\
laboratory:
  adapter: xtb
  optimise: true
  solvent: water
  workers: 2
"""
FREE: Final = LIMITS
TOTALS: Final = frozenset({"energy"})  # energies that other atoms do not share
REPEATS: Final = True  # the same input gives the same numbers
REMEDY: Final = "install it: pip install 'hakken[xtb]'"


class XtbOptions(ComputeOptions):
    """What a campaign file may say of the xtb laboratory."""

    other_words: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("chrg",), "charge"),
        **dict.fromkeys(("uhf", "spin"), "unpaired"),
        **dict.fromkeys(("multiplicity", "mult"), "write unpaired, which is the multiplicity less one"),
        **dict.fromkeys(("gfn", "hamiltonian", "model"), "method"),
        **dict.fromkeys(("opt", "optimize"), "optimise"),
        **dict.fromkeys(("maxsteps", "max_steps", "cycles", "geom_maxiter"), "steps"),
        **dict.fromkeys(("alpb", "gbsa"), "write solvent and, where it is not alpb, solvation"),
        "solvent_model": "solvation",
        **dict.fromkeys(
            ("max_cycle", "maxiter", "max_iter", "iterations"), "an SCF of xTB has 250 iterations; leave it out"
        ),
        **dict.fromkeys(("acc", "accuracy", "etemp"), "xTB's own value counts; leave it out"),
    }
    properties: Annotated[list[str], Field(min_length=1)] | None = None  # all that the other options allow
    seed: int = 0  # chooses the conformer
    charge: int | None = None  # of every molecule; left out: that of its structure
    unpaired: Annotated[int, Field(ge=0)] | None = None  # electrons of each; left out: as its structure has them
    method: Literal["GFN2-xTB", "GFN1-xTB"] = "GFN2-xTB"
    conformers: Annotated[int, Field(ge=1, le=1000)] = 1  # embedded; the lowest by GFN2-xTB is taken
    optimise: bool = False
    steps: Annotated[int, Field(ge=1)] = 100  # most of an optimisation
    solvent: str | None = None  # left out: the gas phase
    solvation: Literal["alpb", "gbsa"] = "alpb"

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, properties: list[str] | None) -> list[str] | None:
        return None if properties is None else some_of(properties, PROPERTIES)

    @field_validator("solvent")
    @classmethod
    def _check_solvent(cls, solvent: str | None) -> str | None:
        return None if solvent is None else some_of([solvent], SOLVENTS)[0]


HOW: Final = (XtbOptions, ASIDE)


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """``evaluate`` run by the executor of ``run_on``, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or wrong, or a target is not among the properties.
    """
    settings = read_options(XtbOptions, "xtb", options)
    possible = [name for name in PROPERTIES if name != "solvation_energy" or settings.solvent is not None]
    chosen = settings.properties or possible
    if settings.solvent is None and "solvation_energy" in {*chosen, *context.targets}:
        raise AdapterOptionsError("xtb", ["property 'solvation_energy' needs a solvent; name one, such as water"])
    if wrong := lacks_solvent(settings.method, settings.solvent, settings.solvation):
        raise AdapterOptionsError("xtb", [wrong])
    properties = {name: PROPERTIES[name] for name in chosen}
    measured("xtb", properties, context.targets)
    evaluator = Evaluator(
        name="xtb",
        function="adapters.compute.xtb:evaluate",
        foresees="adapters.compute.geometry:foresee",
        properties=properties,
        options=settings.model_dump(
            include={"seed", "method", "conformers", "optimise", "steps", "solvent", "solvation"}, mode="json"
        )
        | settings.model_dump(include={"charge", "unpaired"}, exclude_none=True),
        requires={"tblite": REMEDY, "rdkit": "install it: pip install rdkit"}
        | ({"geometric": REMEDY} if settings.optimise or settings.conformers > 1 else {}),
    )
    return place("xtb", evaluator, settings, context.folder)
