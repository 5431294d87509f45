"""Options of a ``several`` laboratory: which there are, and which experiments each takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from adapters.common.options import Options, read_options, spelt
from adapters.errors import AdapterOptionsError
from adapters.own import stamp
from adapters.registry import build as build_one
from adapters.several.laboratories import SeveralLaboratories
from adapters.several.members import Member
from adapters.several.unbuilt import Unbuilt
from loop.contracts import Adapter, AdapterContext
from loop.errors import AdapterError, UnknownName

EXAMPLE: Final = """\
laboratory:
  adapter: several
  laboratories:
    quick: {adapter: xtb, when: {method: xtb}, workers: 2}
    dear: {adapter: pyscf, when: {method: dft}, functional: pbe0, run_on: slurm}
"""
PARTED: Final = "several"  # its name in the registry
FREE: Final = frozenset({"patience"})

Name = Annotated[str, spelt(r"[A-Za-z0-9_-]{1,40}", "a name of 1 to 40 of a to z, A to Z, 0 to 9, _ and -")]


class SeveralOptions(Options):
    """What a campaign file may say of several laboratories."""

    laboratories: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]  # by name: adapter, when, its own options
    patience: Annotated[float, Field(ge=0)] = 900.0  # seconds out of reach after which a batch is not held up by one


def build(options: Mapping[str, Any], context: AdapterContext) -> SeveralLaboratories:
    """The laboratories of the laboratory section, each in a folder of its own.

    In the place of one of one's own that cannot be made stands ``Unbuilt``, lest it keep the others from their work.

    Raises:
        AdapterOptionsError: An option of one of them is wrong; the message says of which.
    """
    settings = read_options(SeveralOptions, "several", options)
    members, problems = [], []
    for name, section in settings.laboratories.items():
        own = dict(section)
        adapter, when = own.pop("adapter", None), own.pop("when", {})
        if not isinstance(adapter, str) or adapter == "several":
            problems.append(f"laboratory {name!r} needs a line 'adapter' that names one laboratory, got {adapter!r}")
            continue
        if not isinstance(when, Mapping) or not all(
            isinstance(value, str | float | int) for values in _conditions(when).values() for value in values
        ):
            problems.append(f"laboratory {name!r}: 'when' must give each parameter an option or a list, got {when!r}")
            continue
        inner = replace(context, folder=str(Path(context.folder) / name))
        try:
            make = partial(build_one, adapter, own, inner)
            made: Adapter = make()
        except AdapterOptionsError as error:
            problems += [f"laboratory {name!r}: {problem}" for problem in error.problems]
        except UnknownName as error:
            problems.append(f"laboratory {name!r}: {error}")
        except AdapterError as error:
            if ":" not in adapter:
                raise
            made = Unbuilt(str(error), make, stamp(adapter, context.base))
            members.append(Member(name, made, _conditions(when)))
        else:
            members.append(Member(name, made, _conditions(when)))
    if problems:
        raise AdapterOptionsError("several", problems)
    return SeveralLaboratories(Path(context.folder), tuple(members), settings.patience)


def conditions_of(options: Mapping[str, Any]) -> dict[str, dict[str, tuple[str | float, ...]]]:
    """Which settings each laboratory of a laboratory section takes, by name; nothing where it takes all."""
    sections = options.get("laboratories") or {}
    return {name: _conditions(section.get("when") or {}) for name, section in sections.items()}


def _conditions(when: Mapping[str, Any]) -> dict[str, tuple[str | float, ...]]:
    return {name: tuple(value) if isinstance(value, list | tuple) else (value,) for name, value in when.items()}
