"""The self-consistent field: tried plainly, then with remedies, each of them on record."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.compute.dft.level import Level, basis_for, check_basis, check_functional, core_potentials
from adapters.compute.geometry import Geometry
from adapters.errors import BasisMissing, ScfNotConverged, SettingUnknown
from loop.errors import did_you_mean

_SHIFT: Final = 0.3  # hartree between occupied and empty orbitals
_SMEARING: Final = 0.01  # hartree; released again before the energy counts


@dataclass(frozen=True, slots=True)
class Solution:
    """A converged mean field, as PySCF has it, and what it took: in words, and each remedy as data."""

    mean_field: Any
    repairs: tuple[str, ...]
    remedies: tuple[Mapping[str, Any], ...] = ()  # remedy, helped, energy_hartree

    def gradient(self) -> Any:
        """The slope of the energy, hartree/bohr, shape ``(n_atoms, 3)``.

        The points of the grid move with the atoms, and that counts: left out, as PySCF does, the slope is off by some
        1e-5, and a flat geometry is never converged to ``GAU_TIGHT``.
        """
        from pyscf.dft import libxc

        method = self.mean_field.nuc_grad_method()
        method.grid_response = libxc.xc_type(self.mean_field.xc) != "HF"  # which has no grid
        return method.kernel()


@dataclass(frozen=True, slots=True)
class Solver:
    """How a geometry's SCF is solved; ``solvent`` is a name known to SMD, None for the gas phase."""

    level: Level
    iterations: int = 100
    tolerance: float = 1e-9  # hartree
    memory: int = 4000  # MiB that PySCF plans with
    solvent: str | None = None
    solvation: str = "smd"
    verbose: int = 0

    def molecule(self, geometry: Geometry) -> Any:
        """The geometry as a PySCF molecule.

        Raises:
            BasisMissing: The basis does not cover it, or has too few functions for its electrons.
        """
        from pyscf import gto

        symbols = geometry.symbols
        kinds = tuple(sorted(set(symbols)))
        molecule = gto.M(
            atom=list(zip(symbols, geometry.positions.tolist(), strict=True)),
            basis=basis_for(self.level.basis, kinds),
            ecp=core_potentials(self.level.basis, kinds),
            charge=geometry.charge,
            spin=geometry.unpaired,
            max_memory=self.memory,
            verbose=self.verbose,
        )
        if (needed := max(molecule.nelec)) > molecule.nao:
            raise BasisMissing(
                f"basis {self.level.basis!r} has {molecule.nao} functions here, and {needed} electrons of one spin "
                "need as many orbitals; use a larger one, such as def2-svp"
            )
        return molecule

    def mean_field(self, molecule: Any) -> Any:
        """Kohn-Sham for this molecule, restricted where no electron is unpaired; not solved yet."""
        from pyscf import dft

        check_functional(self.level.functional)
        mf = dft.UKS(molecule) if molecule.spin else dft.RKS(molecule)
        mf._chkfile.close()  # its checkpoint, which nobody reads, would stay open for as long as it lives
        mf.chkfile = None
        mf.xc = self.level.functional
        if isinstance(self.level.grid, int):
            mf.grids.level = self.level.grid
        else:
            mf.grids.atom_grid = self.level.grid
        if self.level.density_fit:
            mf = mf.density_fit()
        if self.solvent is not None:
            mf = _solvated(mf, self.solvent, self.solvation)
        mf.max_cycle, mf.conv_tol = self.iterations, self.tolerance
        return mf

    def solve(self, geometry: Geometry, *, start: Any = None) -> Solution:
        """Solve the SCF at a geometry, from the density ``start`` where one is given.

        Remedies are tried in this order, each from the last density: a level shift, fractional occupations (smearing)
        that are then released, and second-order optimisation.

        Raises:
            ScfNotConverged: None of them helped; the message names each, and its details hold them as data.
            BasisMissing, SettingUnknown: The level cannot treat the structure, or is not known.
        """
        mf = self.mean_field(self.molecule(geometry))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PySCF's hints on convergence and on its own future
            mf.kernel(dm0=start)
            if mf.converged:
                return Solution(mf, ())
            repairs, tried = [f"SCF not converged in {self.iterations} cycles"], []
            for name, remedy in REMEDIES:
                mf = remedy(self, mf)
                tried.append(_record(name, mf))
                if mf.converged:
                    return Solution(mf, (*repairs, f"{_SAID[name]} helped"), tuple(tried))
                repairs.append(f"{_SAID[name]} did not help")
        said = f"{self.level}: {'; '.join(repairs)}; allow more iterations or use another functional"
        raise ScfNotConverged(said, details={"iterations": self.iterations, "remedies": tried})


