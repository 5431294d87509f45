"""What keeps a Dask scheduler from the work is told as what it is, with the remedy: never as a fault of hakken."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import Any, NoReturn

import pytest

from adapters.errors import AdapterUnavailable
from adapters.executors.dask import DaskExecutor, DaskOptions
from loop.contracts import Finding, Phase
from loop.errors import NotSetUp
from loop.outcome import Measured
from loop.testing.adapter import KEY
from tests.adapters.executors.clusters import OneNodeDask
from tests.adapters.executors.jobs import MOLECULE, begin, outcome, ruler, runs, wait_until

MEND = "start one (dask scheduler), or mend the address"


@pytest.fixture(autouse=True)
def _distributed() -> None:
    pytest.importorskip("distributed", reason="the Dask executor needs hakken[dask]")


def executor(folder: Path, address: str) -> DaskExecutor:
    return DaskExecutor(folder / "lab", ruler("measure"), DaskOptions(address=address))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:9", "unknown address scheme 'http'"),
        ("tcp://127.0.0.1", "missing port number in address '127.0.0.1'"),
    ],
)
def test_an_address_that_is_none_is_told_with_the_remedy_wherever_it_is_met(
    tmp_path: Path, address: str, said: str
) -> None:
    lab = executor(tmp_path, address)
    handle = lab.prepare(MOLECULE, KEY)
    with pytest.raises(AdapterUnavailable) as caught:
        lab.start(handle, KEY)
    (found,) = [finding for finding in lab.examine() if finding.subject == "scheduler"]

    assert str(caught.value).startswith(f"the Dask scheduler at {address} gives no answer ({said}")
    assert str(caught.value).endswith(f"; {MEND}")
    assert lab.health().message == str(caught.value)
    assert (found.verdict, found.remedy) == ("problem", MEND)


def test_a_scheduler_by_tls_without_certificates_here_is_told_with_the_remedy(tmp_path: Path) -> None:
    told = executor(tmp_path, "tls://127.0.0.1:9").health().message

    assert told == (
        "the Dask scheduler at tls://127.0.0.1:9 is reached with certificates only, and Dask's configuration here "
        "names none; name them there (distributed.comm.tls), or give an address with tcp://"
    )


def test_workers_are_counted_as_schedulers_of_every_version_tell_them(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    def older(*_: Any, **__: Any) -> NoReturn:  # as of 2024
        raise TypeError("Scheduler.identity() got an unexpected keyword argument 'n_workers'")

    monkeypatch.setattr(Client, "scheduler_info", older)
    lab = executor(tmp_path, dask.address)

    assert lab.health().message.endswith(f"{dask.address}, 2 workers")
    assert Finding("scheduler", "ok", f"{dask.address}: 2 workers, 8 threads") in lab.examine()


def test_other_versions_of_dask_are_noted(dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, __version__

    def told(*_: Any, **__: Any) -> dict[str, Any]:
        def having(version: str) -> dict[str, Any]:
            return {"packages": {"distributed": version}}

        here, older = having(__version__), having("2024.8.0")
        workers = {"tcp://n1:1": here, "tcp://n2:1": older, "tcp://n3:1": older}
        return {"scheduler": here, "workers": workers, "client": here}

    same = executor(tmp_path / "same", dask.address).examine()
    monkeypatch.setattr(Client, "get_versions", told)
    other = executor(tmp_path / "other", dask.address).examine()

    assert [finding for finding in same if finding.subject == "versions of Dask"] == []
    (found,) = [finding for finding in other if finding.subject == "versions of Dask"]
    assert (found.verdict, found.found) == (
        "note",
        f"distributed {__version__} here, and 2024.8.0 on tcp://n2:1 and 1 more",
    )
    assert found.remedy.startswith("install one version of dask and distributed everywhere")


def test_an_answer_that_is_an_error_is_no_fault_of_hakken(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client, __version__

    def wrong(*_: Any, **__: Any) -> NoReturn:
        raise TypeError("a word that it does not know")

    monkeypatch.setattr(Client, "nthreads", wrong)
    told = executor(tmp_path, dask.address).health().message

    assert told == (
        f"the Dask scheduler at {dask.address} answers with an error (TypeError: a word that it does not know); "
        f"see its log, and whether it has the version of distributed that is here ({__version__})"
    )


def test_a_greeting_that_comes_with_other_news_is_asked_for_again(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    connected, greetings = Client._ensure_connected, iter(["with news", "with news"])

    async def ensure_connected(self: Client, timeout: float | None = None) -> None:
        assert next(greetings, None) is None  # as distributed asserts that the greeting is all there is
        await connected(self, timeout=timeout)

    monkeypatch.setattr(Client, "_ensure_connected", ensure_connected)

    assert executor(tmp_path, dask.address).health().message.endswith(f"{dask.address}, 2 workers")


def test_a_scheduler_that_never_greets_as_it_should_answers_with_an_error(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    async def ensure_connected(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(Client, "_ensure_connected", ensure_connected)
    told = executor(tmp_path, dask.address).health().message

    assert told.startswith(f"the Dask scheduler at {dask.address} answers with an error (AssertionError: AssertionErr")


def test_no_client_is_collected_while_another_starts(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be closed by the thread that starts, and wait for ever for a lock which that holds."""
    from distributed import Client

    starts, collecting = Client.start, []

    def start(self: Client, **said: Any) -> Any:
        collecting.append(gc.isenabled())
        return starts(self, **said)

    monkeypatch.setattr(Client, "start", start)

    assert executor(tmp_path, dask.address).health().is_ok
    assert collecting == [False]
    assert gc.isenabled()


