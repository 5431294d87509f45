"""YAML with line numbers: what a campaign file says, and where in it each thing stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from loop.errors import SpecError

Path: TypeAlias = tuple[str | int, ...]  # keys and places in lists, such as ("stop", 0, "target")
Problem: TypeAlias = tuple[Path, str]  # where something is wrong, and what, with the way out

_WHOLE = r"[-+]?\d+"
_NUMBERS = {  # of YAML 1.1, of which PyYAML is; see ``_Loader``
    "tag:yaml.org,2002:int": r"[-+]?(?:0b[01_]+|0x[\da-fA-F_]+|0|[1-9][\d_]*)",
    "tag:yaml.org,2002:float": (
        r"[-+]?\d[\d_]*\.[\d_]*(?:[eE][-+]\d+)?|\.\d[\d_]*(?:[eE][-+]\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
}


class _Loader(yaml.SafeLoader):
    """Takes 1:30 and 010 for text: to YAML 1.1 they are 90 and 8, which nobody means by them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _NUMBERS]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})$"), list("-+0123456789."))


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a file on which its keys and the items of its lists stand."""

    source: str  # name of the file
    numbers: Mapping[Path, int]
    parted: Mapping[Path, str] = field(default_factory=dict)  # lists that are perhaps decimal commas, and what to write

    def where(self, path: Path) -> str:
        """File, line and dotted path; the line of the nearest enclosing key when the key itself is missing."""
        known = next((path[:k] for k in range(len(path), 0, -1) if path[:k] in self.numbers), ())
        line = f" line {self.numbers[known]}" if known else ""
        return f"{self.source}{line}: {_dotted(path)}"

    def perhaps_decimals(self, within: Path = ()) -> tuple[str, ...]:
        """A sentence for each list within a path whose blanks say that its commas were meant as decimal signs."""
        return tuple(
            f"{self.where(path)}: a comma parts entries; if decimals are meant, write {meant}"
            for path, meant in self.parted.items()
            if path[: len(within)] == within
        )


def load_yaml(text: str, source: str) -> tuple[dict[str, Any], Lines]:
    """What a file says, and on which lines.

    Raises:
        SpecError: It is not YAML, gives a key twice, or is no mapping.
    """
    numbers: dict[Path, int] = {}
    parted: dict[Path, str] = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise SpecError(f"{source}: the file is empty; write one with hakken init")
        _walk(node, (), numbers, parted, source)
        data = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"{source}{line}: not valid YAML ({problem}); {_remedy(problem)}") from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{source}: not valid YAML ({error}); mend it") from None
    if not isinstance(data, dict):
        raise SpecError(f"{source}: must be a mapping that starts with 'campaign: NAME', got {type(data).__name__}")
    return data, Lines(source, numbers, parted)


def _remedy(problem: str) -> str:
    """What to do about a fault of YAML, by the loader's words for it."""
    if "'\\t'" in problem:
        return "YAML indents by blanks alone: put blanks in the place of tabs"
    if sign := re.search(r"character '([%@`])'", problem):
        return f'put what begins with {sign[1]} in quotes, such as "{sign[1]}"'
    return "mend the line or the one above it"


def place(text: str, source: str, path: Path) -> str:
    """Where ``path`` stands in a campaign file, such as ``"a.yaml line 12: laboratory.adapter"``, for messages.

    For what only the caller can judge, such as the laboratory's own options. The text must be valid YAML.
    """
    return load_yaml(text, source)[1].where(path)


def perhaps_decimals(text: str, source: str) -> tuple[str, ...]:
    """Of a campaign file that can be read, a sentence for each list that may have been written with decimal commas."""
    return load_yaml(text, source)[1].perhaps_decimals()


def _walk(node: yaml.Node, path: Path, numbers: dict[Path, int], parted: dict[Path, str], source: str) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in numbers:
                is_rest = str(here[-1]).isdecimal() and value.value == ""  # {low: 0,5} is low: 0 and an entry 5
                raise SpecError(
                    f"{source} line {key.start_mark.line + 1}: {_dotted(here)} is given twice (first on line "
                    f"{numbers[here]}); "
                    + ("a comma parts entries, so write decimals with a point" if is_rest else "keep one")
                )
            numbers[here] = key.start_mark.line + 1
            _walk(value, here, numbers, parted, source)
    elif isinstance(node, yaml.SequenceNode):
        if meant := _as_decimals(node):
            parted[path] = meant
        for i, item in enumerate(node.value):
            numbers[*path, i] = item.start_mark.line + 1
            _walk(item, (*path, i), numbers, parted, source)


def _as_decimals(node: yaml.SequenceNode) -> str:
    """What a list of whole numbers would be if commas without a blank were decimal signs: ``[0,5, 1,0]`` is
    ``[0.5, 1.0]``; "" where its blanks do not say so.
    """
    items = node.value
    if not node.flow_style or not all(isinstance(i, yaml.ScalarNode) and re.fullmatch(_WHOLE, i.value) for i in items):
        return ""
    found: list[str] = []
    is_open = False  # whether the last of ``found`` has no decimals yet, and no blank comes before this item
    for before, item in zip([None, *items], items, strict=False):
        is_close = before is not None and item.start_mark.index == before.end_mark.index + 1
        if is_close and not (is_open and item.value.isdecimal()):
            return ""  # [1,2,3] is a list that is written without blanks
        found[-1:] = [f"{found[-1]}.{item.value}"] if is_close else [*found[-1:], item.value]
        is_open = not is_close
    return f"[{', '.join(found)}]" if 1 < len(found) < len(items) else ""


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
