"""Fixtures of the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.engine import passes, running, session
from flows.settings import Settings
from tests.flows.engine.bench import FakeLaboratory


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", by="tester")


@pytest.fixture(autouse=True)
def _without_page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the page costs more than all the rest; a test that looks at it asks for ``page``."""
    if "page" not in request.fixturenames:
        for module in (passes, running):
            monkeypatch.setattr(module, "write_page", lambda _session, **_: None)


@pytest.fixture
def page(settings: Settings) -> Path:
    """Where the page of the campaign "small" is drawn."""
    return settings.folder("small") / "report.html"


@pytest.fixture
def laboratory(monkeypatch: pytest.MonkeyPatch) -> FakeLaboratory:
    """A laboratory that does what a test tells it to, in place of the one that the spec names."""
    fake = FakeLaboratory()
    monkeypatch.setattr(session, "open_laboratory", lambda *_args, **_keywords: fake)
    return fake
