"""``hakken plate`` asks for as much of each stock as its robot's tubes take together, and says which tube gets what."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: coupling
space:
  base: {type: category, options: [BTMG, MTBD]}
  equivalents: {type: number, values: [1, 1.5, 2], unit: equiv}
objective: {yield: {goal: maximize, unit: "%"}}
plate: {rows: 2, columns: 3}
planner: {surrogate: random, initial: {design: random}}
recipe:
  vessel: {holds: 300 uL}
  limiting: {of: halide, amount: 10 umol}
  stocks:
    halide: {concentration: 0.5 mol/L, solvent: DMSO, dead: 1.28 mL}
    BTMG: {concentration: 0.75 mol/L, solvent: DMSO}
    MTBD: {concentration: 0.75 mol/L, solvent: DMSO}
  steps:
    - {dispense: halide, equivalents: 1}
    - {dispense: base, equivalents: equivalents}
budget: {experiments: 6}
laboratory:
  adapter: opentrons
  robot: stand-in
  machine: OT-2
  deck:
    plate: {labware: corning_96_wellplate_360ul_flat, slot: "1"}
    stocks: [{labware: opentrons_24_tuberack_nest_1.5ml_snapcap, slot: "4"}]
    tips:
      - {labware: opentrons_96_tiprack_20ul, slots: ["5"]}
      - {labware: opentrons_96_tiprack_300ul, slots: ["6"]}
    pipettes: {left: p20_single_gen2, right: p300_single_gen2}
  poll: 0.0
  measured_by: {adapter: manual}
"""


