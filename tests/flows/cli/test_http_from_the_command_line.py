"""The example of a laboratory over HTTP: two commands, as its campaign file says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.http.trial import Served, served

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/http_laboratory/campaign.yaml"


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[Served]:
    command = f"{sys.executable} -m examples.http_laboratory --folder {{folder}} --port {{port}} --seconds 0"
    found = served(command, tmp_path / "bench", {"PYTHONPATH": str(ROOT)})
    yield found
    found.stop()


def campaign_at(url: str, folder: Path, *more: tuple[str, str]) -> Path:
    """The example's campaign file, with the laboratory where it is, a cheap planner, and further replacements."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in (("http://127.0.0.1:8765", url), ("{batch: 5,", "{surrogate: random, batch: 5,"), *more):
        assert old in text
        text = text.replace(old, new)
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_two_commands_show_it(hakken: Any, tmp_path: Path, laboratory: Served) -> None:
    assert "python -m examples.http_laboratory" in EXAMPLE.read_text(encoding="utf-8")

    said = hakken("run", campaign_at(laboratory.url, tmp_path), "--json")

    assert said.code == 0, said.err
    assert (said.json["state"], said.json["experiments_done"]) == ("finished", 20)


def test_it_is_commented_for_a_newcomer() -> None:
    assert sum("#" in line for line in EXAMPLE.read_text(encoding="utf-8").splitlines()) >= 8


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# token: $LAB_TOKEN", "token: hunter2", "a secret itself never stands in a campaign file"),
        ("simulated: true", "verify: false", "unknown option 'verify'; known: url, token, properties"),
        ('{yield: "%"}           #', "{yield: shoes}  #", "option 'properties' must be: a unit for each property"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_before_anything_is_asked(
    hakken: Any, tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = campaign_at("http://127.0.0.1:9", tmp_path, (old, new))

    said = hakken("run", path, "--max-seconds", 0)

    assert said.code == 2
    assert message in said.err
    assert "hunter2" not in said.err + said.out
