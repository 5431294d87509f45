"""Levels of theory: functional, basis, grid and fitting; ``qm9`` is that of the QM9 data set, in Gaussian's way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from adapters.errors import BasisMissing, SettingUnknown
from loop.errors import did_you_mean

QM9_BASIS: Final = "6-31G(2df,p) as in Gaussian"

# Polarisation exponents of 6-31G(2df,p). Sources: two sets of d from that of 6-31G(d), 0.8 for C, N, O and F
# (Hariharan and Pople, Theor. Chim. Acta 28 (1973) 213), split by 2 and 1/2; f, and the rule for splitting: Frisch,
# Pople and Binkley, J. Chem. Phys. 80 (1984) 3265; p of hydrogen: Hariharan and Pople.
_P_HYDROGEN: Final = 1.1
_D: Final = (1.6, 0.4)
_F: Final = {"C": 0.8, "N": 1.0, "O": 1.4, "F": 1.85}
_STEP: Final = 1e-3  # of the exponents that stand for a derivative; water moves by 2e-8 hartree between 1e-2 and 3e-4


@dataclass(frozen=True, slots=True)
class Level:
    """How the electronic structure is computed.

    ``grid`` is PySCF's level from 0 to 9, or the numbers of radial and angular points of every atom.
    """

    functional: str = "b3lyp"
    basis: str = "def2-svp"
    density_fit: bool = True
    grid: int | tuple[int, int] = 3

    def __str__(self) -> str:
        fit = ", density fitting" if self.density_fit else ""
        return f"{self.functional}/{self.basis}{fit}"


# B3LYP with VWN's functional III, fitted to the random-phase approximation, is ``b3lypg`` in PySCF; Gaussian's grid is
# 75 by 302 points.
QM9: Final = Level("b3lypg", QM9_BASIS, density_fit=False, grid=(75, 302))

NAMED: Final = {"qm9": QM9}


def basis_for(name: str, symbols: tuple[str, ...]) -> Any:
    """What PySCF takes as ``basis`` for these elements.

    Raises:
        SettingUnknown: PySCF does not know the basis.
        BasisMissing: The basis does not have one of the elements.
    """
    if name == QM9_BASIS:
        return {symbol: _qm9_basis(symbol) for symbol in symbols}
    from pyscf import gto

    check_basis(name)
    for symbol in symbols:
        try:
            gto.basis.load(name, symbol)
        except Exception:  # KeyError, RuntimeError, BasisNotFoundError and FileNotFoundError, by the basis
            raise BasisMissing(f"basis {name!r} has no {symbol} in PySCF; use another, such as def2-svp") from None
    return name


def check_basis(name: str) -> None:
    """Raises ``SettingUnknown`` where PySCF has no such basis."""
    from pyscf.gto.basis import ALIAS

    key = "".join(letter for letter in name.lower() if letter not in "-_ ")
    if key not in ALIAS and "(" not in name:
        raise SettingUnknown(f"basis {name!r} is unknown to PySCF{did_you_mean(name, ALIAS)}; use one that it has")


def core_potentials(name: str, symbols: tuple[str, ...]) -> dict[str, str]:
    """The effective core potentials that belong to a basis (def2: from rubidium on)."""
    if not name.lower().startswith("def2"):
        return {}
    from pyscf.data.elements import charge

    return {symbol: name for symbol in symbols if charge(symbol) > 36}


def check_functional(name: str) -> None:
    """Raises ``SettingUnknown`` where libxc has no such functional."""
    from pyscf.dft import libxc

    if not name.strip():
        raise SettingUnknown("the functional has no name; use one such as b3lyp or pbe0")
    try:
        libxc.parse_xc(name)
    except Exception as error:  # KeyError, ValueError and NotImplementedError, by what is wrong
        hint = did_you_mean(name, [known.lower() for known in libxc.XC_CODES])
        raise SettingUnknown(
            f"functional {name!r} is unknown to libxc ({error}){hint}; use one such as b3lyp or pbe0"
        ) from None


def _qm9_basis(symbol: str) -> list[Any]:
    """6-31G(2df,p) with six Cartesian d functions and seven pure f, as a list of shells for PySCF.

    PySCF has all shells Cartesian or none. A Cartesian d shell is a pure one and r^2 exp(-a r^2), which is minus the
    derivative of exp(-a r^2) by a: two s primitives of neighbouring exponents with opposite signs.
    """
    from pyscf import gto

    if symbol != "H" and symbol not in _F:
        raise BasisMissing(f"basis 6-31G(2df,p) of QM9 has H, C, N, O and F, no {symbol}; use one such as def2-svp")
    shells: list[Any] = list(gto.basis.load("6-31g", symbol))
    if symbol == "H":
        return [*shells, [1, [_P_HYDROGEN, 1.0]]]
    for exponent in _D:
        less, more = exponent * (1 - _STEP), exponent * (1 + _STEP)
        # Coefficients belong to normalised primitives, whose factor goes with the exponent's power 3/4.
        shells += [[2, [exponent, 1.0]], [0, [less, less**-0.75], [more, -(more**-0.75)]]]
    return [*shells, [3, [_F[symbol], 1.0]]]
