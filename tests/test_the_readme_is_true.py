"""The README: what it prints runs, and what can be chosen is named in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from adapters.registry import describe
from loop.acquisition.names import ACQUISITIONS
from loop.surrogates.names import SURROGATES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading, up to the next one."""
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", README, flags=re.MULTILINE | re.DOTALL)
    assert match, f"no section {title!r}"
    return match[1]


def commands(title: str) -> list[list[str]]:
    """Every hakken command in the section's code."""
    blocks = re.findall(r"^```sh\n(.*?)^```", section(title), flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("hakken ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.slow
def test_the_first_sixty_seconds_run_as_printed(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = commands("Sixty seconds")
    assert [w[0] for w in words] == ["init", "run", "run", "show", "replay", "report"]

    for command in words:
        said = hakken(*command)
        assert said.code == 0, (command, said.err)

    assert (tmp_path / "runs/reaction/report.html").exists()


def test_the_core_is_used_alone_as_printed(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    hakken("init", "--template", "reaction")
    code = re.findall(r"^```python\n(from.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert len(code) == 1

    exec(compile(code[0], "README.md", "exec"), {})

    assert capsys.readouterr().out.count("'ligand'") == 10


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Laboratories", [name for name, _ in describe()]),
        ("Surrogates", list(SURROGATES)),
        ("Acquisition functions", list(ACQUISITIONS)),
    ],
    ids=["adapters", "surrogates", "acquisition functions"],
)
def test_everything_that_can_be_chosen_is_described(title: str, names: list[str]) -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section(title), flags=re.MULTILINE)

    assert sorted(name for name, _ in rows) == sorted(names)
    assert all(len(text) > 8 for _, text in rows)


def test_every_file_that_it_links_to_is_there() -> None:
    for text, folder in (
        (README, ROOT),
        ((ROOT / "examples/README.md").read_text(encoding="utf-8"), ROOT / "examples"),
    ):
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (folder / link).exists(), link


def test_every_module_that_it_names_is_there() -> None:
    named = re.findall(r"`([a-z_/]+\.py)`", README)

    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []
