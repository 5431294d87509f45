"""``hakken lab``: what can be named, whether it works from here, and a batch played without a trace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.catalogue import catalogue, known, options_of
from adapters.registry import describe
from flows.cli.guard import REFUSED
from flows.settings import Settings
from flows.wiring import open_laboratory
from loop.contracts import ExperimentSpec
from loop.errors import UnknownName
from loop.spec import read_spec
from tests.adapters.plates.robots import OT2, options
from tests.flows.cli.small import write

CAMPAIGN = """\
campaign: ovens
space:
  oven: {type: category, options: [left, right, third]}
  temperature: {type: number, values: [80, 90, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 6, initial: {experiments: 6, design: random}}
budget: {experiments: 12}
laboratory:
  adapter: several
  laboratories:
    a: {adapter: simulated, when: {oven: [left, right]}}
    b: {adapter: manual, when: {oven: third}}
"""


def plate_of(racks: list[str], several: bool = False) -> str:
    """A plate of 48 wells with three doses each, and a robot with so many racks of 96 tips."""
    deck = {**OT2, "tips": [{"labware": "opentrons_96_tiprack_20ul", "slots": racks}]}
    robot = {"adapter": "opentrons", **options(deck={**deck, "pipettes": {"left": "p20_single_gen2"}})}
    other = {"adapter": "manual", "when": {"reagent": "C"}}
    both = {"robot": {**robot, "when": {"reagent": ["A", "B"]}}, "other": other}
    laboratory = {"adapter": "several", "laboratories": both} if several else robot
    return f"""\
campaign: plate
space:
  reagent: {{type: category, options: [A, B, C]}}
  volume: {{type: number, low: 2, high: 19, step: 0.25, unit: uL}}
constraints: [{{exclude: {{reagent: C}}}}]
objective:
  yield: {{goal: maximize, unit: "%", low: 0, high: 100}}
recipe:
  vessel: {{holds: 300 uL}}
  stocks:
    halide: {{smiles: O}}
    A: {{smiles: O}}
    B: {{smiles: O}}
    C: {{smiles: O}}
  steps:
    - {{dispense: halide, volume: 5 uL}}
    - {{dispense: reagent, volume: volume}}
    - {{dispense: halide, volume: 3 uL}}
    - {{measure: yield, by: HPLC}}
plate: {{rows: 6, columns: 8}}
planner: {{surrogate: random, initial: {{experiments: 48, design: random}}}}
budget: {{experiments: 48}}
{yaml.safe_dump({"laboratory": laboratory}, sort_keys=False)}"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("ovens.yaml").write_text(CAMPAIGN)


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


class TestList:
    def test_everything_that_can_be_named_is_there(self, hakken: Any) -> None:
        from adapters.executors.placing import executors

        found = {(e["kind"], e["name"]): e for e in hakken("lab", "list", "--json").json}

        assert set(found) == {("adapter", n) for n, _ in describe()} | {("executor", n) for n, _ in executors()}
        assert found["executor", "slurm"]["delivery"].startswith("two-phase")
        assert found["adapter", "xtb"]["delivery"] == "that of its executor (run_on)"

    def test_what_is_lacking_is_said_with_its_remedy(self, hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")

        found = {e["name"]: e["lacking"] for e in hakken("lab", "list", "--json").json}
        remedy = "there is no sbatch on this machine; run hakken where jobs are submitted, or let it run_on: local"
        assert found["slurm"] == remedy
        assert found["local"] is None

    def test_the_resources_of_a_campaign(self, hakken: Any) -> None:
        found = {e["name"]: e for e in hakken("lab", "list", "ovens.yaml", "--json").json}

        assert list(found) == ["a", "b"]
        assert [found[name]["needs_person"] for name in ("a", "b")] == [False, True]
        assert found["a"]["measures"] == ["yield"]


class TestShow:
    @pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
    def test_options_with_what_they_may_be_and_an_example_that_can_be_read(self, hakken: Any, entry: Any) -> None:
        said = hakken("lab", "show", entry.name, "--json").json

        options = {option["name"]: option for option in said["options"]}
        section = yaml.safe_load(said["example"])["laboratory"]
        assert all(option["value"] for option in options.values())
        if entry.kind == "adapter":
            assert section["adapter"] == entry.name
            assert set(section) - {"adapter", "approval"} <= set(options)
        else:
            chosen = section["run_on"]
            assert chosen == entry.name or set(chosen[entry.name]) <= set(options)

    def test_types_defaults_and_meanings(self) -> None:
        options = {option.name: option for option in options_of(known("xtb"))}

        assert (options["workers"].value, options["workers"].default) == ("whole number from 1", "none")
        assert options["method"].value == "GFN2-xTB or GFN1-xTB"
        assert options["timeout"].meaning == "seconds for each"
        (first, *_) = options_of(known("emulator"))
        assert (first.name, first.default) == ("table", None)  # what must be given comes first

    def test_what_is_in_a_group_is_listed_after_it(self) -> None:
        told = options_of(known("csv_folder"))
        options, names = {option.name: option for option in told}, [option.name for option in told]

        assert options["command"].default == "as below"
        assert names[names.index("command") + 1] == "command.columns"
        assert options["command.delimiter"].value == r'"," or ";" or "\t"'
        assert options["response.status.column"].default is None
        assert "None" not in " ".join(option.meaning for entry in catalogue() for option in options_of(entry))

    def test_a_name_that_is_none_is_named_with_its_likes(self, hakken: Any) -> None:
        said = hakken("lab", "show", "emulatr")

        assert said.code == 2
        assert "unknown adapter or executor 'emulatr' (did you mean 'emulator'?)" in said.err
        with pytest.raises(UnknownName):
            known("robot")


class TestCheck:
    def test_each_resource_is_asked(self, hakken: Any) -> None:
        said = hakken("lab", "check", "ovens.yaml", "--json")

        assert said.code == 0
        found = {(c["area"], c["subject"]): c["verdict"] for c in said.json["checks"]}
        assert found["a", "health"] == found["b", "health"] == "ok"
        assert found["a", "an experiment"] == found["b", "an experiment"] == "ok"
        assert said.json["resources"] == ["a", "b"]

    def test_one_that_cannot_work_ends_with_2_and_its_remedy(
        self, hakken: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        text = CAMPAIGN.replace("{adapter: simulated,", "{adapter: callable, function: 'f:g', run_on: slurm,")
        Path("ovens.yaml").write_text(text)

        said = hakken("lab", "check", "ovens.yaml")

        assert said.code == 2
        assert "a, health: cannot work now" in said.out
        assert "b, " not in said.out.rpartition("problems: ")[2]
        assert "do what the remedies say, then hakken lab check ovens.yaml again" in said.out

    def test_an_experiment_that_it_refuses_is_a_problem(self, hakken: Any) -> None:
        text = CAMPAIGN.replace("{adapter: simulated,", "{adapter: emulator, table: t.csv,")
        Path("ovens.yaml").write_text(text)
        Path("t.csv").write_text("oven,temperature,yield\nleft,20,1\n")

        found = {(c["area"], c["subject"]): c for c in hakken("lab", "check", "ovens.yaml", "--json").json["checks"]}

        assert found["a", "an experiment"]["verdict"] == "problem"
        assert "t.csv" in found["a", "an experiment"]["found"] + found["a", "an experiment"]["remedy"]

    def test_a_resource_that_takes_nothing_is_noted(self, hakken: Any) -> None:
        Path("ovens.yaml").write_text(CAMPAIGN.replace("when: {oven: third}", "when: {oven: fourth}"))

        checks = hakken("lab", "check", "ovens.yaml", "--json").json["checks"]

        (note,) = [c for c in checks if (c["area"], c["subject"]) == ("b", "an experiment")]
        assert (note["verdict"], note["remedy"]) == ("note", "see to its 'when'")

    def test_a_folder_without_hard_links_is_a_problem(self, hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)

        said = hakken("lab", "check", "ovens.yaml")

        assert said.code == 2
        assert "cannot be written (Operation not permitted)" in said.out

    @pytest.mark.parametrize("command", ["check", "list"])
    def test_it_leaves_nothing_behind(
        self, hakken: Any, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from adapters.manual.options import build

        def makes_its_folder(options: Any, context: Any) -> Any:
            Path(context.folder).mkdir(parents=True)
            return build(options, context)

        monkeypatch.setattr("adapters.manual.options.build", makes_its_folder)
        before = everything(tmp_path)

        assert hakken("lab", command, "ovens.yaml").code == 0

        assert everything(tmp_path) == before

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            (
                ("adapter: manual", "adapter: manul"),
                "ovens.yaml line 9: laboratory: laboratory 'several': laboratory 'b'",
            ),
            (("when: {oven: third}", "colour: red"), "laboratory 'b': unknown option 'colour'"),
            (("adapter: several", "adapter: severl"), "unknown adapter 'severl' (did you mean 'several'?)"),
        ],
    )
    @pytest.mark.parametrize("command", ["check", "list", "simulate"])
    def test_a_wrong_section_is_named_with_its_line(
        self, hakken: Any, command: str, changed: tuple[str, str], message: str
    ) -> None:
        Path("ovens.yaml").write_text(CAMPAIGN.replace(*changed))

        said = hakken("lab", command, "ovens.yaml")

        assert said.code == 2
        assert message in said.err

    def test_a_campaign_that_is_not_there_is_named(self, hakken: Any) -> None:
        hakken("tick", "ovens.yaml")

        said = hakken("lab", "check", "nothing")

        assert said.code == 2
        assert "nothing" in said.err

    def test_a_worksheet_is_named_where_it_will_be(self, hakken: Any, home: Any) -> None:
        text = Path("ovens.yaml").read_text()
        spec = yaml.safe_load(text) | {"campaign": "bench", "laboratory": {"adapter": "manual"}}
        Path("bench.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))

        before = hakken("lab", "check", "bench.yaml", "--json").json["checks"]
        hakken("tick", "bench.yaml")
        after = hakken("lab", "check", "bench", "--json").json["checks"]

        (said,), (says,) = ([c["found"] for c in found if c["subject"] == "health"] for found in (before, after))
        assert said.endswith(f"{home.home.name}/bench/laboratory/worksheet.csv")
        assert "/hakken-" not in said
        assert Path(said.rpartition(" ")[2]).resolve() == Path(says.rpartition(" ")[2]).resolve()

    def test_doctor_tells_of_each_resource_of_what_goes_on(self, hakken: Any) -> None:
        hakken("tick", "ovens.yaml")

        found = {c["subject"]: c for c in hakken("doctor", "--json").json["checks"] if c["area"] == "campaigns"}

        assert {name: c["verdict"] for name, c in found.items()} == {"ovens, a": "ok", "ovens, b": "ok"}
        assert hakken("lab", "check", "ovens").code == 0  # by its name too


class TestSimulate:
    def test_every_experiment_is_proposed_sent_where_it_belongs_and_answered(self, hakken: Any) -> None:
        steps = hakken("lab", "simulate", "ovens.yaml", "--json").json["steps"]

        proposed = [s["text"] for s in steps if s["what"] == "proposed"]
        sent = {s["text"]: s["resource"] for s in steps if s["what"] == "sent"}
        came = {s["text"]: s["resource"] for s in steps if s["what"] == "result"}
        assert len(proposed) == 6
        assert sorted(sent) == sorted(came) == sorted(proposed)
        assert all((where == "b") == ("third" in text) for text, where in sent.items())
        assert came == sent
        assert all(0 <= s["outcome"]["values"][0]["value"] <= 100 for s in steps if s["what"] == "result")

    def test_nothing_is_left_of_it(self, hakken: Any, home: Any, tmp_path: Path) -> None:
        Path("ovens.yaml").write_text(CAMPAIGN.replace("{adapter: manual,", "{adapter: manual, worksheet: sheet.csv,"))
        before = everything(tmp_path)

        said = hakken("lab", "simulate", "ovens.yaml", "--rounds", "2")

        assert said.code == 0
        assert everything(tmp_path) == before
        assert not home.home.exists()

    def test_what_waits_for_a_person_and_for_room_is_said(self, hakken: Any) -> None:
        one_by_one = "callable, function: 'math:sin', workers: 1"
        text = CAMPAIGN.replace("simulated", one_by_one).replace("several", "several\n  approval: person")
        Path("ovens.yaml").write_text(text)

        said = hakken("lab", "simulate", "ovens.yaml", "--json").json
        steps = said["steps"]

        order = [s["what"] for s in steps]
        assert order.index("approved") < order.index("sent")
        assert said["resources"]["a"]["max_parallel"] == 1
        waits = [s["text"] for s in steps if s["what"] == "waits"]
        assert len(waits) >= 2
        assert "1 waits until there is room" in waits
        assert order.count("result") == 6

    def test_what_would_be_refused_is_said_before_anything_moves(self, hakken: Any) -> None:
        Path("ovens.yaml").write_text(CAMPAIGN.replace("when: {oven: third}", "when: {oven: left}"))

        said = hakken("lab", "simulate", "ovens.yaml")

        assert "REFUSED  third" in said.out
        assert "widen the 'when' of one of them" in said.out
        assert "1 would be refused before it is sent: take it out of the space" in said.out

    @pytest.mark.parametrize("several", [False, True])
    def test_a_deck_that_does_not_suffice_for_the_plate_is_said(self, hakken: Any, several: bool) -> None:
        Path("plate.yaml").write_text(plate_of(["5"], several))
        short = hakken("lab", "simulate", "plate.yaml", "--rounds", "2")
        steps = hakken("lab", "simulate", "plate.yaml", "--json").json["steps"]
        Path("plate.yaml").write_text(plate_of(["5", "6"], several))
        mended = hakken("lab", "simulate", "plate.yaml")

        robot = "robot, " if several else ""
        assert short.code == 2
        assert f"HELD     48 of round 1 wait for its laboratory: {robot}tips of p20_single_gen2: the plate" in short.out
        assert "needs 144 tips and the deck has 96; add racks to deck.tips" in short.out
        assert "the batch would be held back" in short.out
        assert [s["what"] for s in steps if s["what"] != "note"] == ["proposed"] * 48 + ["held"]
        assert mended.code == 0
        assert mended.out.count("<- ") == 48

    def test_a_stock_that_does_not_suffice_is_said_once(self, hakken: Any) -> None:
        Path("plate.yaml").write_text(plate_of(["5", "6"]).replace("smiles: O", "smiles: O, there: 100 uL"))

        short = hakken("lab", "simulate", "plate.yaml")

        assert short.code == 2
        assert short.out.count("HELD ") == 1
        assert "48 of round 1 wait for stocks: stock 'halide': 48 experiments need" in short.out

    def test_levels_are_kept(self, hakken: Any) -> None:
        text = CAMPAIGN.replace('unit: "%", low: 0, high: 100', "levels: [0, 1, 2]")
        Path("ovens.yaml").write_text(text)

        steps = hakken("lab", "simulate", "ovens.yaml", "--json").json["steps"]

        results = [s["outcome"] for s in steps if s["what"] == "result"]
        assert len(results) == 6
        assert {r["values"][0]["value"] for r in results} <= {0.0, 1.0, 2.0}

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("nothing.yaml",), "nothing.yaml"),
            (("ovens.yaml", "--rounds", "0"), "greater than or equal to 1"),
            (("ovens",), "ovens"),
        ],
    )
    def test_what_cannot_be_played_is_named(self, hakken: Any, words: tuple[str, ...], message: str) -> None:
        said = hakken("lab", "simulate", *words)

        assert said.code == 2
        assert message in said.err


