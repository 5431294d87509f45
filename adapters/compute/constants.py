"""Physical constants and conversions that evaluators share. Source: CODATA 2018."""

from __future__ import annotations

from typing import Final

BOHR: Final = 0.529177210903  # angstrom
HARTREE: Final = 27.211386245988  # eV
HARTREE_KCAL: Final = 627.5094740631  # kcal/mol
DEBYE: Final = 2.541746473  # per atomic unit of dipole
DEBYE_EA: Final = DEBYE / BOHR  # debye in an elementary charge times an angstrom
AMU: Final = 1822.888486209  # electron masses in a dalton
BOLTZMANN: Final = 3.166811563e-6  # hartree/K
JOULE: Final = 4.3597447222071e-18  # joules in a hartree
PLANCK: Final = 6.62607015e-34  # J s
LIGHT: Final = 299792458.0  # m/s
DALTON: Final = 1.66053906660e-27  # kg
