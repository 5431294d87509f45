"""Quantum-chemistry programs as data: an input template, how each is called, and where its numbers stand.

Written after the manuals of ORCA 6, Gaussian 16 and Psi4 1.9; none of them has been run by us. Patterns take the last
match of a file, so that an optimisation reports its last geometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Program:
    """What the laboratory ``command`` needs to know of a program; every part can be said in a campaign file instead."""

    command: tuple[str, ...]  # words with placeholders; no shell reads them
    inputs: Mapping[str, str]  # name of a file, and its template
    output: str | None  # the file that holds the answer; None for standard output
    parse: Mapping[str, Mapping[str, Any]]  # property: regex or json, unit, and what to do with the number
    failures: tuple[Mapping[str, str], ...] = ()  # regex, kind, and perhaps a message and a code
    remarks: tuple[str, ...] = ()  # patterns of what is to be said of a result that counts all the same
    version: str = ""  # a pattern with one group
    done: str = ""  # a pattern that its answer has when it came to its end
    keywords: Mapping[str, str] = field(default_factory=dict)  # placeholders with values that a campaign may change
    share: float = 0.75  # of ``memory`` that the program is told to plan with: it takes more than it plans with


# What is wrong with the input whatever the molecule is: it says nothing of the one that met it.
_SETTING: Final = {"kind": "unknown", "code": "setting_unknown"}
_FLOAT: Final = r"(-?\d+\.\d+(?:[EeDd][+-]?\d+)?)"

ORCA: Final = Program(
    command=("orca", "job.inp"),
    inputs={
        "job.inp": (
            "! $method $basis $more\n%pal nprocs $cores end\n%maxcore $work_memory_per_core\n"
            "* xyz $charge $multiplicity\n$atoms\n*\n"
        )
    },
    output=None,
    parse={
        "energy": {"regex": r"FINAL SINGLE POINT ENERGY\s+" + _FLOAT, "unit": "hartree"},
        "homo": {"regex": r"^\s*\d+\s+[12]\.0000\s+-?\d+\.\d+\s+" + _FLOAT + r"\s*\n\s*\d+\s+0\.0000", "unit": "eV"},
        "lumo": {"regex": r"[12]\.0000\s+\S+\s+\S+\s*\n\s*\d+\s+0\.0000\s+-?\d+\.\d+\s+" + _FLOAT, "unit": "eV"},
        "gap": {"difference": ["lumo", "homo"], "unit": "eV"},
        "dipole": {"regex": r"Magnitude \(Debye\)\s*:\s+" + _FLOAT, "unit": "debye"},
        "zpve": {"regex": r"Zero point energy\s+\.\.\.\s+" + _FLOAT + r"\s+Eh", "unit": "hartree"},
        "g": {"regex": r"Final Gibbs free energy\s+\.\.\.\s+" + _FLOAT + r"\s+Eh", "unit": "hartree"},
    },
    failures=(
        {
            "regex": r"SCF NOT CONVERGED|The wavefunction IS NOT YET CONVERGED|SCF has not converged",
            "kind": "convergence_error",
            "code": "scf_not_converged",
        },
        {
            "regex": r"The optimization did not converge",
            "kind": "convergence_error",
            "code": "geometry_not_converged",
        },
        {"regex": r"(UNRECOGNIZED OR DUPLICATED KEYWORD[^\n]*)", **_SETTING},
        {"regex": r"(There are no (?:[\w-]+ +)?basis functions[^\n]*)", "kind": "input_error", "code": "basis_missing"},
        {"regex": r"(?:Error|ERROR)[^\n]*[Nn]ot enough memory", "kind": "resource_error", "code": "out_of_memory"},
    ),
    remarks=(r"\d+:\s+-\d+\.\d+ cm\*\*-1\s+\*\*\*imaginary mode\*\*\*",),
    version=r"Program Version\s+(\S+)",
    done="ORCA TERMINATED NORMALLY",
    keywords={"method": "B3LYP", "basis": "def2-SVP", "more": ""},
    share=0.75,  # its manual: %maxcore is 75 % of what there is, at the most
)

GAUSSIAN: Final = Program(
    command=("g16", "job.gjf"),
    inputs={
        "job.gjf": (
            "%nprocshared=$cores\n%mem=${work_memory}MB\n#P $method/$basis $more\n\n"
            "hakken\n\n$charge $multiplicity\n$atoms\n\n"
        )
    },
    output="job.log",
    parse={
        "energy": {"regex": r"SCF Done:\s+E\([^)]+\)\s*=\s*" + _FLOAT, "unit": "hartree"},
        "homo": {
            "regex": r"Alpha\s+occ\. eigenvalues --[^\n]*?" + _FLOAT + r"[ \t]*\n\s*Alpha virt\.",
            "unit": "hartree",
        },
        "lumo": {"regex": r"Alpha\s+occ\.[^\n]*\n\s*Alpha virt\. eigenvalues --\s+" + _FLOAT, "unit": "hartree"},
        "gap": {"difference": ["lumo", "homo"], "unit": "hartree"},
        "dipole": {"regex": r"Dipole moment[^\n]*Debye\):\s*\n[^\n]*Tot=\s+" + _FLOAT, "unit": "debye"},
        "polarisability": {"regex": r"Isotropic polarizability for W=\s+0\.000000\s+" + _FLOAT, "unit": "bohr^3"},
        "zpve": {"regex": r"Zero-point correction=\s+" + _FLOAT, "unit": "hartree"},
        "u0": {"regex": r"Sum of electronic and zero-point Energies=\s+" + _FLOAT, "unit": "hartree"},
        "h": {"regex": r"Sum of electronic and thermal Enthalpies=\s+" + _FLOAT, "unit": "hartree"},
        "g": {"regex": r"Sum of electronic and thermal Free Energies=\s+" + _FLOAT, "unit": "hartree"},
    },
    failures=(
        {
            "regex": r"Convergence failure -- run terminated",
            "kind": "convergence_error",
            "code": "scf_not_converged",
        },
        {"regex": r"Optimization stopped", "kind": "convergence_error", "code": "geometry_not_converged"},
        {"regex": r"(QPErr[^\n]*)", **_SETTING},
        {"regex": r"(Atomic number out of range[^\n]*|The combination of multiplicity[^\n]*)", "kind": "input_error"},
        {
            "regex": r"galloc:\s+could not allocate memory|Out-of-memory error",
            "kind": "resource_error",
            "code": "out_of_memory",
        },
        {"regex": r"(Error termination[^\n]*)", "kind": "unknown"},
    ),
    remarks=(r"\d+ imaginary frequencies \(negative Signs\)",),
    version=r"Gaussian (\d\d:\s+\S+)",
    done=r"Normal termination of Gaussian[^\n]*\s*\Z",  # each step says so; the last one at the very end
    keywords={"method": "B3LYP", "basis": "6-31G(d)", "more": ""},
    share=0.8,  # %mem is its dynamic memory, beside which it needs room for itself
)

PSI4: Final = Program(
    command=("psi4", "-n", "$cores", "-s", ".", "job.dat", "job.out"),  # its scratch goes with the run's folder
    inputs={
        "job.dat": """memory $work_memory MiB