def test_check_names_a_calibration_that_has_expired(hakken: Any) -> None:
    calibration = "{points: {0: 0, 100: 10}, expires: 2020-01-01}"
    analysis = (
        f"analysis: {{yield: {{peak: {{at: 4.2, within: 0.1}}, detection_limit: 1, calibration: {calibration}}}}}"
    )
    Path("ovens.yaml").write_text(f"{CAMPAIGN}{analysis}\n")

    said = hakken("lab", "check", "ovens.yaml", "--json")

    (found,) = [c for c in said.json["checks"] if c["area"] == "calibrations"]
    assert said.code == 0  # a note: results of before it expired stand
    assert (found["subject"], found["verdict"], found["found"]) == (
        "ovens, yield",
        "note",
        "calibration expired on 2020-01-01",
    )


@pytest.mark.parametrize("words", [("validate",), ("run", "--dry-run"), ("run",), ("tick",)], ids=" ".join)
def test_a_laboratory_that_would_refuse_everything_is_refused(home: Any, hakken: Any, words: tuple[str, ...]) -> None:
    Path("ovens.csv").write_text("furnace,temperature,yield\nleft,80,10\nright,80,20\n")
    Path("ovens.yaml").write_text(
        CAMPAIGN.split("laboratory:")[0] + "laboratory: {adapter: emulator, table: ovens.csv}\n"
    )

    said = hakken(*words, "ovens.yaml")

    assert said.code == 2
    assert (
        "ovens.yaml line 9: laboratory: laboratory 'emulator' would refuse every experiment: parameter 'oven': table "
        "ovens.csv has no column 'oven'; it has furnace, temperature, yield; name its column: columns: {oven: ...}"
    ) in said.err
    assert not home.folder("ovens").exists()


