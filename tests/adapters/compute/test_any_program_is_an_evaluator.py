"""The command laboratory: what is written for a program, what is read from it, and how either may be wrong.

Outputs of ORCA, Gaussian and Psi4 are written here after their manuals, in the parts that are read; the programs are
scripts that print them.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.compute.command import evaluate
from adapters.compute.evaluation import Request
from adapters.compute.programs import PROGRAMS
from adapters.errors import AdapterOptionsError, OutOfResources, ProgramMissing
from adapters.registry import build
from loop.contracts import Absent, Adapter, AdapterContext, ExperimentSpec, SupportsExamination
from loop.errors import NotSetUp
from loop.outcome import Fault, FaultKind, Measured, Negative, read_outcome
from loop.testing.adapter import KEY
from tests.adapters.executors.jobs import ended

ORCA = """
                         Program Version 6.0.1  -  RELEASE  -
----------------
ORBITAL ENERGIES
----------------
  NO   OCC          E(Eh)            E(eV)
   0   2.0000     -18.900000      -514.2952
   1   2.0000      -0.900000       -24.4902
   2   0.0000       0.100000         2.7211
----------------
ORBITAL ENERGIES
----------------

  NO   OCC          E(Eh)            E(eV)
   0   2.0000     -19.130000      -520.5538
   1   2.0000      -0.292800        -7.9675
   2   0.0000       0.068700         1.8694
   3   0.0000       0.150000         4.0817

-------------------------   --------------------
FINAL SINGLE POINT ENERGY       -76.418000000000
-------------------------   --------------------
FINAL SINGLE POINT ENERGY       -76.426077123456
Magnitude (Debye)      :      1.8511
Zero point energy                ...      0.02137500 Eh      13.41 kcal/mol
Final Gibbs free energy         ...    -76.42234900 Eh
                             ****ORCA TERMINATED NORMALLY****
"""
GAUSSIAN = """
 Gaussian 16:  ES64L-G16RevC.01  3-Jul-2019
 SCF Done:  E(RB3LYP) =  -76.4180000000     A.U. after    9 cycles
 SCF Done:  E(RB3LYP) =  -76.4260771234     A.U. after    8 cycles
 Alpha  occ. eigenvalues --  -19.13000  -1.00410  -0.53010
 Alpha  occ. eigenvalues --   -0.37120  -0.29280
 Alpha virt. eigenvalues --    0.06870   0.15010   0.77010
 Alpha virt. eigenvalues --    0.80010
 Dipole moment (field-independent basis, Debye):
    X=              0.0000    Y=              0.0000    Z=             -1.8511  Tot=              1.8511
 Isotropic polarizability for W=    0.000000        6.31 Bohr**3.
 Zero-point correction=                           0.021375 (Hartree/Particle)
 Sum of electronic and zero-point Energies=            -76.404702
 Sum of electronic and thermal Enthalpies=             -76.400922
 Sum of electronic and thermal Free Energies=          -76.422349
 Normal termination of Gaussian 16 at Thu Jan  1 00:00:00 2026.
"""
PSI4 = (
    "    Psi4 1.9.1 release\n    Final Energy:   -76.4260771\n    Psi4 exiting successfully. Buy a developer a beer!\n"
)
PSI4_JSON = (
    '{"energy": -76.426077, "homo": -0.2928, "lumo": 0.0687, "dipole": 0.728279,'
    ' "zpve": 0.021375, "u0": -76.404702, "h": -76.400922, "g": -76.422349}'
)
# Reads an input of Psi4 as Psi4 would, with two spins of three levels each.
PLAYED_PSI4 = r"""#!{python}
import re, sys, types
text = open("job.dat").read()
charge, multiplicity = re.search(r"molecule {{\n(-?\d+) (\d+)\n", text).groups()
body = "\n".join(line for line in text.partition("}}\n")[2].splitlines() if not line.startswith("set "))
told = open("job.out", "w")
print("    Psi4 1.9.1 release", file=told)
variables = {{}}
class ValidationError(Exception): pass
class Levels:
    def __init__(self, *levels): self.np = levels
class Wavefunction:
    epsilon_a_subset = lambda self, *_: Levels(-0.5, -0.2, 0.3)
    epsilon_b_subset = lambda self, *_: Levels(-0.4, -0.1, 0.4)
    nalpha = lambda self: 2
    nbeta = lambda self: 2 if multiplicity == "1" else 1
    variable = lambda self, name: (0.0, 3.0, 4.0)
def set_options(options):
    print("reference", options["reference"], file=told)
    if options["reference"] == "rks" and multiplicity != "1":
        raise RuntimeError("RHF: RHF reference is only for singlets.")
