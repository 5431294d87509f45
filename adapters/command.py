"""The command laboratory: any program run by an executor, with templates for its input and a parser for its output."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from adapters.common.options import check_units, measured, read_options, resolve
from adapters.compute.command import KINDS, OF_JOB, OF_STRUCTURE, placeholders
from adapters.compute.evaluation import Evaluator
from adapters.compute.parsing import wrong_pattern, wrong_rules
from adapters.compute.programs import PROGRAMS, Program
from adapters.errors import AdapterOptionsError
from adapters.executors.placing import ASIDE, LIMITS, ComputeOptions, place
from loop.contracts import Adapter, AdapterContext
from loop.errors import did_you_mean
from loop.outcome import CODE

EXAMPLE: Final = """\
laboratory:
  adapter: command
  program: orca
  executable: /opt/orca/orca
  cores: 4
"""
FREE: Final = LIMITS
TOTALS: Final = frozenset({"energy", "u0", "h", "g"})  # energies that other atoms do not share
_SCRIPTS: Final = frozenset({".jl", ".m", ".pl", ".py", ".r", ".R", ".sh"})
_EMPTY = Program((), {}, None, {})


class CommandOptions(ComputeOptions):
    """What a campaign file may say of the command laboratory. ``program`` gives the others their defaults."""

    program: Literal["gaussian", "orca", "psi4"] | None = None
    executable: str | None = None  # instead of the first word of ``command``
    command: Annotated[list[str], Field(min_length=1)] | None = None  # ./PROGRAM, SCRIPT.py: as seen from the campaign
    inputs: dict[str, str] | None = None  # name of a file: its template, or "file: PATH" for one beside the campaign
    output: str | None = None  # file with the answer; standard output when left out
    parse: dict[str, dict[str, Any]] | None = None
    failures: list[dict[str, str]] | None = None
    remarks: list[str] | None = None  # what is said of a result that counts all the same
    done: str | None = None  # what the answer has when the program came to its end; "" to look for nothing
    version: str | None = None
    keywords: dict[str, str] = Field(default_factory=dict)
    conformers: Annotated[int, Field(ge=1, le=1000)] = 1
    optimise: Literal["none", "xtb"] = "none"
    seed: int = 0  # chooses conformers
    charge: int | None = None


HOW: Final = (CommandOptions, ASIDE | {"executable", "failures", "remarks", "done", "version"})


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """The program run by the executor of ``run_on``, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or wrong, a template asks for what there is not, a pattern cannot be
            used, or a target is not parsed. Every fault has its message.
    """
    settings = read_options(CommandOptions, "command", options)
    program = _program(settings, context.base)
    asked, problems = _asked(program)
    problems += _wrong(program)
    if unused := sorted(set(settings.keywords) - asked):
        known = sorted(asked)
        problems.append(f"keyword {unused[0]!r} is in no template{did_you_mean(unused[0], known)}; asked for: {known}")
    if problems:
        raise AdapterOptionsError("command", problems)
    properties = {name: str(rule["unit"]) for name, rule in program.parse.items()}
    measured("command", properties, context.targets)
    said_in = "command" if settings.command is not None and settings.executable is None else "executable"
    settable = asked - {*OF_STRUCTURE, *OF_JOB, *program.keywords}
    blank = {f"{name}_smiles": name for name in context.may_be_nothing if f"{name}_smiles" in settable}
    of_structure = asked & set(OF_STRUCTURE)
    if of_structure == {"smiles"} and len(context.may_be_nothing) == 1:  # of nothing there is a text and no geometry
        blank["smiles"] = context.may_be_nothing[0]
    evaluator = Evaluator(
        name="command",
        function="adapters.compute.command:evaluate",
        properties=properties,
        options={
            "command": list(program.command),
            "inputs": dict(program.inputs),
            "parse_rules": {name: dict(rule) for name, rule in program.parse.items()},
            "required": sorted(context.targets),
            "output": program.output,
            "failures": [dict(failure) for failure in program.failures],
            "remarks": list(program.remarks),
            "done": program.done,
            "version": program.version,
            "keywords": dict(program.keywords),
            "conformers": settings.conformers,
            "optimise": settings.optimise,
            "seed": settings.seed,
            "charge": settings.charge,
            "cores": settings.cores,
            "memory": settings.memory,
            "share": program.share,
            "blank": sorted(blank),
        },
        programs={program.command[0].replace("$$", "$"): f"install it, or say in {said_in!r} where it lies"},
        needs_structure=bool(of_structure),
        may_be_nothing="smiles" in blank,
        foresees="adapters.compute.geometry:foresee" if of_structure else "",
        settings=frozenset({*settable, *blank.values()}),
        asks=frozenset(settable - set(blank)),
        is_request=True,
    )
    return place("command", evaluator, settings, context.folder)


def _program(settings: CommandOptions, base: str) -> Program:
    """What the program is by name, with what the campaign file says instead."""
    program = _EMPTY if settings.program is None else PROGRAMS[settings.program]
    said: dict[str, Any] = {
        "command": None if settings.command is None else tuple(settings.command),
        "inputs": None if settings.inputs is None else {f: _template(t, base) for f, t in settings.inputs.items()},
        "output": settings.output,
        "parse": {**program.parse, **(settings.parse or {})},
        "failures": None if settings.failures is None else (*settings.failures, *program.failures),
        "remarks": None if settings.remarks is None else tuple(settings.remarks),
        "done": settings.done,
        "version": settings.version,
        "keywords": {**program.keywords, **settings.keywords},
    }
    program = replace(program, **{name: value for name, value in said.items() if value is not None})
    if settings.executable is not None and program.command:
        program = replace(program, command=(settings.executable, *program.command[1:]))
    program = replace(program, command=_seen_from(base, program.command, program.inputs))
    if not program.command or not program.parse:
        known = ", ".join(PROGRAMS)
        raise AdapterOptionsError("command", [f"give 'command' and 'parse', or 'program', one of {known}"])
    return program


def _seen_from(base: str, command: Sequence[str], inputs: Mapping[str, str]) -> tuple[str, ...]:
    """The words of a command, a program or script beside the campaign file with its whole path: it is run elsewhere."""

    def seen(n: int, word: str) -> str:
        is_program = n == 0 and "/" in word
        is_script = Path(word).suffix in _SCRIPTS and word not in inputs and resolve(base, word).is_file()
        found = str(resolve(base, word).absolute()).replace("$", "$$")  # templates are filled in later
        return found if "$" not in word and (is_program or is_script) else word

    return tuple(seen(n, word) for n, word in enumerate(command))


def _template(text: str, base: str) -> str:
    """A template as written, or that of ``file: PATH``."""
    if not text.startswith("file:"):
        return text
    path = resolve(base, text.removeprefix("file:").strip())
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AdapterOptionsError("command", [f"template {path} cannot be read: {error}"]) from None


def _asked(program: Program) -> tuple[set[str], list[str]]:
    """The placeholders of all templates, and what is wrong with these."""
    asked: set[str] = set()
    problems: list[str] = []
    texts = [(f"input {name!r}", text) for name, text in program.inputs.items()]
    for where, text in [*texts, *(("command", word) for word in program.command)]:
        try:
            asked |= placeholders([text])
        except ValueError as error:
            problems.append(f"{where}: {error}")
    for name in program.inputs:
        if Path(name).name != name:
            problems.append(f"input {name!r} must be the name of a file, without folders")
    return asked, problems


def _wrong(program: Program) -> list[str]:
    """What is wrong with rules, failures and version."""
    found = [problem for name, rule in program.parse.items() for problem in wrong_rules(name, rule, program.parse)]
    try:
        check_units({name: str(rule.get("unit", "")) for name, rule in program.parse.items()})
    except ValueError as error:
        found.append(f"parse: {error}")
    for failure in program.failures:
        if set(failure) - {"regex", "kind", "message", "code"} or not {"regex", "kind"} <= set(failure):
            found.append(f"a failure has regex, kind and perhaps message and code, got {', '.join(sorted(failure))}")
        elif failure["kind"] not in KINDS:
            found.append(f"failure kind {failure['kind']!r} is none of {', '.join(KINDS)}")
        elif not re.fullmatch(CODE, failure.get("code", "code")):
            found.append(f"failure code {failure['code']!r} must be a word such as scf_not_converged: a-z, 0-9 and _")
        else:
            found += [f"failure: {problem}" for problem in wrong_pattern(failure["regex"])]
    found += [f"remark: {problem}" for remark in program.remarks for problem in wrong_pattern(remark)]
    if program.done:
        found += [f"done: {problem}" for problem in wrong_pattern(program.done)]
    if program.version:
        found += [f"version: {problem}" for problem in wrong_pattern(program.version, groups=1)]
    return found