@pytest.mark.parametrize("words", [("validate",), ("run",), ("run", "--dry-run")])
def test_a_table_without_a_row_of_any_candidate_is_refused(hakken: Any, home: Any, words: tuple[str, ...]) -> None:
    Path("ovens.csv").write_text("oven,temperature,yield\nleft,85,10\nright,85,20\n")
    Path("ovens.yaml").write_text(
        CAMPAIGN.split("laboratory:")[0] + "laboratory: {adapter: emulator, table: ovens.csv}\n"
    )

    said = hakken(*words, "ovens.yaml")

    assert said.code == 2
    assert "ovens.yaml line 9: laboratory: laboratory 'emulator' is certain to refuse every candidate: " in said.err
    assert (
        "which is in no row of table ovens.csv; use values that its column 'temperature' has, or add rows" in said.err
    )
    assert not home.folder("ovens").exists()


def test_one_that_takes_some_is_not(hakken: Any) -> None:
    Path("ovens.csv").write_text("oven,temperature,yield\nleft,80,10\nright,80,20\nthird,100,20\n")
    Path("ovens.yaml").write_text(
        CAMPAIGN.split("laboratory:")[0] + "laboratory: {adapter: emulator, table: ovens.csv}\n"
    )

    foreseen = hakken("validate", "ovens.yaml")
    said = hakken("run", "ovens.yaml")

    (stands,) = hakken("status", "--json").json
    assert said.code == 0
    assert "laboratory emulator is certain to refuse 6 of the 9 candidates once they run" in foreseen.out
    assert "which is in no row of table ovens.csv; exclude it by a constraint, or add its row" in foreseen.out
    assert (stands["observations"], stands["faults"]) == (9, 6)


