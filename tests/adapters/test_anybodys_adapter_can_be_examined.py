"""``pytest --pyargs loop.testing --adapter MODULE:NAME``: anybody's adapter under every law."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.examining import ROOT, examine
from tests.adapters.executors.clusters import missing_programs


@pytest.mark.parametrize("name", ["sound", "simulated", "local", "command", "manual", "csv_folder", "sila2"])
def test_a_sound_one_passes(name: str) -> None:
    if name == "sila2":
        pytest.importorskip("sila2", reason="SiLA 2 servers need hakken[sila2]")
    code, said = examine("--adapter", f"tests.adapters.trials:{name}")

    assert code == 0, said
    assert int(re.findall(r"(\d+) passed", said)[0]) >= 30


# Their other laws are tried in this process, or cost a second and more each.
@pytest.mark.parametrize(
    ("name", "package"), [("ase", "ase"), ("pyscf", "pyscf"), ("dask", "distributed"), ("slurm", None)]
)
def test_a_dear_one_passes_a_few_laws(name: str, package: str | None) -> None:
    if package is not None:
        pytest.importorskip(package, reason=f"{name} needs hakken[{name}]")
    elif missing := missing_programs():
        pytest.skip(f"a real Slurm lacks {', '.join(missing)}; on Debian: apt-get install slurm-wlm munge")
    code, said = examine("--adapter", f"tests.adapters.trials:{name}", "-k", "starting_twice or is_named or read_again")

    assert code == 0, said
    assert int(re.findall(r"(\d+) passed", said)[0]) == 5


def test_one_in_the_folder_where_pytest_is_called_is_found(tmp_path: Path) -> None:
    """By the program ``pytest`` too, which, other than ``python -m pytest``, does not look there by itself."""
    (tmp_path / "balance.py").write_text("from tests.adapters.trials import sound as Balance\n", encoding="utf-8")
    (tmp_path / "adapters").mkdir()  # takes the place of nothing
    (tmp_path / "adapters" / "__init__.py").touch()
    words = ["--pyargs", "loop.testing", "-p", "loop.testing.plugin", "--adapter", "balance:Balance"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "starting_twice", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_broken_one_fails_where_it_is_broken() -> None:
    code, said = examine("--adapter", "tests.adapters.trials:Doubling")
    failed = set(re.findall(r"^FAILED .*::(test_\w+)", said, flags=re.MULTILINE))

    assert code == 1
    assert failed == {
        "test_starting_twice_runs_once",
        "test_starting_from_two_sides_at_once_runs_once",
        "test_calls_in_any_order_keep_the_laws",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name the adapter to be examined: --adapter my.module:MyAdapter"),
        (("--adapter", "tests.adapters.trials"), "--adapter is MODULE:NAME, such as my.module:MyAdapter; got 'tests"),
        (("--adapter", "no.such:thing"), "--adapter no.such:thing: No module named 'no'; run pytest where"),
        (("--adapter", "tests.adapters.trials:Bench"), "is no loop.testing.adapter.Trial and has none as its attrib"),
    ],
)
def test_what_cannot_be_examined_is_told(words: tuple[str, ...], message: str) -> None:
    code, said = examine(*words)

    assert code != 0
    assert message in said
    assert not words or said.count(message) == 1  # before any test, and not once for each law


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise ValueError('no port was given')", "ends in ValueError: no port was given; mend it until python -c "),
        ("def broken(:", "ends in SyntaxError: "),
        ("import sys; sys.exit(0)", "ends in SystemExit: 0; mend it"),
        ("sound = 1", "scales has no attribute 'Scales'; name one that it has"),
    ],
)
def test_a_module_that_cannot_be_run_is_told_without_a_traceback(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "scales.py").write_text(f"{text}\n", encoding="utf-8")
    words = ["--pyargs", "loop.testing", "-p", "loop.testing.plugin", "--adapter", "scales:Scales"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--adapter scales:Scales: {'' if 'attribute' in message else 'importing scales '}{message}" in said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said
