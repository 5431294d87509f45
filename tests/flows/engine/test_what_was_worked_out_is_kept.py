"""What a campaign believes is worked out once for a record, and never taken from a file that answers something else."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import loop.insight.asking
import loop.insight.best
import loop.insight.contributions
from db.ledger import open_ledger
from flows.engine import View, believed, best, explain, retract, tell
from flows.engine.looking import kept as keeping
from flows.engine.looking.explaining import relied
from flows.settings import Settings
from flows.wiring import open_record
from loop.insight.statements import HonestBest
from tests.flows.engine.bench import HEADER, add, write

PLANNER = {"surrogate": "gp", "batch": 3, "seed": 7}
TANIMOTO = {**PLANNER, "surrogate": "tanimoto"}
ROWS = "water,DBU,1,50,1,,\nDMF,DBU,2,5,1,,\nEtOH,KOAc,3,70,1,,\nEtOH,DBU,3,65,1,,\nMeCN,DBU,1,40,1,,\n"


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages to which nothing is added while tests run, in place of that of the environment."""
    folder = tmp_path / "packages"
    folder.mkdir()
    os.utime(folder, (0.0, 0.0))
    monkeypatch.setattr(keeping.sysconfig, "get_path", lambda _: str(folder))
    return folder


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[HonestBest]:
    """Every answer that was worked out."""
    found: list[HonestBest] = []
    original = loop.insight.best.honest_best

    def counted(*args: Any, **keywords: Any) -> HonestBest:
        found.append(original(*args, **keywords))
        return found[-1]

    monkeypatch.setattr(loop.insight.best, "honest_best", counted)
    return found


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    """The file that answers, of a campaign with five results."""
    add(settings, tmp_path, planner=PLANNER)
    tell(settings, "small", write(tmp_path, HEADER + ROWS), by="tester")
    return settings.folder("small") / "believed.kept"


@pytest.mark.usefixtures("file")
def test_two_commands_on_one_record_fit_once(settings: Settings, worked_out: list[HonestBest]) -> None:
    first = best(settings, "small")
    with open_record(settings) as ledger:
        second = believed(View(ledger, "small"), settings.folder("small"))

    assert len(worked_out) == 1
    assert first == second
    assert repr(first) == repr(second)  # to the last digit, and of the same kinds