def _record(remedy: str, mf: Any) -> dict[str, Any]:
    """What came of a remedy, as data."""
    energy = float(mf.e_tot)
    return {
        "remedy": remedy,
        "helped": bool(mf.converged),
        "energy_hartree": energy if math.isfinite(energy) else None,
    }


def _shifted(solver: Solver, mf: Any) -> Any:
    """With empty orbitals lifted, then once more without, from the density found."""
    lifted = solver.mean_field(mf.mol)
    lifted.level_shift, lifted.damp = _SHIFT, 0.3
    lifted.kernel(dm0=mf.make_rdm1())
    plain = solver.mean_field(mf.mol)
    plain.kernel(dm0=lifted.make_rdm1())
    return plain


def _smeared(solver: Solver, mf: Any) -> Any:
    """With fractional occupations, then with whole ones, from the density found."""
    from pyscf.scf import addons

    soft = addons.smearing_(solver.mean_field(mf.mol), sigma=_SMEARING, method="fermi")
    soft.kernel(dm0=mf.make_rdm1())
    plain = solver.mean_field(mf.mol)
    plain.kernel(dm0=soft.make_rdm1())
    return plain


def _second_order(solver: Solver, mf: Any) -> Any:
    """Newton's method on the orbitals; the mean field it ends with is given back in its ordinary class."""
    newton = solver.mean_field(mf.mol).newton()
    newton.kernel(dm0=mf.make_rdm1())
    plain = solver.mean_field(mf.mol)
    for name in ("mo_coeff", "mo_occ", "mo_energy", "e_tot", "converged"):
        setattr(plain, name, getattr(newton, name))
    if hasattr(plain, "with_solvent"):  # its response is found from the density
        plain.get_veff(dm=plain.make_rdm1())
    return plain


REMEDIES: Final[tuple[tuple[str, Callable[[Solver, Any], Any]], ...]] = (
    ("level_shift", _shifted),
    ("smearing", _smeared),
    ("second_order", _second_order),
)
_SAID: Final = {"level_shift": "a level shift", "smearing": "smearing", "second_order": "second-order optimisation"}


def check_solvent(name: str) -> None:
    """Raises ``SettingUnknown`` where SMD has no such solvent."""
    from pyscf.solvent import smd

    if name not in smd.solvent_db:
        hint = did_you_mean(name, smd.solvent_db)
        raise SettingUnknown(f"solvent {name!r} is unknown to SMD{hint}; it has {len(smd.solvent_db)}, such as water")


def unknown_names(functional: str, basis: str, solvent: str | None) -> list[str]:
    """What PySCF does not know of these, each with names near to it; imports PySCF."""
    found = []
    for check, name in ((check_functional, functional), (check_basis, basis), (check_solvent, solvent)):
        try:
            if name is not None:
                check(name)
        except SettingUnknown as error:
            found.append(str(error))
    return found


def _solvated(mf: Any, solvent: str, model: str) -> Any:
    """The mean field in a continuum; SMD's parameters, or its dielectric constant alone."""
    from pyscf.solvent import smd

    check_solvent(solvent)
    if model == "smd":
        mf = mf.SMD()
        mf.with_solvent.solvent = solvent
        return mf
    mf = mf.PCM()
    mf.with_solvent.method = {"cpcm": "C-PCM", "iefpcm": "IEF-PCM"}[model]
    mf.with_solvent.eps = smd.solvent_db[solvent][5]
    return mf