molecule {
$charge $multiplicity
$atoms
units angstrom
no_reorient
}
set basis $basis
import json
import psi4
if '$task' not in ('energy', 'frequency'):
    raise psi4.ValidationError("keyword 'task' is energy or frequency, got '$task'")
reference_asked = '$reference'
if reference_asked == 'auto':
    reference_asked = 'rks' if $multiplicity == 1 else 'uks'
psi4.set_options({'reference': reference_asked})
$more
energy_found, wfn = energy('$method', return_wfn=True)
alpha = sorted(wfn.epsilon_a_subset('AO', 'ALL').np)
beta = sorted(wfn.epsilon_b_subset('AO', 'ALL').np)
occupied = alpha[:wfn.nalpha()] + beta[:wfn.nbeta()]
empty = alpha[wfn.nalpha():] + beta[wfn.nbeta():]
dipole = wfn.variable('SCF DIPOLE')
found = {'energy': energy_found, 'homo': max(occupied), 'lumo': min(empty) if empty else None,
         'dipole': float(sum(x * x for x in dipole) ** 0.5)}
if '$task' == 'frequency':
    frequency('$method')
    for name, called in (('zpve', 'ZPVE'), ('u0', 'ZERO K ENTHALPY'), ('h', 'ENTHALPY'), ('g', 'GIBBS FREE ENERGY')):
        found[name] = psi4.core.variable(called)
json.dump(found, open('result.json', 'w'))
"""
    },
    output="job.out",
    parse={
        "energy": {"json": "energy", "file": "result.json", "unit": "hartree"},
        "homo": {"json": "homo", "file": "result.json", "unit": "hartree"},
        "lumo": {"json": "lumo", "file": "result.json", "unit": "hartree"},
        "gap": {"difference": ["lumo", "homo"], "unit": "hartree"},
        "dipole": {"json": "dipole", "file": "result.json", "unit": "debye", "factor": 2.541746473},
        "zpve": {"json": "zpve", "file": "result.json", "unit": "hartree"},
        "u0": {"json": "u0", "file": "result.json", "unit": "hartree"},
        "h": {"json": "h", "file": "result.json", "unit": "hartree"},
        "g": {"json": "g", "file": "result.json", "unit": "hartree"},
    },
    failures=(
        {
            "regex": r"Could not converge SCF iterations[^\n]*",
            "kind": "convergence_error",
            "code": "scf_not_converged",
        },
        {
            "regex": r"Could not converge geometry optimization[^\n]*",
            "kind": "convergence_error",
            "code": "geometry_not_converged",
        },
        {
            "regex": r"(BasisSetNotFound[^\n]*|Unable to find a basis set[^\n]*)",
            "kind": "input_error",
            "code": "basis_missing",
        },
        {
            "regex": r"reference is only for singlets",
            "kind": "input_error",
            "message": "the keyword 'reference' is for closed shells, and this is none; leave it out, or say uks",
        },
        {"regex": r"(ValidationError[^\n]*)", **_SETTING},
        {"regex": r"[Nn]ot enough memory", "kind": "resource_error", "code": "out_of_memory"},
    ),
    version=r"Psi4 (\S+) release",
    keywords={"method": "b3lyp", "basis": "def2-svp", "reference": "auto", "task": "energy", "more": ""},
)

PROGRAMS: Final[Mapping[str, Program]] = {"gaussian": GAUSSIAN, "orca": ORCA, "psi4": PSI4}
