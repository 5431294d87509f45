"""Decisions are named by their numbers: each has one of its own and says it, and whoever names one finds it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
NAMED = re.compile(r"docs/decisions/(\d{4})")


def test_no_two_have_one_number() -> None:
    numbers = [page.name[:4] for page in DECISIONS]

    assert len(numbers) > 80
    assert sorted(set(numbers)) == numbers


def test_headings_begin_with_the_number_and_a_status_follows() -> None:
    for page in DECISIONS:
        heading, _, status, *_ = page.read_text(encoding="utf-8").splitlines()
        assert heading.startswith(f"# {page.name[:4]} "), page.name
        assert status.startswith("Status: "), page.name


def test_every_number_that_is_named_is_there() -> None:
    known = {page.name[:4] for page in DECISIONS}
    code = [path for top in ("loop", "adapters", "db", "flows") for path in (ROOT / top).rglob("*.py")]
    told = [*code, ROOT / "CHANGELOG.md", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]

    named = {(number, str(path)) for path in told for number in NAMED.findall(path.read_text(encoding="utf-8"))}

    assert len(named) > 30
    assert [one for one in sorted(named) if one[0] not in known] == []
