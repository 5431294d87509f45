"""Any program as an evaluator: its input written from templates, its output parsed."""

from __future__ import annotations

import errno
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, Final

from adapters.common.scratch import note_words, workplace
from adapters.compute.bonding import told_of
from adapters.compute.evaluation import Evaluation, Request
from adapters.compute.geometry import Geometry, embed, is_xyz, read_xyz
from adapters.compute.parsing import parse
from adapters.errors import (
    AnalysisFailed,
    EvaluationError,
    InputRefused,
    NotConverged,
    OutOfResources,
    ProgramFailed,
    ProgramMissing,
)

# What a template may say of a structure, of the job, and (as $name) of every setting and keyword.
OF_STRUCTURE: Final = ("smiles", "atoms", "xyz", "n_atoms", "charge", "multiplicity")
OF_JOB: Final = ("cores", "memory", "memory_per_core", "work_memory", "work_memory_per_core")
KINDS: Final = ("convergence_error", "input_error", "resource_error", "analysis_failed", "unknown", "negative")

_STDOUT: Final = "stdout.txt"
_ROOM: Final = 2**20  # bytes that are left on a disk at the least, or it counts as full


def evaluate(
    request: Request,
    *,
    command: Sequence[str],
    inputs: Mapping[str, str],
    parse_rules: Mapping[str, Mapping[str, Any]],
    required: Sequence[str],
    output: str | None = None,
    failures: Sequence[Mapping[str, str]] = (),
    remarks: Sequence[str] = (),
    done: str = "",
    version: str = "",
    keywords: Mapping[str, str] | None = None,
    conformers: int = 1,
    optimise: str = "none",
    seed: int = 0,
    charge: int | None = None,
    cores: int = 1,
    memory: int = 2048,
    share: float = 0.75,
    blank: Sequence[str] = (),
) -> Evaluation:
    """What a program says of an experiment, in a folder of its own that is removed afterwards.

    Args:
        request: The experiment; at most one of its settings is a structure where a template asks for one.
        command: Words with placeholders such as ``$cores``; no shell reads them.
        inputs: Name of a file, and its template.
        parse_rules: How each property is found, as in ``adapters.compute.parsing``.
        required: Properties without which the result is of no use; of others that are missing the details say why.
        output: The file with the answer; standard output where None.
        failures: Patterns that tell what went wrong, with their kind (one of ``KINDS``) and perhaps the code that
            programs read; the first that matches counts.
        remarks: Patterns of what is said of a result among its ``repairs``, such as a mode that is imaginary.
        done: A pattern that the answer of a program has that came to its end; "" where it has none. Some end with code
            0 halfway, and the energy of the last step would pass for that of the molecule.
        version: A pattern with one group that tells the program's version.
        keywords: Further placeholders.
        conformers: How many are embedded; from two on they are ranked (GFN2-xTB where tblite is there).
        optimise: ``none``, or ``xtb`` for a geometry optimised by GFN2-xTB.
        seed: Chooses conformers, together with the canonical SMILES.
        charge: Total charge; that of the structure when left out.
        cores: Threads that the program may use.
        memory: MiB that it may use.
        share: The part of ``memory`` that it is told to plan with, by ``$work_memory``.
        blank: Placeholders of structures that stay empty where an option adds nothing.

    Raises:
        InputRefused: The structure cannot be treated, or a template asks for what there is not.
        ProgramMissing: The program is not there.
        NotConverged, OutOfResources, ProgramFailed, AnalysisFailed: As ``failures`` say, or as the program ended.
    """
    work = int(memory * share)
    words: dict[str, Any] = dict.fromkeys(blank, "")
    words |= {"cores": cores, "memory": memory, "memory_per_core": memory // cores}
    words |= {"work_memory": work, "work_memory_per_core": work // cores, **(keywords or {})}
    words |= {f"{name}_smiles": smiles for name, smiles in request.smiles.items()}
    words |= request.settings  # of what has a structure the name
    repairs: tuple[str, ...] = ()
    details: dict[str, Any] = {"keywords": dict(keywords)} if keywords else {}
    if _asks_for_structure([*command, *inputs.values()]) and (request.smiles or "smiles" not in blank):
        geometry = _geometry(request, conformers, optimise, seed, charge)
        words |= _of_structure(request, geometry)
        repairs = geometry.repairs
        details |= {"charge": geometry.charge, "unpaired": geometry.unpaired, "xyz": geometry.xyz()}
        details |= told_of(geometry)
        if geometry.isotopes:
            repairs = (*repairs, "isotopes are not told to the program: it takes the most abundant ones")
    with workplace() as folder:
        for file, template in inputs.items():
            (folder / file).write_text(fill(template, words), encoding="utf-8")
        called = [fill(word, words) for word in command]
        main = output or _STDOUT
        note_words(folder / main, folder / _STDOUT)
        code = _run(called, folder)
        said = _read(folder / main) or _read(folder / _STDOUT)
        found = re.search(version, said, re.MULTILINE) if version else None
        if (told := _failure(failures, said)) is not None and told[0] != "negative":
            raise _error(*told)
        if told is None and (how := _how_it_ended(code, done, said, main)):
            raise _ended_badly(called[0], how, said, folder)
        values, missing = _parsed(parse_rules, folder, main, is_optional=told is not None)
    if told is not None:
        return Evaluation(values, called[0], found.group(1) if found else "", repairs, details, negative=told[1])
    if lacking := [why for why in missing if any(why.startswith(f"no {name}:") for name in required)]:
        raise AnalysisFailed("; ".join(lacking))
    details |= {"not_found": missing} if missing else {}
    repairs = (*repairs, *_remarks(remarks, said))
    return Evaluation(values, called[0], found.group(1) if found else "", repairs, details)


def placeholders(texts: Sequence[str]) -> set[str]:
    """The names that templates ask for.

    Raises:
        ValueError: A ``$`` stands before no name; ``$$`` is a dollar sign.
    """
    found: set[str] = set()
    for text in texts:
        template = Template(text)
        if not template.is_valid():
            raise ValueError("a $ stands before no name; write $$ for a dollar sign")
        found |= set(template.get_identifiers())
    return found


def fill(template: str, words: Mapping[str, Any]) -> str:
    """The template with its placeholders replaced; raises ``InputRefused`` for one that nobody fills."""
    try:
        return Template(template).substitute({name: _written(value) for name, value in words.items()})
    except KeyError as error:
        raise InputRefused(f"the template asks for ${error.args[0]}, and there is {', '.join(sorted(words))}") from None


def _written(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _asks_for_structure(texts: Sequence[str]) -> bool:
    return bool(placeholders(texts) & set(OF_STRUCTURE))


def _geometry(request: Request, conformers: int, optimise: str, seed: int, charge: int | None) -> Geometry:
    if len(request.smiles) != 1:
        raise InputRefused(f"the template asks for one structure, and there are {len(request.smiles)}")
    structure = next(iter(request.smiles.values()))
    if is_xyz(structure):
        return read_xyz(structure, charge=charge)
    if conformers > 1:
        from adapters.compute.conformers import search

        geometry = search(structure, count=conformers, seed=seed, charge=charge)[0].geometry
    else:
        geometry = embed(structure, seed=seed, charge=charge)
    if optimise == "xtb":
        from adapters.compute.optimising import optimise as relax
        from adapters.compute.tight_binding import Method, energy_and_gradient

        geometry, _ = relax(geometry, lambda at: energy_and_gradient(at, Method()))
    return geometry


def _of_structure(request: Request, geometry: Geometry) -> dict[str, Any]:
    xyz = geometry.xyz()
    return {
        "smiles": next(iter(request.smiles.values())),
        "atoms": "\n".join(xyz.splitlines()[2:]),
        "xyz": xyz,
        "n_atoms": len(geometry.numbers),
        "charge": geometry.charge,
        "multiplicity": geometry.unpaired + 1,
    }


def _run(command: Sequence[str], folder: Path) -> int:
    try:
        with (folder / _STDOUT).open("wb") as out:
            return subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "TMPDIR": str(folder)},  # what it writes elsewhere is removed as well
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
    except (FileNotFoundError, PermissionError):
        raise ProgramMissing(f"program {command[0]!r} {_not_started(Path(command[0]))}") from None
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        raise ProgramMissing(
            f"{command[0]!r} is no program; let the first line of a script name its interpreter, as #!/bin/sh does"
        ) from None


def _not_started(program: Path) -> str:
    """Why a program that was not found, or may not be run, is not started, with the remedy."""
    if not program.is_file():
        return "is not on the path of this machine; install it, or give its full path"
    if not os.access(program, os.X_OK):
        return f"may not be executed; chmod +x {shlex.quote(str(program))}"
    return "cannot be started; see that its first line names an interpreter that is there"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _failure(failures: Sequence[Mapping[str, str]], said: str) -> tuple[str, str, str] | None:
    """The kind, the message and the code of the first pattern that matches; None where none does."""
    for failure in failures:
        if (found := re.search(failure["regex"], said, re.MULTILINE)) is not None:
            words = found.group(1) if found.re.groups and found.group(1) else found.group(0)
            message = failure.get("message") or f"the program says: {' '.join(words.split())}"
            return failure["kind"], message, failure.get("code", "")
    return None


def _how_it_ended(code: int, done: str, said: str, main: str) -> str:
    """How a program ended that did not come to its end; "" where it did."""
    if code:
        signals = {-one: one.name for one in signal.Signals}
        return f"was ended by {signals.get(code, f'signal {-code}')}" if code < 0 else f"ended with code {code}"
    if done and not re.search(done, said, re.MULTILINE):
        return f"ended before it was done ({done!r} matches nothing in {main})"
    return ""


def _ended_badly(program: str, how: str, said: str, folder: Path) -> EvaluationError:
    last, room = " ".join(said.split())[-300:], os.statvfs(folder)
    how += f"; its last words: {last}" if last else " and said nothing"
    if room.f_bavail * room.f_frsize < _ROOM:
        return OutOfResources(
            f"the disk of {folder.parent} is full, and {program} {how}; make room there, or set TMPDIR to a disk "
            "with more"
        )
    return ProgramFailed(f"{program} {how}")


def _parsed(
    rules: Mapping[str, Mapping[str, Any]], folder: Path, main: str, *, is_optional: bool
) -> tuple[dict[str, tuple[float, str]], list[str]]:
    """What ``parse`` found; nothing where it cannot be read and need not be: the answer is no already."""
    try:
        return parse(rules, folder, main)
    except AnalysisFailed:
        if is_optional:
            return {}, []
        raise


def _remarks(patterns: Sequence[str], said: str) -> list[str]:
    """What a program said of its result, each pattern's first match."""
    found = (re.search(pattern, said, re.MULTILINE) for pattern in patterns)
    return [f"the program says: {' '.join(match.group(0).split())}" for match in found if match is not None]


def _error(kind: str, message: str, code: str) -> EvaluationError:
    classes: dict[str, type[EvaluationError]] = {
        "convergence_error": NotConverged,
        "input_error": InputRefused,
        "resource_error": OutOfResources,
        "analysis_failed": AnalysisFailed,
    }
    return classes.get(kind, ProgramFailed)(message, code=code)