def test_what_a_lost_connection_logs_is_not_shown_beside_what_we_say_of_it(dask: OneNodeDask, tmp_path: Path) -> None:
    assert executor(tmp_path, dask.address).health().is_ok

    loggers = [logging.getLogger(name) for name in ("distributed.client", "distributed.comm.tcp")]
    assert not any(logger.isEnabledFor(logging.ERROR) for logger in loggers)


@pytest.mark.parametrize(
    ("place", "lacks", "what"),
    [
        ("adapters.executors.spool.sys.executable", "/nowhere/python", "the Python that runs hakken here"),
        ("adapters.executors.spool.HERE", Path("/nowhere"), "a part of hakken"),
    ],
)
def test_workers_of_which_none_can_take_a_job_up_get_no_more_and_cost_no_attempt(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, lacks: Any, what: str
) -> None:
    lab = executor(tmp_path, dask.address)
    with monkeypatch.context() as patch:
        patch.setattr(place, lacks)
        handle = begin(lab)
        wait_until(lambda: lab.status(handle).phase is Phase.PREPARED)
        with pytest.raises(NotSetUp) as caught:
            lab.start(handle, KEY)
        found = {finding.subject: finding for finding in lab.examine()}
    lab.start(handle, KEY)  # they were mended

    path = "/nowhere/python" if isinstance(lacks, str) else "/nowhere/claimant.py"
    assert str(caught.value) == (
        f"none of the 2 workers at {dask.address} finds {path}, {what}; "
        "install hakken at the same path where they are, or start workers where it is"
    )
    assert found["what workers find"].verdict == "problem"
    assert isinstance(outcome(lab, handle), Measured)
    assert runs(tmp_path, KEY) == 1


def test_a_folder_that_is_not_made_yet_is_not_missed_on_workers(dask: OneNodeDask, tmp_path: Path) -> None:
    lab = executor(tmp_path, dask.address)
    before = lab.examine()
    lab.prepare(MOLECULE, KEY)
    after = lab.examine()

    assert not [finding for finding in (*before, *after) if finding.subject == "what workers find"]
    assert not list((tmp_path / "lab").glob(".mark-*"))


def test_a_folder_of_their_own_at_the_same_path_is_not_the_one_of_the_jobs(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = executor(tmp_path, dask.address)
    lab.prepare(MOLECULE, KEY)
    monkeypatch.setattr(Path, "touch", lambda *_, **__: None)  # so that a mark is here alone
    (found,) = [finding for finding in lab.examine() if finding.subject == "what workers find"]

    folder = (tmp_path / "lab").resolve()
    assert found.found.endswith(f"finds {folder}, through which jobs and results go")
    assert found.remedy.startswith("let HAKKEN_HOME be a folder that they see at the same path")