@pytest.mark.parametrize(
    ("temperature", "refuses"),
    [
        pytest.param("low: 80, high: 99, step: 1", "59 of the 60 candidates", id="asked about all"),
        pytest.param("low: 0, high: 99.75, step: 0.25", "400 of 400 candidates looked at", id="asked about some"),
    ],
)
def test_nor_is_one_that_takes_a_candidate_which_was_not_among_the_first_asked_about(
    hakken: Any, temperature: str, refuses: str
) -> None:
    Path("ovens.csv").write_text("oven,temperature,yield\nleft,82,10\n")
    begin = CAMPAIGN.split("laboratory:")[0].replace("values: [80, 90, 100]", temperature)
    Path("ovens.yaml").write_text(begin + "laboratory: {adapter: emulator, table: ovens.csv}\n")

    said = hakken("validate", "ovens.yaml")

    assert said.code == 0
    assert f"laboratory emulator is certain to refuse {refuses}" in said.out


@pytest.mark.parametrize("taken", [("left", 80), ("left", 90), ("third", 100)])
def test_nor_is_one_whose_rules_leave_a_single_candidate(hakken: Any, taken: tuple[str, int]) -> None:
    left = dict(zip(("oven", "temperature"), taken, strict=True))
    Path("bench.py").write_text(
        "from adapters import simulated\n"
        "from loop.contracts import Problem\n\n\n"
        "def bench(options, context):\n"
        "    laboratory = simulated.build(options, context)\n"
        "    closed = [Problem('bench', 'is closed', 'open it')]\n"
        f"    laboratory.validate = lambda spec: [] if spec.settings == {left} else closed\n"
        "    return laboratory\n"
    )
    Path("ovens.yaml").write_text(CAMPAIGN.split("laboratory:")[0] + 'laboratory: {adapter: "bench:bench"}\n')

    assert hakken("validate", "ovens.yaml").code == 0