def energy(method, return_wfn): return -1.0, Wavefunction()
def optimize(method): print("optimised by", method, file=told)
def frequency(method):
    variables.update({{"ZPVE": 0.1, "ZERO K ENTHALPY": -0.9, "ENTHALPY": -0.8, "GIBBS FREE ENERGY": -1.1}})
core = types.SimpleNamespace(variable=variables.__getitem__)
sys.modules["psi4"] = types.SimpleNamespace(core=core, set_options=set_options, ValidationError=ValidationError)
try:
    exec(body)
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}", file=told)
    sys.exit(1)
"""
WATER = ExperimentSpec("water", {"molecule": "water"}, {}, {"molecule": "O"}, {"gap": "eV"})
HARTREE = 27.211386245988  # eV, CODATA 2018


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """A program that writes what it is told to, and keeps what it was given."""

    def make(files: dict[str | None, str], *, code: int = 0) -> str:
        path = tmp_path / "program"
        lines = ["#!/bin/bash", f"cat -- *.* > {tmp_path}/given.txt", f'echo "$@" > {tmp_path}/words.txt']
        for name, text in files.items():
            (tmp_path / f"says-{name}").write_text(text)
            lines.append(f"cat {tmp_path}/says-{name}" + (f" > {name}" if name else ""))
        path.write_text("\n".join([*lines, f"exit {code}", ""]))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def laboratory(folder: Path, targets: dict[str, str] | None = None, **options: Any) -> Adapter:
    context = AdapterContext(str(folder / "lab"), str(folder), "water", targets or {"gap": "eV"})
    return build("command", options, context)


def measured(payload: dict[str, Any]) -> dict[str, float]:
    outcome = read_outcome(payload, {})

    assert isinstance(outcome, Measured), payload
    return {m.property: m.value for m in outcome.measurements}


@pytest.mark.parametrize(
    ("program", "files", "expected", "version"),
    [
        (
            "orca",
            {None: ORCA},
            {"energy": -76.426077123456, "homo": -7.9675, "lumo": 1.8694, "gap": 9.8369, "dipole": 1.8511,
             "zpve": 0.021375, "g": -76.422349},
            "6.0.1",
        ),
        (
            "gaussian",
            {"job.log": GAUSSIAN},
            {"energy": -76.4260771234, "homo": -0.2928, "lumo": 0.0687, "gap": 0.3615, "dipole": 1.8511,
             "polarisability": 6.31, "zpve": 0.021375, "u0": -76.404702, "h": -76.400922, "g": -76.422349},
            "16:  ES64L-G16RevC.01",
        ),
        (
            "psi4",
            {"job.out": PSI4, "result.json": PSI4_JSON},
            {"energy": -76.426077, "homo": -0.2928, "lumo": 0.0687, "gap": 0.3615, "dipole": 1.8511,
             "zpve": 0.021375, "u0": -76.404702, "h": -76.400922, "g": -76.422349},
            "1.9.1",
        ),
    ],
    ids=["orca", "gaussian", "psi4"],
)  # fmt: skip
def test_what_each_program_wrote_is_read(
    tmp_path: Path,
    script: Callable[..., str],
    program: str,
    files: dict[str | None, str],
    expected: dict[str, float],
    version: str,
) -> None:
    payload = ended(laboratory(tmp_path, program=program, executable=script(files)), WATER)

    assert measured(payload) == pytest.approx(expected, rel=1e-5)
    assert payload["provenance"]["version"].startswith(version.partition("-")[0])
    assert payload["provenance"]["charge"] == 0
    assert payload["provenance"]["repairs"] == []


def test_what_a_program_is_given_is_its_template_filled(tmp_path: Path, script: Callable[..., str]) -> None:
    keywords = {"method": "PBE0", "basis": "def2-TZVP", "more": "Opt"}
    lab = laboratory(
        tmp_path, program="orca", executable=script({None: ORCA}), keywords=keywords, cores=2, memory=4000, charge=1
    )
    ended(lab, WATER)
    given = (tmp_path / "given.txt").read_text().splitlines()

    assert given[:4] == ["! PBE0 def2-TZVP Opt", "%pal nprocs 2 end", "%maxcore 1500", "* xyz 1 2"]
    assert [line.split()[0] for line in given[4:7]] == ["O", "H", "H"]
    assert (tmp_path / "words.txt").read_text() == "job.inp\n"


@pytest.mark.parametrize(
    ("program", "line"),
    [("orca", "%maxcore 1500"), ("gaussian", "%mem=3200MB"), ("psi4", "memory 3000 MiB")],
)
def test_a_program_plans_with_less_than_it_may_take(
    tmp_path: Path, script: Callable[..., str], program: str, line: str
) -> None:
    ended(laboratory(tmp_path, program=program, executable=script({}), cores=2, memory=4000), WATER)

    assert line in (tmp_path / "given.txt").read_text().splitlines()


@pytest.fixture
def psi4(tmp_path: Path) -> str:
    path = tmp_path / "played-psi4"
    path.write_text(PLAYED_PSI4.format(python=sys.executable))
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("charge", "reference", "homo", "lumo"), [(0, "rks", -0.1, 0.3), (1, "uks", -0.2, -0.1)], ids=["closed", "open"]
)
def test_psi4_is_told_how_its_shells_are(
    tmp_path: Path, psi4: str, charge: int, reference: str, homo: float, lumo: float
) -> None:
    payload = ended(laboratory(tmp_path, program="psi4", executable=psi4, charge=charge), WATER)

    assert payload["provenance"]["stdout"] == f"    Psi4 1.9.1 release\nreference {reference}\n"
    assert measured(payload) == pytest.approx(
        {"energy": -1.0, "homo": homo, "lumo": lumo, "gap": lumo - homo, "dipole": 5.0 * 2.541746473}
    )


def test_psi4_reports_thermochemistry_where_it_is_asked_for(tmp_path: Path, psi4: str) -> None:
    keywords = {"task": "frequency", "more": "optimize('b3lyp')"}
    payload = ended(laboratory(tmp_path, {"g": "hartree"}, program="psi4", executable=psi4, keywords=keywords), WATER)
    values = measured(payload)

    assert "optimised by b3lyp" in payload["provenance"]["stdout"]
    assert [values[name] for name in ("zpve", "u0", "h", "g")] == [0.1, -0.9, -0.8, -1.1]
    assert payload["provenance"]["repairs"] == []


@pytest.mark.parametrize(
    ("keywords", "kind", "message"),
    [
        (
            {"reference": "rks"},
            "input_error",
            "the keyword 'reference' is for closed shells, and this is none; leave it",
        ),
        (
            {"task": "frequencies"},
            "unknown",
            "ValidationError: keyword 'task' is energy or frequency, got 'frequencies'",
        ),
    ],
)
def test_psi4_is_not_asked_for_what_it_cannot_do(
    tmp_path: Path, psi4: str, keywords: dict[str, str], kind: str, message: str
) -> None:
    payload = ended(laboratory(tmp_path, program="psi4", executable=psi4, charge=1, keywords=keywords), WATER)

    assert payload["kind"] == kind
    assert message in payload["message"]


def test_settings_reach_a_program_of_ones_own_and_its_numbers_come_back(
    tmp_path: Path, script: Callable[..., str]
) -> None:
    (tmp_path / "input.txt").write_text("T = $temperature K, $$5, $solvent ($cores)\n")
    lab = laboratory(
        tmp_path,
        {"yield": "%"},
        command=[script({None: "yield: 12.5 %\nyield: 3.1D+01 %\n"}), "--at", "$temperature"],
        inputs={"job.txt": "file: input.txt"},
        parse={"yield": {"regex": r"yield: (\S+) %", "unit": "%", "factor": 2.0}, "first": {
            "regex": r"yield: (\S+) %", "unit": "%", "take": "first"}},
    )  # fmt: skip
    spec = ExperimentSpec("own", {"temperature": 298.15, "solvent": "thf"}, {"temperature": "K"}, {}, {"yield": "%"})

    assert lab.validate(spec) == []
    assert measured(ended(lab, spec)) == {"yield": 62.0, "first": 12.5}
    assert (tmp_path / "given.txt").read_text().startswith("T = 298.15 K, $5, thf (1)\n")
    assert (tmp_path / "words.txt").read_text() == "--at 298.15\n"


@pytest.mark.parametrize("command", [["./says.sh"], ["sh", "says.sh"]])
def test_a_program_or_script_beside_the_campaign_file_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    path = tmp_path / "mine, for $5" / "says.sh"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho gap 3\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.chdir(tmp_path)
    lab = laboratory(path.parent, command=command, inputs={"job.txt": "$smiles"}, parse=GAP)

    assert lab.health().is_ok
    assert measured(ended(lab, WATER)) == {"gap": 3.0}


def test_a_script_that_is_an_input_is_the_one_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "says.sh").write_text("echo gap 3\n")
    lab = laboratory(
        tmp_path, command=["sh", "says.sh"], inputs={"says.sh": "echo gap 4\n", "job.txt": "$smiles"}, parse=GAP
    )

    assert measured(ended(lab, WATER)) == {"gap": 4.0}


def test_a_setting_that_no_template_asks_for_is_a_problem(tmp_path: Path) -> None:
    lab = laboratory(
        tmp_path,
        command=["true", "$temperature"],
        parse={"gap": {"regex": "(.)", "unit": "eV"}},
    )
    spec = ExperimentSpec("own", {"temperature": 1.0, "pressure": 2.0}, {}, {}, {"gap": "eV"})

    assert [str(problem).partition(";")[0] for problem in lab.validate(spec)] == [
        "parameter 'pressure': command has no such setting"
    ]
    assert [p.subject for p in laboratory(tmp_path / "b", program="orca").validate(spec)][:1] == ["space"]


def test_a_template_that_asks_for_what_the_space_lacks_is_a_problem_before_anything_runs(tmp_path: Path) -> None:
    lab = laboratory(
        tmp_path,
        command=["true", "$temprature", "$molecule"],
        parse={"gap": {"regex": "(.)", "unit": "eV"}},
    )
    spec = ExperimentSpec("own", {"temperature": 1.0, "molecule": "water"}, {}, {"molecule": "O"}, {"gap": "eV"})
    said = [str(problem) for problem in lab.validate(spec)]

    assert any(
        "parameter 'temprature': command asks for it, and the experiment has no such setting (did you mean "
        "'temperature'?)" in one
        for one in said
    )
    assert not any("'molecule'" in one for one in said)


def test_a_template_may_name_the_molecule(tmp_path: Path) -> None:
    lab = laboratory(
        tmp_path,
        command=["echo", "gap", "4.0", "of", "$molecule", "$smiles"],
        parse={"gap": {"regex": r"gap (\S+) of water O$", "unit": "eV"}},
    )
    spec = ExperimentSpec("own", {"molecule": "water"}, {}, {"molecule": "O"}, {"gap": "eV"})

    assert lab.validate(spec) == []
    assert measured(ended(lab, spec)) == {"gap": 4.0}


def test_the_structure_of_an_option_that_adds_nothing_is_empty(tmp_path: Path) -> None:
    said = {
        "command": ["echo", "gap", "4.0", "of", "<$ligand_smiles>"],
        "parse": {"gap": {"regex": r"gap (\S+) of <>$", "unit": "eV"}},
    }
    context = AdapterContext(str(tmp_path), str(tmp_path), "own", {"gap": "eV"}, may_be_nothing=["ligand"])
    spec = ExperimentSpec("own", {"ligand": "none"}, {}, {}, {"gap": "eV"})
    lab, unaware = build("command", said, context), laboratory(tmp_path / "b", **said)

    assert lab.validate(spec) == []
    assert measured(ended(lab, spec)) == {"gap": 4.0}
    assert "parameter 'ligand_smiles'" in [problem.subject for problem in unaware.validate(spec)]


@pytest.mark.parametrize(("options", "is_sound"), [(["ligand"], True), (["ligand", "additive"], False), ([], False)])
def test_the_one_structure_is_empty_where_its_option_adds_nothing(
    tmp_path: Path, options: list[str], is_sound: bool
) -> None:
    said = {
        "command": ["echo", "gap", "4.0", "of", "<$smiles>"],
        "parse": {"gap": {"regex": r"gap (\S+) of <C?>$", "unit": "eV"}},
    }
    context = AdapterContext(str(tmp_path), str(tmp_path), "own", {"gap": "eV"}, may_be_nothing=options)
    spec = ExperimentSpec("own", {"ligand": "none"}, {}, {}, {"gap": "eV"})
    lab = build("command", said, context)

    assert (lab.validate(spec) == []) is is_sound
    if is_sound:
        assert measured(ended(lab, spec)) == {"gap": 4.0}
        assert lab.validate(replace(spec, settings={"ligand": "methane"}, smiles={"ligand": "C"})) == []


def test_of_nothing_there_is_no_geometry(tmp_path: Path) -> None:
    said = {"command": ["echo", "$smiles", "$atoms"], "parse": {"gap": {"regex": "(.)", "unit": "eV"}}}
    context = AdapterContext(str(tmp_path), str(tmp_path), "own", {"gap": "eV"}, may_be_nothing=["ligand"])
    (problem, *_) = build("command", said, context).validate(
        ExperimentSpec("own", {"ligand": "none"}, {}, {}, {"gap": "eV"})
    )

    assert "needs exactly one parameter with a structure, got none" in str(problem)


def test_a_template_may_ask_for_each_of_several_structures(tmp_path: Path) -> None:
    both = {"ligand": "L0017", "metal": "Pd(II)"}, {}, {"ligand": "CP(C)C", "metal": "[Pd+2]"}, {"gap": "eV"}
    parse = {"gap": {"regex": r"gap (\S+) of CP\(C\)C \[Pd\+2\] L0017$", "unit": "eV"}}
    command = ["echo", "gap", "4.0", "of", "$ligand_smiles", "$metal_smiles", "$ligand"]
    spec = ExperimentSpec("own", *both)
    lab = laboratory(tmp_path / "a", command=command, parse=parse)
    (refused,) = laboratory(tmp_path / "b", command=["echo", "$smiles", "$ligand", "$metal"], parse=parse).validate(
        spec
    )

    assert [str(problem) for problem in lab.validate(spec) if "metal_smiles" in str(problem)] == []
    assert measured(ended(lab, spec)) == {"gap": 4.0}
    assert "got ligand, metal; let the space have one molecule parameter, or ask for $ligand_smiles and" in str(refused)


@pytest.mark.parametrize(
    ("program", "files", "kind", "message"),
    [
        ("orca", {None: "SCF NOT CONVERGED AFTER 125 CYCLES"}, FaultKind.CONVERGENCE_ERROR, "SCF NOT CONVERGED"),
        ("orca", {None: "UNRECOGNIZED OR DUPLICATED KEYWORD(S) IN SIMPLE INPUT LINE"}, FaultKind.UNKNOWN, "UNREC"),
        (
            "gaussian",
            {"job.log": " QPErr --- A syntax error was detected in the input line."},
            FaultKind.UNKNOWN,
            "synt",
        ),
        ("gaussian", {"job.log": " Atomic number out of range for 6-31G(d)."}, FaultKind.INPUT_ERROR, "out of range"),
        ("gaussian", {"job.log": " Convergence failure -- run terminated."}, FaultKind.CONVERGENCE_ERROR, "run term"),
        ("gaussian", {"job.log": " Error termination via Lnk1e in l301.exe"}, FaultKind.UNKNOWN, "Lnk1e in l301.exe"),
        ("gaussian", {"job.log": " galloc:  could not allocate memory."}, FaultKind.RESOURCE_ERROR, "could not alloc"),
        (
            "psi4",
            {"job.out": "psi4.driver.p4util.exceptions.SCFConvergenceError: Could not converge SCF iterations in 100"},
            FaultKind.CONVERGENCE_ERROR,
            "Could not converge SCF iterations in 100",
        ),
        ("psi4", {"job.out": "BasisSetNotFound: Unable to find it"}, FaultKind.INPUT_ERROR, "BasisSetNotFound"),
        ("psi4", {"job.out": PSI4}, FaultKind.ANALYSIS_FAILED, "no gap: it is lumo less homo"),
        ("psi4", {"job.out": PSI4, "result.json": "{"}, FaultKind.ANALYSIS_FAILED, "result.json is no JSON"),
        ("psi4", {"job.out": PSI4, "result.json": '{"a": 1'}, FaultKind.ANALYSIS_FAILED, """it ends with '{"a": 1'"""),
        ("psi4", {"job.out": PSI4, "result.json": "\n"}, FaultKind.ANALYSIS_FAILED, "result.json is empty"),
        ("orca", {None: "****ORCA TERMINATED NORMALLY****"}, FaultKind.ANALYSIS_FAILED, "no gap"),
        ("orca", {None: "nothing"}, FaultKind.UNKNOWN, "ended before it was done ('ORCA TERMINATED NORMALLY' matches"),
    ],
)
def test_what_went_wrong_is_a_kind_of_fault(
    tmp_path: Path,
    script: Callable[..., str],
    program: str,
    files: dict[str | None, str],
    kind: FaultKind,
    message: str,
) -> None:
    outcome = read_outcome(ended(laboratory(tmp_path, program=program, executable=script(files)), WATER), {})

    assert isinstance(outcome, Fault)
    assert (outcome.kind, message in outcome.message) == (kind, True), outcome


@pytest.mark.parametrize(
    ("program", "files", "code"),
    [
        ("orca", {None: "SCF NOT CONVERGED AFTER 125 CYCLES"}, "scf_not_converged"),
        ("orca", {None: "The optimization did not converge but reached"}, "geometry_not_converged"),
        ("orca", {None: "UNRECOGNIZED OR DUPLICATED KEYWORD(S) IN SIMPLE INPUT LINE"}, "setting_unknown"),
        ("orca", {None: "There are no main basis functions on atom number 0 (Xe)"}, "basis_missing"),
        ("gaussian", {"job.log": " galloc:  could not allocate memory."}, "out_of_memory"),
        ("gaussian", {"job.log": " Error termination via Lnk1e in l301.exe"}, "program_failed"),
        ("psi4", {"job.out": "Could not converge geometry optimization in 50 iterations."}, "geometry_not_converged"),
        ("orca", {None: "nothing"}, "program_failed"),
        ("orca", {None: "****ORCA TERMINATED NORMALLY****"}, "analysis_failed"),
    ],
)
def test_what_went_wrong_has_a_code_of_its_own(
    tmp_path: Path, script: Callable[..., str], program: str, files: dict[str | None, str], code: str
) -> None:
    payload = ended(laboratory(tmp_path, program=program, executable=script(files)), WATER)

    assert payload["provenance"]["code"] == code


def test_a_program_that_ends_badly_without_a_word_is_unknown(tmp_path: Path, script: Callable[..., str]) -> None:
    outcome = read_outcome(
        ended(laboratory(tmp_path, program="orca", executable=script({None: "aborting the run"}, code=3)), WATER), {}
    )

    assert isinstance(outcome, Fault)
    assert outcome.kind is FaultKind.UNKNOWN
    assert outcome.message.endswith("ended with code 3; its last words: aborting the run")


FIRST_STEP = ORCA.replace("****ORCA TERMINATED NORMALLY****", "aborting the run")
OPTIMISED = GAUSSIAN + " Alpha virt. eigenvalues --    0.90010\n"  # its first step ended, the next one was cut off


@pytest.mark.parametrize(
    ("program", "files"), [("orca", {None: FIRST_STEP}), ("gaussian", {"job.log": OPTIMISED})], ids=["orca", "gaussian"]
)
def test_numbers_of_a_program_that_did_not_come_to_its_end_are_no_result(
    tmp_path: Path, script: Callable[..., str], program: str, files: dict[str | None, str]
) -> None:
    payload = ended(laboratory(tmp_path, program=program, executable=script(files)), WATER)
    taken = ended(laboratory(tmp_path / "taken", program=program, executable=script(files), done=""), WATER)

    assert (payload["outcome"], payload["kind"]) == ("fault", "unknown")
    assert "ended before it was done" in payload["message"]
    assert "gap" in measured(taken)


@pytest.mark.parametrize(
    ("program", "file", "output", "mode"),
    [
        ("orca", None, ORCA, "   6:    -123.45 cm**-1  ***imaginary mode***"),
        ("gaussian", "job.log", GAUSSIAN, " ******    1 imaginary frequencies (negative Signs) ******"),
    ],
    ids=["orca", "gaussian"],
)
def test_an_imaginary_mode_is_said_of_a_result(
    tmp_path: Path, script: Callable[..., str], program: str, file: str | None, output: str, mode: str
) -> None:
    payload = ended(laboratory(tmp_path, program=program, executable=script({file: f"{mode}\n{output}"})), WATER)

    assert payload["provenance"]["repairs"] == [f"the program says: {' '.join(mode.replace('******', '').split())}"]
    assert "g" in measured(payload)


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_program_says_went_wrong_counts_before_what_cannot_be_read(
    tmp_path: Path, script: Callable[..., str], code: int
) -> None:
    lab = laboratory(
        tmp_path,
        command=[script({None: "SCF did not converge"}, code=code)],
        parse={"gap": {"json": "gap", "unit": "eV"}},
        failures=[{"regex": "did not converge", "kind": "convergence_error"}],
    )
    payload = ended(lab, ExperimentSpec("x", {}, {}, {}, {"gap": "eV"}))

    assert (payload["kind"], payload["message"]) == ("convergence_error", "the program says: did not converge")


def test_a_program_that_ends_badly_is_said_to_where_what_it_wrote_cannot_be_read(
    tmp_path: Path, script: Callable[..., str]
) -> None:
    lab = laboratory(
        tmp_path, command=[script({None: "no licence"}, code=7)], parse={"gap": {"json": "gap", "unit": "eV"}}
    )
    payload = ended(lab, ExperimentSpec("x", {}, {}, {}, {"gap": "eV"}))

    assert payload["kind"] == "unknown"
    assert payload["message"].endswith("ended with code 7; its last words: no licence")


def test_an_answer_that_is_no_needs_no_numbers_that_can_be_read(tmp_path: Path, script: Callable[..., str]) -> None:
    lab = laboratory(
        tmp_path,
        command=[script({None: "no bound state"})],
        parse={"gap": {"json": "gap", "unit": "eV"}},
        failures=[{"regex": "no bound state", "kind": "negative"}],
    )
    payload = ended(lab, ExperimentSpec("x", {}, {}, {}, {"gap": "eV"}))

    assert read_outcome(payload, {}) == Negative("the program says: no bound state", ())


@pytest.mark.parametrize(("code", "how"), [(11, "was ended by SIGSEGV"), (9, "was ended by SIGKILL")])
def test_a_program_that_a_signal_ended_is_said_by_its_name(tmp_path: Path, code: int, how: str) -> None:
    crash = f"print('step 1', flush=True); import os; os.kill(os.getpid(), {code})"
    command = [sys.executable, "-c", crash]
    lab = laboratory(tmp_path, command=command, parse={"gap": {"regex": r"gap: (\S+)", "unit": "eV"}})
    outcome = read_outcome(ended(lab, WATER), {})

    assert isinstance(outcome, Fault)
    assert outcome.message == f"{sys.executable} {how}; its last words: step 1"


def test_a_program_may_say_that_the_answer_is_no(tmp_path: Path, script: Callable[..., str]) -> None:
    lab = laboratory(
        tmp_path,
        command=[script({None: "no bound state"})],
        parse={"gap": {"regex": r"gap (\d+)", "unit": "eV"}},
        failures=[{"regex": "no bound state", "kind": "negative", "message": "nothing is bound"}],
    )
    outcome = read_outcome(ended(lab, ExperimentSpec("x", {}, {}, {}, {"gap": "eV"})), {})

    assert outcome == Negative("nothing is bound", ())


def test_a_program_that_ends_badly_on_a_full_disk_wants_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 100, 0, 0, 100, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command, rules = [sys.executable, "-c", "raise SystemExit(3)"], {"gap": {"regex": r"gap (\d+)", "unit": "eV"}}
    with pytest.raises(OutOfResources, match=r"is full, and .* ended with code 3 and said nothing; make room there"):
        evaluate(Request({}), command=command, inputs={}, parse_rules=rules, required=["gap"])


def test_nothing_is_sent_while_a_program_is_missing_and_that_is_told(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, program="orca", executable="no-such-program")
    why = "command needs the program no-such-program; install it, or say in 'executable' where it lies"
    with pytest.raises(NotSetUp) as raised:
        lab.prepare(WATER, KEY)

    assert lab.health().message == str(raised.value) == why
    assert isinstance(lab.find(KEY), Absent)


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        (None, 0o755, "needs the program {0}; install it, or say in 'command' where it lies"),
        ("#!/bin/sh\n", 0o644, "needs the program {0}, which is there and may not be executed; chmod +x {0}"),
    ],
)
def test_a_program_of_ones_own_that_cannot_be_run_is_told_before(
    tmp_path: Path, text: str | None, mode: int, says: str
) -> None:
    program = tmp_path / "simulate"
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    lab = laboratory(tmp_path, command=["./simulate"], parse={"gap": {"regex": r"gap (\d+)", "unit": "eV"}})

    assert isinstance(lab, SupportsExamination)
    assert lab.health().message == "command " + says.format(program)
    (found,) = [f for f in lab.examine() if f.subject.startswith("program")]
    assert found.verdict == "problem"


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        (None, 0o755, "is not on the path of this machine; install it, or give its full path"),
        ("#!/bin/sh\n", 0o644, "may not be executed; chmod +x"),
        ("#!/no/such/shell\n", 0o755, "cannot be started; see that its first line names an interpreter that is there"),
        ("echo gap 3\n", 0o755, "is no program; let the first line of a script name its interpreter, as #!/bin/sh"),
    ],
)
def test_a_program_that_cannot_be_started_is_told_after(tmp_path: Path, text: str | None, mode: int, says: str) -> None:
    program = tmp_path / "simulate"
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    rules = {"gap": {"regex": r"gap (\d+)", "unit": "eV"}}

    with pytest.raises(ProgramMissing, match=re.escape(says)):
        evaluate(Request({}), command=[str(program)], inputs={}, parse_rules=rules, required=["gap"])


GAP = {"gap": {"regex": r"gap (\d+)", "unit": "eV"}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give 'command' and 'parse', or 'program', one of gaussian, orca, psi4"),
        ({"command": ["a"], "parse": {"lumo": {"regex": "(.)", "unit": "eV"}}}, "target 'gap' is not measured"),
        ({"command": ["a"], "parse": {"gap": {"regex": "gap", "unit": "eV"}}}, "'gap' has 0 groups and needs 1: put"),
        ({"command": ["a"], "parse": {"gap": {"regex": "(gap", "unit": "eV"}}}, "is no regular expression"),
        ({"command": ["a"], "parse": {"gap": {"regex": "(.)"}}}, "parse 'gap': give its unit; '' where it has none"),
        ({"command": ["a"], "parse": {"gap": {"unit": "eV"}}}, "give one of regex, json and difference, got none"),
        ({"command": ["a"], "parse": {"gap": {"json": "a", "unit": "ev?"}}}, "parse: a unit for each property"),
        ({"command": ["a"], "parse": {"gap": {"json": "a", "unit": "eV", "takes": "last"}}}, "unknown key 'takes'"),
        ({"command": ["a"], "parse": {"gap": {**GAP["gap"], "take": "best"}}}, "take is first or last, got 'best'"),
        ({"command": ["a"], "parse": {"gap": {"difference": ["a", "b"], "unit": "eV"}}}, "and 'a' is none"),
        ({"command": ["a", "$5"], "parse": GAP}, "command: a .* stands before no name; write .* for a dollar sign"),
        (
            {"command": ["a"], "parse": GAP, "inputs": {"../b": ""}},
            "'../b' must be the name of a file",
        ),
        ({"command": ["a"], "parse": GAP, "inputs": {"b": "file: no.txt"}}, "template .*no.txt cannot be read"),
        ({"command": ["a"], "parse": GAP, "keywords": {"basis": "b"}}, "keyword 'basis' is in no template"),
        ({"program": "orca", "keywords": {"functional": "b"}}, "keyword 'functional' is in no template"),
        ({"program": "orka"}, "option 'program' must be: 'gaussian', 'orca' or 'psi4'; got 'orka'"),
        (
            {"command": ["a"], "parse": GAP, "failures": [{"regex": "x", "kind": "bad"}]},
            "kind 'bad' is none of",
        ),
        (
            {"command": ["a"], "parse": GAP, "failures": [{"regex": "x", "kind": "unknown", "code": "SCF!"}]},
            "failure code 'SCF!' must be a word such as scf_not_converged",
        ),
        (
            {"command": ["a"], "parse": GAP, "failures": [{"regex": "x"}]},
            "a failure has regex, kind and perhaps",
        ),
        ({"command": ["a"], "parse": GAP, "remarks": ["(odd"]}, "remark: .* is no regular expression"),
        ({"command": ["a"], "parse": GAP, "done": "(ended"}, "done: .* is no regular expression"),
        ({"command": ["a"], "parse": GAP, "version": "1.2"}, "version: '1.2' has 0 groups and needs 1"),
    ],
)
def test_a_wrong_laboratory_section_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AdapterOptionsError, match=message):
        laboratory(tmp_path, **options)


def test_every_program_can_be_used_as_it_is(tmp_path: Path) -> None:
    for name in PROGRAMS:
        lab = laboratory(tmp_path / name, program=name)
        assert lab.validate(WATER) == []
        assert set(lab.capabilities().properties or {}) >= {"energy", "homo", "lumo", "gap", "dipole"}


@pytest.mark.parametrize(
    ("said", "code", "found"),
    [
        (" :: HOMO-LUMO gap              4.934260151247 eV    ::\n * finished run on 2026/12/03", 0, "measured"),
        (
            "   *** FAILED TO CONVERGE GEOMETRY OPTIMIZATION IN 2 ITERATIONS ***\n"
            "         :: HOMO-LUMO gap              4.940527526495 eV    ::\n * finished run on 2026/12/03",
            0,
            "geometry_not_converged",
        ),
        ("-1- scf: Self consistent charge iterator did not converge", 1, "scf_not_converged"),
        ("         :: HOMO-LUMO gap              4.865308523377 eV    ::", 0, "program_failed"),  # broken off
    ],
)
def test_what_the_guide_looks_for_in_the_words_of_xtb_tells_its_ends_apart(
    tmp_path: Path, said: str, code: int, found: str
) -> None:
    """Lines as xtb 6.7.1 prints them, of benzene by ``--opt``, ``--opt --cycles 2`` and ``--iterations 2``."""
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "programs.md").read_text(encoding="utf-8")
    (block,) = [b for b in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if "command: [xtb," in b]
    options = yaml.safe_load(block)["laboratory"]
    options.pop("adapter")
    script = tmp_path / "xtb.py"
    script.write_text(f"print('   * xtb version 6.7.1 (unknown)'); print({said!r}); raise SystemExit({code})")
    options["command"] = [sys.executable, str(script), *options["command"][1:]]
    lab = laboratory(tmp_path, **options)
    payload = ended(lab, WATER)

    assert payload["provenance"].get("code", payload["outcome"]) == found
    assert payload["outcome"] != "measured" or payload["provenance"]["version"] == "6.7.1"
