"""A test that lacks its tool is skipped with a reason; with HAKKEN_REQUIRE_ALL it fails, whichever way it skips."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
WAYS = {
    "as_a_whole": """
import pytest
pytest.importorskip("no_such_tool", reason="there is no such tool")
def test_it(): ...
""",
    "in_its_fixture": """
import pytest
@pytest.fixture
def tool(): return pytest.importorskip("no_such_tool", reason="there is no such tool")
def test_it(tool): ...
""",
    "in_itself": """
import pytest
def test_it(): pytest.importorskip("no_such_tool", reason="there is no such tool")
""",
}


def test_a_skip_fails_where_all_is_required(tmp_path):
    for way, text in WAYS.items():
        (tmp_path / f"test_{way}.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HAKKEN_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "pytest", "-ra", "-p", "conftest", "-p", "no:cacheprovider"]
        words += ["--continue-on-collection-errors", str(tmp_path)]
        return subprocess.run(words, cwd=tmp_path, env=environment | more, capture_output=True, text=True, timeout=120)

    allowed, refused = run(), run(HAKKEN_REQUIRE_ALL="1")

    assert allowed.returncode == 0, allowed.stdout
    assert "3 skipped" in allowed.stdout
    assert allowed.stdout.count("there is no such tool") == 3
    assert refused.returncode == 1
    for way in WAYS:
        (line,) = [line for line in refused.stdout.splitlines() if line.startswith(f"test_{way}.py")][-1:]
        assert "was skipped, and HAKKEN_REQUIRE_ALL is set" in line
        assert "there is no such tool" in line
    assert "1 failed, 2 errors" in refused.stdout
