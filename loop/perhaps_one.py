"""Options of one parameter that may be one substance, going by how they are written: they are asked about."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from loop.errors import MoleculeError
from loop.recipe.solvents import structure_of

SHOWN: Final = 3  # options of one kind that a message names
LETTERS: Final = 30  # of a long one
_CAS: Final = re.compile(r"(\d{2,7})-(\d\d)-(\d)")
_BONDS: Final = frozenset("=#()[]@")  # seen in most structures and in few names
_WITHIN: Final = re.compile(r"(?<=[^\W\d_])[-._]+(?=[^\W_])|(?<=\d)[-._]+(?=[^\W\d_])")  # not between digits


def perhaps_one(options: Collection[str]) -> list[str]:
    """What is said of names that may be one, such as ``'MeCN' and 'ACN' are names of one solvent``; without structures
    in a campaign file, where these tell."""
    solvents = _groups(options, lambda name: structure_of(name, {}) or "")
    known = {name for group in solvents for name in group}
    others = [option for option in options if option not in known]
    signs = _groups(others, _without_signs)
    said = [f"{_all(group)} are names of one solvent" for group in solvents]
    said += [f"{_all(group)} differ in signs within the name only" for group in signs]
    kinds = {option: _kind(option) for option in options}
    if "" in kinds.values():
        for kind in dict.fromkeys(k for k in kinds.values() if k):
            these = [option for option, of in kinds.items() if of == kind]
            said.append(f"{_all(these)} {'is' if len(these) == 1 else 'are each'} {kind} among names")
    return said


def _groups(options: Collection[str], key: Callable[[str], str]) -> list[list[str]]:
    """Options with the same key, of which two differ in more than capitals and spaces; those with "" have none."""
    found: dict[str, list[str]] = {}
    for option in options:
        found.setdefault(key(option), []).append(option)
    return [g for key_of, g in found.items() if key_of and len({"".join(n.casefold().split()) for n in g}) > 1]


def _without_signs(name: str) -> str:
    return "".join(_WITHIN.sub("", name).casefold().split())


def _kind(option: str) -> str:
    """What an option is that is no name, with its article; "" for a name."""
    if option.startswith("InChI="):
        return "an InChI"
    if (cas := _CAS.fullmatch(option)) and _check_digit(cas[1] + cas[2]) == int(cas[3]):
        return "a CAS number"
    if _BONDS & set(option) and _is_smiles(option):
        return "a SMILES"
    return ""


def _check_digit(digits: str) -> int:
    """The last digit of a CAS number, as the others have it. Source: CAS, Check Digit Verification."""
    return sum(i * int(digit) for i, digit in enumerate(reversed(digits), 1)) % 10


def _is_smiles(text: str) -> bool:
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where something looks like a structure

    try:
        return bool(canonical_smiles(text))
    except MoleculeError:
        return False


def _all(options: Collection[str]) -> str:
    """Options in quotes, the first of many, and long ones cut off."""
    named = [repr(o if len(o) <= LETTERS else f"{o[:LETTERS]}...") for o in list(options)[:SHOWN]]
    more = [f"{len(options) - SHOWN} more"] if len(options) > SHOWN else []
    *first, last = [*named, *more]
    return f"{', '.join(first)} and {last}" if first else last
