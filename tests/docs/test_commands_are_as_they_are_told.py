"""Commands: the README names every one and no other, and no page gives one an option that it does not have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pages import GUIDE, ROOT, blocks

from flows.cli import app

README = ROOT / "README.md"
PAGES = [README, ROOT / "examples/README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(GUIDE.glob("*.md"))]
HAKKEN = typer.main.get_command(app)


def paths(command: Any, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command with the groups that it is in: ``lab check``."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(before)
    for name, each in (inner or {}).items():
        yield from paths(each, (*before, name))


def given(page: Path) -> list[list[str]]:
    """The words of every ``hakken`` command on a page, between backticks or in a block for a shell."""
    lines = [line for block in blocks(page) if block.language == "sh" for line in block.code.splitlines()]
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`]+)`", prose)
    commands = [line.partition(" | ")[0] for line in lines if line.startswith("hakken ")]
    return [shlex.split(command, comments=True)[1:] for command in commands]


def wrong(words: list[str]) -> str:
    """What is no command or no option of it; "" for a command as it is."""
    command: Any = HAKKEN
    rest = list(words)
    while inner := getattr(command, "commands", None):
        if not rest or rest[0] not in inner:
            return "" if rest == ["--help"] else " ".join(words)
        command = inner[rest.pop(0)]
    known = {"--help", *(name for p in command.params for name in (*p.opts, *p.secondary_opts))}
    options = [word for word in rest if word.startswith("-") and word != "-"]  # a dash is standard output
    return " ".join(word for word in options if word.partition("=")[0] not in known)


def test_the_readme_names_every_command_and_no_other() -> None:
    table = README.read_text(encoding="utf-8").partition("| command | does |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \|", table, flags=re.MULTILINE)
    named = [name for row in rows for name in re.findall("`(.+?)`", row)]

    assert sorted(named) == sorted(paths(HAKKEN))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_gives_can_be_typed(page: Path) -> None:
    assert [said for words in given(page) if (said := wrong(words))] == []


def test_a_command_or_an_option_that_there_is_not_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`hakken run A --dry-run`, `hakken fly`, `hakken lab`\n\n```sh\nhakken tell A --whom B  # --no\n```\n"
    )

    assert sorted(filter(None, map(wrong, given(page)))) == ["--whom", "fly", "lab"]
