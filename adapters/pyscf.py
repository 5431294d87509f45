"""The pyscf laboratory: ``compute.dft`` run by an executor, from the laboratory section of a campaign file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, field_validator

from adapters.common.options import Options, measured, read_options, resolve, some_of
from adapters.compute.dft.given import check_balance, molecule_of, read_given
from adapters.compute.dft.properties import ELECTRONIC, NEEDS_MINIMUM, PROPERTIES, contradictions
from adapters.compute.dft.scf import unknown_names
from adapters.compute.evaluation import Evaluator
from adapters.compute.geometry import is_xyz
from adapters.errors import AdapterOptionsError, InputRefused
from adapters.executors.placing import ASIDE, LIMITS, ComputeOptions, place
from loop.contracts import Adapter, AdapterContext

EXAMPLE: Final = """\
laboratory:
  adapter: pyscf
  functional: pbe0
  basis: def2-svp
  cores: 4
  run_on: {slurm: {partition: short}}
"""
FREE: Final = LIMITS
TOTALS: Final = frozenset({"energy", "u0", "u", "h", "g"})  # energies that other atoms do not share
REPEATS: Final = True  # the same input gives the same numbers
REMEDY: Final = "install it: pip install 'hakken[dft]'"
_ELECTRONS: Final = ("charge", "unpaired")
_SHARE: Final = 0.6  # of a job's memory that PySCF plans with; it takes more than it plans

Grid = Annotated[int, Field(ge=0, le=9)] | Annotated[list[int], Field(min_length=2, max_length=2)]


class GivenOptions(Options):
    """Structures for one option of a parameter: SMILES, XYZ blocks, or XYZ files seen from the campaign file."""

    molecule: str
    partners: list[str] = Field(default_factory=list)  # the other reactants
    products: list[str] = Field(default_factory=list)
    saddle: str | None = None  # near the saddle point


class PyscfOptions(ComputeOptions):
    """What a campaign file may say of the pyscf laboratory."""

    other_words: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("max_cycle", "maxcycle", "max_cycles", "maxiter", "max_iter", "scf_maxiter"), "iterations"),
        **dict.fromkeys(("maxsteps", "max_steps", "geom_maxiter"), "steps"),
        **dict.fromkeys(("xc", "method", "dft_functional"), "functional"),
        **dict.fromkeys(("max_memory", "mem", "maxcore"), "memory"),
        **dict.fromkeys(("nprocs", "n_threads", "threads", "ncores"), "cores"),
        **dict.fromkeys(("grids", "grid_level", "grids_level"), "grid"),
        **dict.fromkeys(("df", "ri", "with_df"), "density_fit"),
        **dict.fromkeys(("spin", "uhf"), "unpaired"),
        **dict.fromkeys(("multiplicity", "mult"), "write unpaired, which is the multiplicity less one"),
        "solvent_model": "solvation",
        **dict.fromkeys(
            ("level_shift", "damp", "smearing", "newton", "soscf"),
            "where the SCF does not converge, a level shift, smearing and the second order are tried by themselves; "
            "leave it out, and give more iterations",
        ),
        **dict.fromkeys(
            ("dispersion", "disp", "d3", "d4"), "write it into the functional, such as functional: b3lyp-d3bj"
        ),
    }
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
    charge: int | None = None  # of every molecule; left out: that of its structure
    unpaired: Annotated[int, Field(ge=0)] | None = None  # electrons of each; left out: as its structure has them
    conformers: Annotated[int, Field(ge=1, le=1000)] = 1
    optimise: Literal["none", "xtb", "dft"] = "none"
    criteria: Literal["GAU_LOOSE", "GAU", "GAU_TIGHT", "GAU_VERYTIGHT"] = "GAU"
    steps: Annotated[int, Field(ge=1)] = 100
    iterations: Annotated[int, Field(ge=1)] = 100
    solvent: str | None = None  # left out: the gas phase
    solvation: Literal["smd", "cpcm", "iefpcm"] = "smd"
    reaction: str | None = None  # SMARTS, whose first reactant the molecule is
    partners: list[str] = Field(default_factory=list)  # SMILES of the other reactants
    # By the name of a parameter (one) and by its options.
    given: Annotated[dict[str, dict[str, GivenOptions]], Field(min_length=1, max_length=1)] | None = None

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, properties: list[str] | None) -> list[str] | None:
        return None if properties is None else some_of(properties, PROPERTIES)


HOW: Final = (PyscfOptions, ASIDE)


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
    given, problems = _given(settings, chosen, context.base)
    problems += _of_structures(settings)
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
    electrons = settings.model_dump(include=set(_ELECTRONS), exclude_none=True)
    how = settings.model_dump(exclude={*ComputeOptions.model_fields, *_ELECTRONS, "properties", "given"}, mode="json")
    evaluator = Evaluator(
        name="pyscf",
        function="adapters.compute.dft.evaluate:evaluate",
        foresees="adapters.compute.dft.foreseeing:foresee",
        properties=properties,
        options={
            **how,
            **electrons,
            "properties": chosen,
            "threads": settings.cores,
            "memory": int(_SHARE * settings.memory),
        },
        requires={"pyscf": REMEDY, "rdkit": "install it: pip install rdkit"}
        | ({"geometric": REMEDY} if needs_geometric else {})
        | ({"tblite": "install it: pip install 'hakken[xtb]'"} if settings.optimise == "xtb" else {}),
    )
    if settings.given is not None:
        parameter = next(iter(settings.given))
        evaluator = replace(
            evaluator,
            function="adapters.compute.dft.by_option:evaluate_given",
            foresees="adapters.compute.dft.foreseeing:foresee_given",
            options={**_without(evaluator.options, "reaction", "partners"), "parameter": parameter, "given": given},
            needs_structure=False,
            settings=frozenset({parameter}),
            is_request=True,
        )
    return place("pyscf", evaluator, settings, context.folder)


def _given(settings: PyscfOptions, chosen: Sequence[str], base: str) -> tuple[dict[str, Any], list[str]]:
    """What is given for each option, files read, and what is wrong with it or without it."""
    if settings.given is None:
        return {}, contradictions(chosen, settings.optimise, settings.solvent, settings.reaction)
    problems = [
        f"option {name!r} has no place beside 'given'; say partners and products there, and take it out"
        for name in ("reaction", "partners")
        if getattr(settings, name)
    ]
    general = contradictions(chosen, settings.optimise, settings.solvent, None, ["any"], "any")
    found = {}
    for option, entry in next(iter(settings.given.values())).items():
        needed = contradictions(chosen, settings.optimise, settings.solvent, None, entry.products, entry.saddle)
        try:
            found[option] = _read(entry, base)
        except InputRefused as error:
            needed.append(str(error))
        problems += [f"given {option!r}: {problem}" for problem in needed if problem not in general]
    return found, [*problems, *general]


def _of_structures(settings: PyscfOptions) -> Iterator[str]:
    """What is wrong with a charge or spin for all, where several structures have one each."""
    said = [name for name in _ELECTRONS if getattr(settings, name) is not None]
    beside = next((name for name in ("given", "reaction", "partners") if getattr(settings, name)), None)
    remedy = "say charge=1 unpaired=1 in the comment of an XYZ" if beside == "given" else "write it into the structures"
    for name in said if beside else ():
        yield f"option {name!r} has no place beside {beside!r}; take it out, and {remedy}"


def _read(entry: GivenOptions, base: str) -> dict[str, Any]:
    """The structures of one option as ``evaluate`` takes them; raises ``InputRefused``."""
    molecule = _structure(entry.molecule, base)
    partners = [_structure(partner, base) for partner in entry.partners]
    products = [_structure(product, base) for product in entry.products]
    saddle = None if entry.saddle is None else _structure(entry.saddle, base)
    if products:
        check_balance("the products", products, molecule, partners)
    if saddle is not None:
        if not is_xyz(saddle):
            raise InputRefused(f"the saddle point is {saddle!r}; give an XYZ file")
        check_balance("the saddle point", [saddle], molecule, partners)
    return {"molecule": molecule, "partners": partners, "products": products, "saddle": saddle}


def _structure(text: str, base: str) -> str:
    """A SMILES or an XYZ block as it stands, or the block in an XYZ file; it can be read."""
    if is_xyz(text):
        read_given(text)
        return text
    if not text.endswith(".xyz"):
        molecule_of(text)
        return text
    try:
        block = resolve(base, text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused(f"XYZ file {text!r} cannot be read ({type(error).__name__}); mend its path") from None
    if not block.strip():
        raise InputRefused(f"XYZ file {text!r} is empty; write the number of atoms, a comment and the atoms there")
    try:
        read_given(block)
    except InputRefused as error:
        raise InputRefused(f"{text}: {error}") from None
    return block


def _without(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}
