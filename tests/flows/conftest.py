"""What tests of flows share: compiled statements, a process that forks engines to be killed, and a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.statements import compile_once

if TYPE_CHECKING:
    from tests.flows.engine.zygote import Zygote

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(autouse=True)
def _statements_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_once(monkeypatch.setattr)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """A process that forks engines, for all tests that ask for it: to start one takes as long as several campaigns."""
    from tests.flows.engine.zygote import Zygote

    process = Zygote()
    yield process
    process.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium. Not for the whole session: while it is there no other event loop can run in this thread."""
    if not CHROMIUM.exists():
        _lacking(f"no browser at {CHROMIUM}; install it (on Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        _lacking("playwright is not installed; install hakken[test]")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
        )
        yield chromium
        chromium.close()


def _lacking(what: str) -> None:
    if os.environ.get("HAKKEN_REQUIRE_ALL") == "1":
        pytest.fail(f"{what}, and HAKKEN_REQUIRE_ALL=1 allows no skipping")
    pytest.skip(what)
