"""Pages of documentation as the tests see them: their fenced blocks, with the lines on which these stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guide"
DATA = ROOT / "examples/data"


@dataclass(frozen=True)
class Block:
    """A fenced block: ``language`` is its info string, ``line`` where its first line of code stands."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.name} line {self.line}"

    @property
    def length(self) -> int:
        return len(self.code.splitlines())

    @property
    def file(self) -> str:
        """The file that it is a part of: ``balance.py`` for ``python balance.py``; "" where it stands alone."""
        match = re.fullmatch(r"python (\w+\.py)", self.language)
        return match[1] if match else ""

    @property
    def is_campaign(self) -> bool:
        """Whether it is a whole campaign file, comments before it or not; another YAML block is a part of one."""
        said = [line for line in self.code.splitlines() if line.strip() and not line.startswith("#")]
        return self.language == "yaml" and bool(said) and said[0].startswith("campaign:")


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order.

    Raises:
        ValueError: A fence is not closed.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    start, language = -1, ""
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start < 0:
            start, language = number, line[3:].strip()
        else:
            yield Block(page, start + 2, language, "\n".join(lines[start + 1 : number]) + "\n")
            start = -1
    if start >= 0:
        raise ValueError(f"{page.name} line {start + 1}: the fence is not closed; close it with ```")


def files(page: Path) -> dict[str, str]:
    """The files whose parts stand on a page."""
    found: dict[str, str] = {}
    for block in blocks(page):
        if block.file:
            found[block.file] = found.get(block.file, "") + block.code
    return found


def read_data(name: str) -> str:
    """A file that a campaign names, from the example data: ``data/ligands.csv`` or ``ligands.csv``."""
    return (DATA / Path(name).name).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """What links to headings of a page are called after the ``#``, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
