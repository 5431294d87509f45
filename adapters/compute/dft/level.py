"""Levels of theory: functional, basis, grid and fitting; ``qm9`` is that of the QM9 data set, in Gaussian's way."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache
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
# Basis sets whose potentials PySCF keeps under another name, both as ``_key`` writes them. Sources: ma-def2 and
# def2-mTZVP take those of def2; cc-pwCVnZ-PP and aug-cc-pVnZ-PP those of cc-pVnZ-PP (Peterson and Puzzarini, Theor.
# Chem. Acc. 114 (2005) 283); bfd-vNz and ccECP are published with theirs.
_POTENTIALS: Final = (
    (r"(?:ma)?def2.*", "def2svp"),
    (r"(?:aug)?ccp(?:w?c)?v([dtq5])zpp", r"ccpv\1zpp"),
    (r"bfdv[dtq5]z", "bfd"),
    (r"(ccecp(?:he|reg|28|36)?)(?:aug)?ccpv[dtq56]z", r"\1"),
)
_VALENCE: Final = r".*zpp(?:nr)?"  # names of sets that are for potentials only
# The steepest s function over Z^2. Of the sets that PySCF has for all electrons none of an element from lithium on is
# below 1.79 (STO-3G), and one function alone would be at 0.28; of those for potentials most are far below 1.
_STEEPEST: Final = 1.5
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

    if _key(name) not in ALIAS and "(" not in name:
        raise SettingUnknown(f"basis {name!r} is unknown to PySCF{did_you_mean(name, ALIAS)}; use one that it has")


def core_potentials(name: str, symbols: tuple[str, ...]) -> dict[str, list[Any]]:
    """The effective core potentials that belong to a basis, by element, as PySCF has them: electrons first.

    Raises:
        BasisMissing: The basis holds valence electrons only, and PySCF has no potential for the others.
    """
    found = {symbol: potential for symbol in symbols if (potential := _potential(name, symbol))}
    for symbol in symbols:
        if symbol not in found and name != QM9_BASIS and _is_for_valence(name, symbol):
            raise BasisMissing(
                f"basis {name!r} of {symbol} has no core, and PySCF has no effective core potential that belongs to "
                "it; use another, such as def2-svp"
            )
    return found


def _potential(name: str, symbol: str) -> list[Any]:
    """Empty where there is none."""
    from pyscf import gto

    key = _key(name)
    for pattern, instead in _POTENTIALS:
        if at := re.fullmatch(pattern, key):
            key = at.expand(instead)
            break
    try:
        return list(gto.basis.load_ecp(key, symbol))
    except Exception:  # RuntimeError, BasisNotFoundError, TypeError and FileNotFoundError, by how the basis is kept
        return []


def _is_for_valence(name: str, symbol: str) -> bool:
    """Whether a basis lacks the functions of the core, and so gives no meaningful number without a potential."""
    from pyscf import gto
    from pyscf.data.elements import charge

    if (number := charge(symbol)) <= 2:
        return False
    shells = [shell for shell in gto.basis.load(name, symbol) if shell[0] == 0]
    steepest = max((row[0] for shell in shells for row in shell[1:] if not isinstance(row, int)), default=0.0)  # kappa
    return steepest < _STEEPEST * number**2 or re.fullmatch(_VALENCE, _key(name)) is not None


def _key(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in "-_ ")


def check_functional(name: str) -> None:
    """Raises ``SettingUnknown`` where libxc has no such functional, or PySCF not the dispersion in its name."""
    if said := _wrong_functional(name):
        raise SettingUnknown(said)


@cache
def _wrong_functional(name: str) -> str:
    """What is wrong with a functional and how to mend it; "" where nothing is."""
    from pyscf import dft, gto
    from pyscf.dft import libxc

    if not name.strip():
        return "the functional has no name; use one such as b3lyp or pbe0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySCF's hints on its own future
        try:
            libxc.parse_xc(name)
            helium = dft.RKS(gto.M(atom="He", verbose=0))
            helium._chkfile.close()
            helium.xc = name
            has_dispersion = helium.do_disp()
            if has_dispersion:
                helium.get_dispersion()
        except (NotImplementedError, RuntimeError, ValueError) as error:
            why = str(error).rstrip(".")
            return f"functional {name!r} is not there in PySCF ({why}); use one such as b3lyp-d3bj or wb97x-d3bj"
        except Exception as error:  # KeyError and others, by what is wrong
            hint = did_you_mean(name, [known.lower() for known in libxc.XC_CODES])
            return f"functional {name!r} is unknown to libxc ({error}){hint}; use one such as b3lyp or pbe0"
    if not has_dispersion and re.search(r"[-_]d$", name.lower()):  # b97-d
        return f"functional {name!r} is without its dispersion in PySCF; say which it shall be, as in {name}-d3bj"
    return ""


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
