"""What tests of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.cli.small import CAMPAIGN


@pytest.fixture
def tell_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> Any:
    """Writes a campaign file and a table into the working folder, and tells the table: ``(spec, rows)``."""
    monkeypatch.chdir(tmp_path)

    def tell(spec: dict[str, Any], rows: str) -> None:
        (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        (tmp_path / "told.csv").write_text(rows, encoding="utf-8")
        hakken("tell", "campaign.yaml", "told.csv")

    return tell


@pytest.fixture
def small_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with the campaign file of ``tests.flows.cli.small`` in it."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(CAMPAIGN)
