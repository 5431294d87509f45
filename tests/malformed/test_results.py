"""Malformed results: one clear message each, no traceback, and every one of them is kept on record as it came."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app
from flows.engine import add_campaign
from flows.settings import Settings
from flows.wiring import open_record
from loop.outcome import Fault, FaultKind
from loop.record import Verdict

CAMPAIGN = """\
campaign: base
space:
  ligand: {type: component, options: {PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1, PCy3: C1CCC(P(C2CCCCC2)C2CCCCC2)CC1}}
  gas: {type: category, options: [N2, "NO"]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 2}
laboratory: {adapter: LABORATORY}
"""
CASES = yaml.safe_load((Path(__file__).parent / "results.yaml").read_text(encoding="utf-8"))


def name_of(case: dict[str, Any]) -> str:
    return str(case["name"]).replace(" ", "-")


def marked(case: dict[str, Any]) -> Any:
    """A case that is known not to hold yet says why under ``xfail``, and fails when it holds."""
    marks = [pytest.mark.xfail(strict=True, reason=case["xfail"])] if "xfail" in case else []
    return pytest.param(case, id=name_of(case), marks=marks)


@pytest.fixture
def campaign(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign whose first batch waits for a person; returns its worksheet."""
    monkeypatch.chdir(tmp_path)
    Path("campaign.yaml").write_text(CAMPAIGN.replace("LABORATORY", "manual"))
    said = hakken("run", "campaign.yaml")
    assert said.code == 0, said.err
    return tmp_path / "runs/base/laboratory/worksheet.csv"


@pytest.fixture
def known(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign on record, with nothing planned."""
    monkeypatch.chdir(tmp_path)
    Path("campaign.yaml").write_text(CAMPAIGN.replace("LABORATORY", "manual"))
    add_campaign(home, "campaign.yaml")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("case", [marked(case) for case in CASES["told"]])
def test_a_told_file_is_refused_by_line_and_kept(hakken: Any, home: Any, case: dict[str, Any]) -> None:
    Path("told.csv").write_text(case["file"], encoding="utf-8", newline="")

    said = hakken("tell", "base", "told.csv")

    assert said.code == 2
    assert said.err.count("error: ") == 1
    for part in case["says"]:
        assert part in said.err + said.out
    assert "Traceback" not in said.err + said.out
    with open_record(home) as ledger:
        kept = [e for e in ledger.envelopes("base") if e.verdict is not Verdict.ACCEPTED]
    assert [e.verdict for e in kept] == [Verdict(case.get("verdict", "malformed"))]
    assert kept[0].message
    last_line = case["file"].strip().rsplit("\n", 1)[-1]
    for cell in last_line.replace('"', "").split(","):
        assert cell.encode("ascii", "ignore").decode() in kept[0].payload or not cell.isascii()


@pytest.mark.usefixtures("known")
def test_a_told_file_that_is_not_there_is_named(hakken: Any) -> None:
    said = hakken("tell", "base", "nothing.csv")

    assert said.code == 2
    assert "nothing.csv cannot be read (No such file or directory); check the path" in said.err


@pytest.mark.usefixtures("campaign")
def test_a_second_opinion_on_an_attempt_is_kept_as_contradictory(hakken: Any, home: Any) -> None:
    with open_record(home) as ledger:
        key = ledger.attempts("base")[0].key
    Path("first.csv").write_text(f"key,yield\n{key},5\n")
    Path("second.csv").write_text(f"key,yield\n{key},50\n")
    assert hakken("tell", "base", "first.csv").code == 0

    said = hakken("tell", "base", "second.csv")

    assert said.code == 2
    assert "second.csv line 2: " in said.err
    assert "retract" in said.err
    with open_record(home) as ledger:
        assert [e.verdict for e in ledger.envelopes("base")] == [Verdict.ACCEPTED, Verdict.CONTRADICTORY]


WORKSHEETS = [
    ("a value that is text", {"yield [%]": "trace"}, ["'trace'"]),
    ("an unknown outcome", {"outcome": "done"}, ["'done'"]),
    ("an unknown kind of fault", {"outcome": "fault: clogged"}, ["'clogged'"]),
    ("NaN", {"yield [%]": "nan"}, ["'nan'"]),
]


@pytest.mark.parametrize(("cells", "says"), [w[1:] for w in WORKSHEETS], ids=[w[0] for w in WORKSHEETS])
def test_a_row_of_a_worksheet_can_be_corrected(
    hakken: Any, home: Any, campaign: Path, cells: dict[str, str], says: list[str]
) -> None:
    sheet = Sheet(campaign)
    sheet.fill(0, cells)

    said = hakken("run", "base")

    assert "Traceback" not in said.err + said.out
    for part in says:
        assert part in said.out
    with open_record(home) as ledger:
        assert [e.verdict for e in ledger.envelopes("base")] == [Verdict.MALFORMED]
        assert len(ledger.attempts("base")) == 2

    sheet.fill(0, {"outcome": "", "yield [%]": "12"})
    sheet.fill(1, {"yield [%]": "< 1"})
    assert "finished" in hakken("run", "base").out


def test_a_row_of_a_worksheet_under_an_unknown_key_is_kept(hakken: Any, home: Any, campaign: Path) -> None:
    sheet = Sheet(campaign)
    sheet.fill(0, {"key": "01a00000-0000-7000-8000-000000000000", "yield [%]": "5"})
    sheet.fill(1, {"yield [%]": "6"})

    said = hakken("run", "base")

    assert "01a00000-0000-7000-8000-000000000000" in said.out
    with open_record(home) as ledger:
        verdicts = sorted(e.verdict for e in ledger.envelopes("base") if e.verdict is not None)
        assert verdicts == [Verdict.ACCEPTED, Verdict.FOREIGN]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A campaign whose laboratory sends each of the cases once, run to its end by the command line."""
    folder = tmp_path_factory.mktemp("sent")
    payloads = [case["payload"] for case in CASES["sent"]]
    spec = CAMPAIGN.replace("LABORATORY", "simulated").replace("[60, 80, 100]", str(list(range(60, 100))))
    for words in ("batch: 2", "experiments: 2"):
        spec = spec.replace(words, words.replace("2", str(len(payloads))))
    (folder / "campaign.yaml").write_text(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAKKEN_HOME", str(folder / "runs"))
        patch.setattr("adapters.simulated.Simulated._send", lambda _self, _spec, place, _: [payloads[place.ordinal]])
        result = CliRunner().invoke(app, ["run", str(folder / "campaign.yaml")])
    assert result.exit_code == 0, result.stderr
    assert "Traceback" not in result.output
    return Settings(home=folder / "runs")


@pytest.mark.parametrize("case", CASES["sent"], ids=name_of)
def test_what_a_laboratory_sends_is_kept_and_its_attempt_ends_as_a_fault(sent: Settings, case: dict[str, Any]) -> None:
    with open_record(sent) as ledger:
        kept = [e for e in ledger.envelopes("base") if e.payload == case["payload"]]
        outcomes = {o.key: o.outcome for o in ledger.observations("base")}

    assert [e.verdict for e in kept] == [Verdict.MALFORMED]
    for part in case["says"]:
        assert part in kept[0].message
    ended = outcomes[kept[0].key]
    assert isinstance(ended, Fault)
    assert ended.kind is FaultKind.ANALYSIS_FAILED


class Sheet:
    """A worksheet in the hands of a person: cells are filled in by row and column."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, row: int, cells: dict[str, str]) -> None:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert set(cells) <= set(rows[row]), rows[row]
        rows[row] |= cells
        with self.path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
