"""Labels, tables and messages have parameters in the order of the campaign file; keys, numbers and batches do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

OPTIONS = {
    "solvent": "{type: mixture, parts: {water: O, ethanol: CCO, DMF: CN(C)C=O}, step: 0.5}",
    "ligand": "{type: category, options: [XPhos, SPhos]}",
    "base": "{type: category, options: [KOAc, K3PO4]}",
    "temperature": "{type: number, values: [60, 80, 100], unit: degC}",
    "dose": '{type: derived, expression: temperature * 2, unit: "%"}',
    "age": "{type: context, unit: h}",
    "additive": "{type: category, options: [LiCl, CsF]}",
}
WRITTEN = tuple(OPTIONS)
COLUMNS = ["solvent.water", "solvent.ethanol", "solvent.DMF", "ligand", "base", "temperature", "additive"]
LABEL = "solvent 0.5 water + 0.5 DMF, XPhos, KOAc, temperature 80 degC, LiCl"
ROW = "0.5,0,0.5,XPhos,KOAc,80,LiCl"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(order: tuple[str, ...] = WRITTEN, **more: str) -> None:
    said = {
        "objective": '{yield: {goal: maximize, unit: "%", low: 0, high: 100}}',
        "planner": "{surrogate: gp, batch: 2, seed: 7, initial: {experiments: 3}}",
        "budget": "{experiments: 9}",
        "laboratory": "{adapter: simulated}",
        **more,
    }
    space = "".join(f"  {name}: {OPTIONS[name]}\n" for name in order)
    rest = "".join(f"{key}: {value}\n" for key, value in said.items())
    Path("small.yaml").write_text(f"campaign: small\nspace:\n{space}{rest}")


def said(text: str, *parts: str) -> bool:
    """Whether the first line with all of the parts has them in their order."""
    line = next(line for line in text.splitlines() if all(part in line for part in parts))
    places = [line.index(part) for part in parts]
    return places == sorted(places)


def header(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8-sig").splitlines()[0].split(",")


def settings_of(hakken: Any, *command: str) -> list[dict[str, Any]]:
    """The settings of the proposals of a dry run, in the order of running."""
    plan = json.loads(hakken("run", "--dry-run", *command, "--json").out)["plan"]
    return [p["candidate"]["settings"] for p in sorted(plan["proposals"], key=lambda p: p["run_order"])]


def tell(hakken: Any, *rows: str) -> None:
    Path("told.csv").write_text("\n".join([",".join([*COLUMNS, "yield"]), *rows]) + "\n")
    hakken("tell", "small.yaml", "told.csv")


def test_candidates_are_called_so_wherever_they_are_named(hakken: Any) -> None:
    write()
    named = ("solvent ", "Phos", "K", "temperature ", "degC, ")

    assert said(hakken("run", "--dry-run", "small.yaml").out, *named)
    assert said(hakken("run", "small.yaml").out, *named)
    for command in (("show", "small"), ("best", "small"), ("status", "small"), ("predict", "small")):
        assert said(hakken(*command).out, *named)
    assert said(hakken("show", "small", "3").out, "nearest on record", *named)
    hakken("report", "small")
    page = Path("runs/small/report.html").read_text(encoding="utf-8")
    assert page.index("ligand") < page.index("base") < page.index("additive")


def test_parts_of_a_mixture_stand_in_it_as_the_file_has_them(hakken: Any) -> None:
    write()
    tell(hakken, f"{ROW},50")

    assert LABEL in hakken("status", "small").out


def test_so_do_the_columns_of_tables(hakken: Any) -> None:
    write()
    hakken("run", "small.yaml")
    hakken("export", "small", "results.csv")
    hakken("predict", "small", "--out", "predicted.csv")

    for path in ("results.csv", "predicted.csv"):
        assert [c for c in header(path) if c.removeprefix("settings.") in COLUMNS] == [f"settings.{c}" for c in COLUMNS]
    units = header("results.csv")
    assert units[units.index("settings.temperature") + 1] == "settings.temperature.unit"
    assert units.index("settings.additive") < units.index("derived.dose")


def test_so_do_messages_and_what_is_banned(hakken: Any) -> None:
    write()
    tell(hakken, f"{ROW},50")
    where = (word for one in ("additive=LiCl", "temperature>70", "base=KOAc") for word in ("--where", one))
    hakken("ban", "small", *where, "--why", "x")

    assert "base = KOAc and temperature > 70 and additive = LiCl" in hakken("decisions", "small").out
    refused = hakken("pin", "small", "--where", "additive=CsF", "--why", "x")
    assert f"give every one of {', '.join(COLUMNS)}" in refused.err
    checked = json.loads(hakken("validate", "small.yaml", "--json").out)
    assert checked["parameters"] == COLUMNS


def test_the_order_decides_no_number(hakken: Any) -> None:
    write()
    first = settings_of(hakken, "small.yaml")
    write(tuple(sorted(OPTIONS)))

    assert settings_of(hakken, "small.yaml") == first


def test_nor_does_it_where_a_model_chooses(hakken: Any) -> None:
    write()
    rows = ("1,0,0,XPhos,K3PO4,60,CsF,20", "0,1,0,SPhos,KOAc,100,LiCl,70", "0,0.5,0.5,SPhos,K3PO4,80,LiCl,40")
    tell(hakken, f"{ROW},50", *rows)
    first = settings_of(hakken, "small.yaml")
    write(tuple(sorted(OPTIONS)))

    assert settings_of(hakken, "small.yaml") == first


def test_another_order_alone_is_no_other_version_and_shows_at_once(hakken: Any) -> None:
    write()
    hakken("run", "small.yaml")
    before = json.loads(hakken("status", "small", "--json").out)
    write(tuple(reversed(WRITTEN)))
    again = ("degC, ", "K", "Phos, ", "solvent ")

    hakken("run", "small.yaml")
    after = json.loads(hakken("status", "small", "--json").out)

    assert [c["state"] for c in (before[0], after[0])] == ["finished", "finished"]
    assert said(hakken("show", "small", "1").out, *again)
    assert "version 2" not in hakken("audit", "log").out
    assert "comes out again" in hakken("replay", "small", "3").out
    assert hakken("audit", "verify").out


def test_a_dry_run_of_another_order_shows_that_order(hakken: Any) -> None:
    write(laboratory="{adapter: manual}")
    hakken("tick", "small.yaml")
    write(tuple(reversed(WRITTEN)), laboratory="{adapter: manual}")

    assert said(hakken("run", "--dry-run", "small.yaml").out, "degC, ", "K", "Phos, ", "solvent ")


def test_where_nobody_noted_an_order_it_is_that_of_the_alphabet(hakken: Any) -> None:
    write()
    hakken("tick", "small.yaml")
    origin = Path("runs/small/origin.json")
    origin.unlink()

    assert said(hakken("show", "small", "1").out, "K", "Phos, ", "solvent ", "temperature ")
    for noted in ("{", '{"base": "/lab", "file": "small.yaml"}'):  # half of it, or by an earlier release
        origin.write_text(noted)
        assert said(hakken("show", "small", "1").out, "K", "Phos, ", "solvent ", "temperature ")


def test_a_withdrawn_best_is_known_in_another_order(hakken: Any) -> None:
    write(stop="[{target: yield, at_least: 40}]")
    tell(hakken, f"{ROW},50")
    hakken("tick", "small.yaml")
    (told,) = json.loads(hakken("status", "small", "--json").out)[0]["best"]
    write(tuple(reversed(WRITTEN)), stop="[{target: yield, at_least: 40}]")
    hakken("tick", "small.yaml")
    hakken("retract", "small", told["observation"], "--why", "a slip")

    assert "was retracted since" in hakken("status", "small").out


def test_what_a_record_has_is_read_as_such() -> None:
    """So that no column of coordinates goes by how a campaign file is written."""
    root = Path(__file__).parents[3]
    modules = [path for top in ("flows", "db", "adapters") for path in (root / top).rglob("*.py")]
    others = [path.stem for path in modules if "from_resolved(" in path.read_text(encoding="utf-8")]

    assert sorted(others) == ["campaigns", "importing", "source_spec"]  # they compare what two specs say