@pytest.mark.usefixtures("file")
def test_a_page_learns_once_for_its_best_and_its_shares(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[Any] = []
    original = loop.insight.asking.learn

    def counted(*args: Any, **keywords: Any) -> Any:
        learnt.append(original(*args, **keywords))
        return learnt[-1]

    monkeypatch.setattr(loop.insight.asking, "learn", counted)
    folder = settings.folder("small")
    with open_ledger(settings.database) as ledger:
        view = View(ledger, "small")
        named, shares = believed(view, folder), relied(view, folder)
        alone = View(ledger, "small")
        (folder / "influence.kept").unlink()
        again = relied(alone, folder)

    assert len(learnt) == 2  # for the page, and for who asked of another view
    assert named.candidates
    assert repr(shares) == repr(again)


@pytest.mark.usefixtures("file")
def test_what_changes_the_answer_is_answered_anew(
    settings: Settings, worked_out: list[HonestBest], tmp_path: Path
) -> None:
    before = best(settings, "small")

    told = tell(settings, "small", write(tmp_path, HEADER + "water,KOAc,2,90,1,,\n", "more.csv"), by="tester")
    after = best(settings, "small")
    retract(settings, "small", told.observations[0], by="tester", why="a wrong vial")
    again = best(settings, "small")
    add(settings, tmp_path, planner={**PLANNER, "seed": 5})
    other = best(settings, "small")

    assert len(worked_out) == 4
    assert after.candidates[0].label != before.candidates[0].label
    assert again == before
    assert other.candidates[0].best_of_all != before.candidates[0].best_of_all  # drawn with another seed


@pytest.mark.parametrize(
    "harm",
    [
        lambda _: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"70.0", b"71.0", 1),
        lambda data: b"0" * 64 + data[64:],
        lambda _: b"\x80\x04 no file of ours",
    ],
    ids=["empty", "cut off", "altered", "of another record", "foreign"],
)
def test_a_file_that_is_not_whole_is_not_believed(
    settings: Settings, file: Path, worked_out: list[HonestBest], harm: Any
) -> None:
    first = best(settings, "small")
    whole = file.read_bytes()
    assert harm(whole) != whole
    file.write_bytes(harm(whole))

    second = best(settings, "small")

    assert len(worked_out) == 2
    assert second == first
    assert file.read_bytes() == whole


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("what", ["code", "package", "machine"])
def test_other_code_packages_or_machines_work_it_out_themselves(
    settings: Settings, worked_out: list[HonestBest], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    best(settings, "small")
    here = keeping._here()
    others: Mapping[str, tuple[object, ...]] = {
        "code": (here[0], "0" * 64, *here[2:]),
        "package": ((*here[0][:-1], ("sqlalchemy", "0.1")), *here[1:]),  # type: ignore[index]
        "machine": (*here[:2], "elsewhere", *here[3:]),
    }
    monkeypatch.setattr(keeping, "_here", lambda: others[what])

    best(settings, "small")

    assert len(worked_out) == 2


@pytest.mark.usefixtures("file")
def test_a_new_package_is_an_update_and_that_others_may_enter_their_folder_is_none(
    settings: Settings, worked_out: list[HonestBest], packages: Path
) -> None:
    best(settings, "small")
    packages.chmod(0o755)
    best(settings, "small")
    assert len(worked_out) == 1

    (packages / "torch").mkdir()
    best(settings, "small")
    assert len(worked_out) == 2


def test_a_process_that_outlives_an_update_neither_reads_nor_writes_it(
    settings: Settings, file: Path, worked_out: list[HonestBest], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as update:
        update.setattr(keeping, "BEGAN", 0.0)  # everything was changed since
        best(settings, "small")
        assert not file.exists()

    best(settings, "small")
    best(settings, "small")
    assert file.exists()
    assert len(worked_out) == 2

    monkeypatch.setattr(keeping, "BEGAN", 0.0)
    best(settings, "small")
    assert len(worked_out) == 3


def test_where_nothing_can_be_kept_it_is_answered_all_the_same(
    settings: Settings, file: Path, worked_out: list[HonestBest]
) -> None:
    file.mkdir(parents=True)

    assert best(settings, "small") == best(settings, "small")
    assert len(worked_out) == 2
    assert [path.name for path in file.parent.glob("*.tmp")] == []


def test_it_may_be_deleted_and_written_by_several_at_once(settings: Settings, file: Path) -> None:
    first = best(settings, "small")
    file.unlink()
    start = threading.Barrier(4)
    found: list[HonestBest] = []

    def ask() -> None:
        start.wait()
        found.append(best(settings, "small"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [first] * 4
    assert best(settings, "small") == first


def test_answers_that_are_not_plain_are_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "some.kept"

    assert keeping.kept(file, "a set", (), lambda: {1, 2}) == {1, 2}
    assert keeping.kept(file, "no number", (), lambda: (float("nan"),)) != ()
    assert not file.exists()
    assert keeping.kept(file, "plain", (), lambda: ({0.1: "word"}, None, True, float("inf"))) == (
        {0.1: "word"},
        None,
        True,
        float("inf"),
    )
    assert keeping.kept(file, "plain", (), lambda: ()) == ({0.1: "word"}, None, True, float("inf"))


def test_what_atoms_add_is_worked_out_once_for_what_is_asked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {f"{head}{'C' * n}": f"{head}{'C' * n}" for head in ("O", "N", "Cl") for n in range(1, 5)}
    add(settings, tmp_path, space={"molecule": {"type": "molecule", "options": options}}, planner=TANIMOTO)
    rows = "".join(f"{name},{len(name) * 9}\n" for name in list(options)[::2])
    tell(settings, "small", write(tmp_path, "molecule,yield [%]\n" + rows), by="tester")
    asked: list[int] = []
    original = loop.insight.contributions.explain_best

    def counted(*args: Any, top: int, **keywords: Any) -> Any:
        asked.append(top)
        return original(*args, top=top, **keywords)

    monkeypatch.setattr(loop.insight.contributions, "explain_best", counted)

    first, again, fewer = (explain(settings, "small", top=top) for top in (3, 3, 2))

    assert asked == [3, 2]
    assert repr(again) == repr(first)
    assert [len(one.molecules) for one in (*first, *fewer)] == [3, 2]