@pytest.mark.usefixtures("small_campaign")
def test_an_adapter_of_ones_own_whose_code_fails_hides_no_other_check(hakken: Any) -> None:
    Path("bench.py").write_text(
        "from adapters import simulated\n\n\n"
        "def bench(options, context):\n"
        "    laboratory = simulated.build(options, context)\n"
        "    laboratory.health = lambda: {}['pan']\n"
        "    return laboratory\n"
    )
    write(simulated='"bench:bench"')
    hakken("tick", "small.yaml")
    write(**{"campaign: small": "campaign: other", "simulated": "manual"})
    hakken("tick", "small.yaml")

    doctor = hakken("doctor", "--json")

    found = {c["subject"]: c for c in doctor.json["checks"] if c["area"] == "campaigns"}
    assert doctor.code == REFUSED
    assert found["small, bench:bench"]["verdict"] == "problem"
    assert "KeyError: 'pan'" in found["small, bench:bench"]["remedy"]
    assert found["other, manual"]["verdict"] == "ok"


@pytest.mark.usefixtures("small_campaign")
def test_code_of_ones_own_that_fails_is_named_and_no_fault_of_hakken(hakken: Any) -> None:
    Path("bench.py").write_text(
        "from adapters import simulated\n\n\n"
        "def bench(options, context):\n"
        "    laboratory = simulated.build(options, context)\n"
        "    laboratory.validate = lambda spec: {}['pan']\n"
        "    return laboratory\n"
    )
    write(simulated='"bench:bench"')

    said = hakken("tick", "small.yaml")

    assert said.code == 2
    assert "bench.py line 6, code of your own, in validate: KeyError: 'pan'; mend it" in said.err
    assert "report it" not in said.err


@pytest.mark.parametrize("other", ["none: null", "PEt3: CCP(CC)CC"])
def test_a_program_is_given_no_structure_where_an_option_adds_nothing(
    tmp_path: Path, home: Settings, hakken: Any, other: str
) -> None:
    text = f"""\
campaign: program
space:
  ligand: {{type: component, options: {{PMe3: CP(C)C, {other}}}}}
objective: {{gap: {{goal: minimize, unit: eV}}}}
budget: {{experiments: 2}}
planner: {{initial: {{experiments: 2}}}}
laboratory:
  adapter: command
  command: [echo, gap, "4.0", "<$ligand_smiles>"]
  parse: {{gap: {{regex: 'gap (\\S+)', unit: eV}}}}
"""
    Path("program.yaml").write_text(text)
    said = hakken("validate", "program.yaml")
    lab = open_laboratory(home, read_spec(text, source="program.yaml", read=str), base=tmp_path)
    nothing = ExperimentSpec("program", {"ligand": "none"}, {}, {}, {"gap": "eV"})

    assert said.code == 0
    assert "command asks for it" not in said.out
    assert bool(lab.validate(nothing)) == (other != "none: null")
