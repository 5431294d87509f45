"""The pyscf laboratory: ``compute.dft`` run by an executor, from the laboratory section of a campaign file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from adapters.common.options import measured, read_options, some_of
from adapters.compute.dft.properties import ELECTRONIC, NEEDS_MINIMUM, PROPERTIES, contradictions
from adapters.compute.dft.scf import unknown_names
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterOptionsError
from adapters.executors.placing import ComputeOptions, place
from loop.contracts import Adapter, AdapterContext

EXAMPLE: Final = """\
laboratory:
  adapter: pyscf
  functional: pbe0
  basis: def2-svp
  cores: 4
  run_on: {slurm: {partition: short}}
"""
REMEDY: Final = "install it: pip install 'hakken[dft]'"
_SHARE: Final = 0.6  # of a job's memory that PySCF plans with; it takes more than it plans

Grid = Annotated[int, Field(ge=0, le=9)] | Annotated[list[int], Field(min_length=2, max_length=2)]


class PyscfOptions(ComputeOptions):
    """What a campaign file may say of the pyscf laboratory."""

    timeout: Annotated[float, Field(gt=0)] = 3600.0  # seconds for each
    memory: Annotated[int, Field(ge=512)] = 4096  # MiB for each
    properties: Annotated[list[str], Field(min_length=1)] | None = None  # the electronic ones and the targets
    level: Literal["qm9"] | None = None  # instead of functional, basis, density_fit and grid
    functional: str = "b3lyp"
    basis: str = "def2-svp"
    density_fit: bool = True
    fit_derivatives: bool = False  # gradients and second derivatives fitted although the energy is not
    grid: Grid = 3  # PySCF's level, or radial and angular points
    seed: int = 0  # chooses conformers
    conformers: Annotated[int, Field(ge=1, le=1000)] = 1
    optimise: Literal["none", "xtb", "dft"] = "none"
    criteria: Literal["GAU_LOOSE", "GAU", "GAU_TIGHT", "GAU_VERYTIGHT"] = "GAU"
    steps: Annotated[int, Field(ge=1)] = 100
    iterations: Annotated[int, Field(ge=1)] = 100
    solvent: str | None = None  # None: the gas phase
    solvation: Literal["smd", "cpcm", "iefpcm"] = "smd"
    reaction: str | None = None  # SMARTS, whose first reactant the molecule is
    partners: list[str] = Field(default_factory=list)  # SMILES of the other reactants

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, properties: list[str] | None) -> list[str] | None:
        return None if properties is None else some_of(properties, PROPERTIES)


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """``evaluate`` run by the executor of ``run_on``, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or wrong, options contradict each other, or a target is not among the
            properties.
    """
    settings = read_options(PyscfOptions, "pyscf", options)
    measured("pyscf", PROPERTIES, context.targets)
    chosen = settings.properties or list(dict.fromkeys([*ELECTRONIC, *context.targets]))
    properties = {name: PROPERTIES[name] for name in chosen}
    measured("pyscf", properties, context.targets)
    problems = contradictions(chosen, settings.optimise, settings.solvent, settings.reaction)
    if settings.level is not None:
        problems += [
            f"option {name!r} is said by level {settings.level!r} already; take one of them out"
            for name in ("functional", "basis", "density_fit", "grid")
            if name in options
        ]
    said = [name for name in ("functional", "basis", "solvent") if name in options]
    if said and find_spec("pyscf") is not None:  # without names, not imported either
        problems += unknown_names(settings.functional, settings.basis, settings.solvent)
    if problems:
        raise AdapterOptionsError("pyscf", problems)
    needs_geometric = settings.optimise != "none" or NEEDS_MINIMUM & set(chosen)
    evaluator = Evaluator(
        name="pyscf",
        function="adapters.compute.dft.evaluate:evaluate",
        properties=properties,
        options={
            **settings.model_dump(exclude={*ComputeOptions.model_fields, "properties"}, mode="json"),
            "properties": chosen,
            "threads": settings.cores,
            "memory": int(_SHARE * settings.memory),
        },
        requires={"pyscf": REMEDY, "rdkit": "install it: pip install rdkit"}
        | ({"geometric": REMEDY} if needs_geometric else {})
        | ({"tblite": "install it: pip install 'hakken[xtb]'"} if settings.optimise == "xtb" else {}),
    )
    return place("pyscf", evaluator, settings, context.folder)
