"""A worksheet, its form and a table of what waits have the targets in the order in which the campaign file has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.small import CAMPAIGN


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def columns(path: str) -> list[str]:
    """The columns of a table, of targets alone."""
    header = Path(path).read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    return [column for column in header if column in ("yield [%]", "ee [%]", "cost [EUR]")]


def test_it_is_that_of_the_file_and_not_of_the_alphabet(hakken: Any) -> None:
    more = '  yield: {goal: maximize, unit: "%", low: 0, high: 100}\n  ee: {goal: maximize, unit: "%"}\n'
    text = CAMPAIGN.replace("adapter: simulated", "adapter: manual, worksheet: bench.csv")
    Path("small.yaml").write_text(text.replace('  yield: {goal: maximize, unit: "%", low: 0, high: 100}\n', more))

    hakken("run", "small.yaml")
    hakken("export", "small", "todo.csv", "--waiting")

    assert columns("bench.csv") == ["yield [%]", "ee [%]"]
    assert columns("todo.csv") == ["yield [%]", "ee [%]"]
    form = Path("bench-form.html").read_text(encoding="utf-8")
    assert form.index("yield [%]") < form.index("ee [%]")