@pytest.fixture
def made(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plate of six wells that a robot made, and that is with a person to be measured."""
    monkeypatch.chdir(tmp_path)
    Path("campaign.yaml").write_text(CAMPAIGN)
    assert hakken("run", "campaign.yaml").code == 0
    return tmp_path


def prepared(page: str) -> list[str]:
    """The lines of what is to be prepared."""
    section = Path(page).read_text(encoding="utf-8").partition("<h2>To prepare</h2>")[2].partition("</ul>")[0]
    return [html.unescape(line) for line in re.findall("<li>(.*?)</li>", section)]


@pytest.mark.usefixtures("made")
def test_each_tube_has_its_own_rest_and_is_named(hakken: Any, home: Any) -> None:
    """Six doses of 20 uL, of which a tube with 1.28 mL of rest gives two before the nozzle of a P20 gets wet."""
    halide = next(line for line in prepared(hakken("plate", "coupling", "--json").json["page"]) if "halide" in line)

    assert halide == (
        "halide, 0.5 mol/L in DMSO: 3.96 mL for 6 experiments, 1.28 mL of each not to be drawn; slot 4 A1: 1.32 mL, "
        "slot 4 B1: 1.32 mL, slot 4 C1: 1.32 mL"
    )
    (protocol,) = home.folder("coupling").glob("laboratory/plates/*/protocol.py")
    assert protocol.read_text().count('"volume":1320.0') == 3


@pytest.mark.usefixtures("made")
def test_a_laboratory_that_does_not_tell_leaves_it_at_the_sum(hakken: Any) -> None:
    campaign, laboratory = CAMPAIGN.split("laboratory:")[0], "laboratory: {adapter: manual}\n"
    Path("campaign.yaml").write_text(campaign.replace("coupling", "by_hand") + laboratory)
    hakken("run", "campaign.yaml")
    halide = next(line for line in prepared(hakken("plate", "by_hand", "--json").json["page"]) if "halide" in line)

    assert halide == "halide, 0.5 mol/L in DMSO: 1.4 mL for 6 experiments, 1.28 mL of it not to be drawn"


def shared_by(**when: str) -> str:
    """The campaign with a robot for each of these bases, by its name."""
    campaign, _, robot = CAMPAIGN.partition("laboratory:\n")
    own = {name: f"    {name}:\n" + re.sub("(?m)^", "    ", robot.rstrip()) + "\n" for name in when}
    takes = {name: f"      when: {{base: {base}}}\n" for name, base in when.items() if base}
    parts = "".join(own[name] + takes.get(name, "") for name in when)
    return f"{campaign}laboratory:\n  adapter: several\n  laboratories:\n{parts}"


@pytest.mark.parametrize("is_sent", [False, True])
def test_of_several_laboratories_each_names_its_own_tubes(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_sent: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    text = shared_by(left="BTMG", right="MTBD")
    asked = text.replace("adapter: several", "adapter: several\n  approval: person")
    Path("campaign.yaml").write_text(text if is_sent else asked)
    assert hakken("run", "campaign.yaml").code == 0
    if not is_sent:
        hakken("approve", "coupling", "1")
    halide = next(line for line in prepared(hakken("plate", "coupling", "--json").json["page"]) if "halide" in line)

    assert halide == (
        "halide, 0.5 mol/L in DMSO: 5.24 mL for 6 experiments, 1.28 mL of each not to be drawn; "
        "slot 4 A1 of left: 1.32 mL, slot 4 B1 of left: 1.3 mL, slot 4 A1 of right: 1.32 mL, slot 4 B1 of right: 1.3 mL"
    )


def test_of_one_among_several_the_tubes_are_named_as_of_one(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("campaign.yaml").write_text(shared_by(robot=""))
    assert hakken("run", "campaign.yaml").code == 0
    halide = next(line for line in prepared(hakken("plate", "coupling", "--json").json["page"]) if "halide" in line)

    assert halide.endswith("slot 4 A1: 1.32 mL, slot 4 B1: 1.32 mL, slot 4 C1: 1.32 mL")


def rows_of(page: str) -> tuple[str, list[str]]:
    """What is said above the table of wells, and their labels in its order."""
    section = Path(page).read_text(encoding="utf-8").partition("<h2>Wells")[2]
    return html.unescape(section.partition("<table")[0]), re.findall(r"<b>([A-H]\d+)</b></td>", section)


def test_wells_that_a_robot_fills_stand_column_by_column_and_those_of_a_person_in_the_order_of_running(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said, order = {}, {}
    people = CAMPAIGN.partition("laboratory:")[0] + "laboratory: {adapter: manual}\n"
    one = CAMPAIGN.replace("  poll: 0.0", "  runs: each\n  poll: 0.0")
    for name, text in {"robot": CAMPAIGN, "people": people, "each": one}.items():
        Path("campaign.yaml").write_text(text.replace("campaign: coupling", f"campaign: {name}"))
        assert hakken("run", "campaign.yaml").code == 0
        said[name], order[name] = rows_of(hakken("plate", name, "--json").json["page"])

    by_column = ["A1", "B1", "A2", "B2", "A3", "B3"]
    assert order["robot"] == by_column
    assert (
        "The robot fills wells column by column (A1, B1, …), each step in all of them before the next" in said["robot"]
    )
    assert "in the order of running" not in said["robot"]
    for name in ("people", "each"):
        assert said[name].startswith(", in the order of running")
        assert "column by column" not in said[name]
        assert order[name] != by_column


def test_where_people_make_a_part_of_a_plate_both_orders_are_said(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("campaign.yaml").write_text(
        shared_by(left="BTMG") + "    people:\n      adapter: manual\n      when: {base: MTBD}\n"
    )
    assert hakken("run", "campaign.yaml").code == 0
    said, _ = rows_of(hakken("plate", "coupling", "--json").json["page"])

    assert said.startswith(", in the order of running")
    assert "A robot fills wells column by column (A1, B1, …)" in said
    assert "others go by the order below" in said


@pytest.mark.parametrize("several", [False, True])
def test_stocks_of_which_no_rest_is_said_are_named_where_a_robot_draws_them(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("campaign.yaml").write_text(shared_by(robot="") if several else CAMPAIGN)
    robot = hakken("validate", "campaign.yaml").out
    told = CAMPAIGN.replace("mol/L, solvent: DMSO}", "mol/L, solvent: DMSO, dead: 0 uL}")
    Path("campaign.yaml").write_text(told)
    said = hakken("validate", "campaign.yaml").out
    Path("campaign.yaml").write_text(CAMPAIGN.partition("laboratory:")[0] + "laboratory: {adapter: manual}\n")
    by_hand = hakken("validate", "campaign.yaml").out

    assert "note: of BTMG, MTBD no rest is said that cannot be drawn" in robot
    assert "write dead of each under recipe.stocks, such as dead: 50 uL, or dead: 0 uL where nothing stays" in robot
    assert "no rest is said" not in said + by_hand
