"""A campaign that looks for one of several classes: each is told, kept and shown by its word, and the last counts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: forms
space:
  solvent: {type: category, options: [water, ethanol, acetone, toluene]}
  cooling: {type: number, low: 1, high: 5, step: 1, unit: degC/min}
objective:
  form: {goal: maximize, classes: [amorphous, form II, form I]}
planner: {surrogate: random, batch: 2, initial: {experiments: 2}}
budget: {experiments: 8}
laboratory: {adapter: manual}
"""
TOLD = "solvent,cooling,form\nwater,1,amorphous\nethanol,2,form ii\nacetone,3,Form I\nethanol,2,amorphous\n"
EXTENDED = "classes: [form III, amorphous, form II, form I]"
TAKEN_OUT = "classes: [amorphous, form II, form I]"


@pytest.fixture
def told(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("forms.yaml").write_text(CAMPAIGN)
    Path("told.csv").write_text(TOLD)
    assert hakken("tell", "forms.yaml", "told.csv").code == 0
    return hakken


def rewritten(told: Any, classes: str) -> Any:
    Path("forms.yaml").write_text(CAMPAIGN.replace("classes: [amorphous, form II, form I]", classes))
    return told("tick", "forms.yaml")


def test_the_last_is_a_hit_and_the_others_are_named(told: Any) -> None:
    best = told("best", "forms").out

    assert "hits: 1 of 3 tried (33 %)" in told("status", "forms").out
    assert "hit: acetone, cooling 3 degC/min" in best
    assert "measured 2 times: form II, amorphous" in best


def test_what_is_exported_can_be_told_again(told: Any) -> None:
    assert told("export", "forms", "out.csv").code == 0
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["results.form.value"] for row in rows] == ["amorphous", "form II", "form I", "amorphous"]
    assert [row["results.form.canonical"] for row in rows] == ["0.0", "0.0", "1.0", "0.0"]
    Path("again.yaml").write_text(CAMPAIGN.replace("campaign: forms", "campaign: again"))
    assert "4 results accepted" in told("tell", "again.yaml", "out.csv").out


def test_the_page_names_each(told: Any, home: Any) -> None:
    assert told("report", "forms").code == 0
    page = (home.home / "forms/report.html").read_text(encoding="utf-8")

    assert "form = form II" in page
    assert ">not form I</text>" in page  # of the chart's axis
    assert "form I is wanted" in page


def test_a_number_is_refused_since_it_says_nothing(told: Any) -> None:
    Path("told.csv").write_text(TOLD.replace("Form I", "1"))

    assert (
        "line 4: 'form': 1 is none of its classes amorphous, form II, form I; report one of them"
        in told("tell", "forms", "told.csv").err
    )


def entered(home: Any, word: str, **more: str) -> Path:
    """The worksheet, ``word`` entered in its first row, and further cells."""
    sheet = Path(home.folder("forms") / "laboratory" / "worksheet.csv")
    head, row, *others = sheet.read_text("utf-8-sig").splitlines()
    cells = {**dict(zip(head.split(","), row.split(","), strict=True)), "form": word, **more}
    rest = [line + "," * len(more) for line in others]
    sheet.write_text("\n".join([",".join(cells), ",".join(cells.values()), *rest]), encoding="utf-8")
    return sheet


def test_an_entry_that_waits_for_a_class_is_read_once_the_file_has_it(told: Any, home: Any) -> None:
    told("tick", "forms")
    entered(home, "form III")
    waits = " ".join(told("tick", "forms").out.split())
    other = " ".join(rewritten(told, "classes: [wet, amorphous, form II, form I]").out.split())
    said = " ".join(rewritten(told, "classes: [form III, wet, amorphous, form II, form I]").out.split())

    new = "report one of them; where it is a new one, write it in front of the others in the campaign file"
    assert (
        f"waits: 'form': 'form III' is none of its classes amorphous, form II, form I (did you mean 'form II'?); {new}"
        in waits
    )
    assert "is none of its classes wet, amorphous, form II, form I" in other
    assert "1 came back" in said
    assert "waits:" not in said
    assert "form III" in told("show", "forms", "1").out
    assert told("audit", "verify").code == 0


def test_a_worksheet_that_names_photos_can_be_told(told: Any, home: Any) -> None:
    told("tick", "forms")
    said = told("tell", "forms", entered(home, "form II", file="a1.jpg"))

    assert "1 result accepted" in said.out, said.err
    assert "files that a column 'file' names, such as 'a1.jpg', are not taken in by hakken tell" in " ".join(
        said.out.split()
    )


def test_a_class_that_turns_up_later_is_put_in_front(told: Any) -> None:
    assert rewritten(told, EXTENDED).code == 0
    Path("more.csv").write_text("solvent,cooling,form\ntoluene,4,form III\n")
    assert told("tell", "forms", "more.csv").code == 0

    best = told("best", "forms", "--top", "9").out
    assert "measured 1 time: form III" in best
    assert "measured 2 times: form II, amorphous" in best
    assert "are form III, which is none of amorphous, form II, form I" in rewritten(told, TAKEN_OUT).err


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        (
            "classes: [amorphous, form III, form II, form I]",
            "were 'amorphous' and would be 'form III'; keep the classes in their order, new ones before them",
        ),
        ("classes: [form II, form I]", "are amorphous, which is none of form II, form I; keep it among them"),
        ("classes: [amorphous, form I, form II]", "were 'form II' and would be 'form I'"),
    ],
)
def test_no_result_becomes_another_class(told: Any, classes: str, why: str) -> None:
    assert why in rewritten(told, classes).err


def test_classes_with_an_order_are_told_of_levels(told: Any) -> None:
    Path("forms.yaml").write_text(CAMPAIGN.replace("[amorphous, form II, form I]", "[low, medium, high]"))

    assert (
        "where medium is nearer to high than low is, write levels: [low, medium, high]"
        in told("validate", "forms.yaml").out
    )


def test_a_class_may_be_kept_while_a_number_is_wanted(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = "  purity: {goal: maximize, unit: '%'}\n  form: {goal: keep, classes: [amorphous, form II, form I]}\n"
    head, _, rest = CAMPAIGN.partition("  form:")
    Path("forms.yaml").write_text(head + wanted + rest.partition("\n")[2])
    lines = ["water,1,99,amorphous", "ethanol,2,60,form I", "acetone,3,70,form I", "toluene,1,90,form II"]
    Path("told.csv").write_text("\n".join(["solvent,cooling,purity,form", *lines]))

    assert hakken("tell", "forms.yaml", "told.csv").code == 0
    assert "best single value: purity 70 %: acetone" in hakken("status", "forms").out
    Path("one.csv").write_text("\n".join(["solvent,cooling,purity,form", *lines[::3]]))
    Path("forms.yaml").write_text(Path("forms.yaml").read_text().replace("campaign: forms", "campaign: none"))
    assert hakken("tell", "forms.yaml", "one.csv").code == 0
    assert "form not form I, and form I is wanted" in hakken("status", "none").out


EITHER = f"{TAKEN_OUT}, wanted: [form II, form I]"


@pytest.fixture
def either(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("forms.yaml").write_text(CAMPAIGN.replace(TAKEN_OUT, EITHER))
    Path("told.csv").write_text(TOLD)
    assert hakken("tell", "forms.yaml", "told.csv").code == 0
    return hakken


def test_several_may_be_wanted_and_each_is_named(either: Any, home: Any) -> None:
    Path("more.csv").write_text("solvent,cooling,form\ntoluene,4,form II\n")
    assert either("tell", "forms", "more.csv").code == 0
    best = either("best", "forms", "--top", "9").out
    assert either("report", "forms").code == 0
    page = (home.home / "forms/report.html").read_text(encoding="utf-8")

    assert "hits: 2 of 4 tried (50 %)" in either("status", "forms").out
    assert "hit: acetone, cooling 3 degC/min" in best
    assert "hit: toluene, cooling 4 degC/min" in best
    assert "form II or form I is wanted" in page
    assert ">amorphous</text>" in page  # of the chart's axis: the only other


def test_what_is_exported_of_several_wanted_can_be_told_again(either: Any) -> None:
    assert either("export", "forms", "out.csv").code == 0
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["results.form.value"] for row in rows] == ["amorphous", "form II", "form I", "amorphous"]
    assert [row["results.form.canonical"] for row in rows] == ["0.0", "1.0", "1.0", "0.0"]
    Path("again.yaml").write_text(CAMPAIGN.replace("campaign: forms", "campaign: again"))
    assert "4 results accepted" in either("tell", "again.yaml", "out.csv").out
    assert "hits: 1 of 3 tried (33 %)" in either("status", "again").out


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (
            TAKEN_OUT,
            EITHER,
            "are 'form II', which counted as not wanted and would count as wanted; keep wanted: [form I]",
        ),
        (
            EITHER,
            TAKEN_OUT,
            "are 'form II', which counted as wanted and would count as not wanted; keep wanted: [form II, form I]",
        ),
    ],
)
def test_no_result_counts_as_what_it_did_not(told: Any, before: str, now: str, why: str) -> None:
    text = CAMPAIGN.replace("campaign: forms", "campaign: other")
    Path("other.yaml").write_text(text.replace(TAKEN_OUT, before))
    assert told("tell", "other.yaml", "told.csv").code == 0
    Path("other.yaml").write_text(text.replace(TAKEN_OUT, now))

    assert f"target 'form' has results on record that {why}" in told("tick", "other.yaml").err


def test_what_no_result_is_may_be_wanted_later(told: Any) -> None:
    assert rewritten(told, f"{EXTENDED}, wanted: [form III, form I]").code == 0
    Path("more.csv").write_text("solvent,cooling,form\ntoluene,4,form III\n")
    assert told("tell", "forms", "more.csv").code == 0

    assert "hits: 2 of 4 tried (50 %)" in told("status", "forms").out


def test_several_wanted_classes_may_be_kept(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = f"  purity: {{goal: maximize, unit: '%'}}\n  form: {{goal: keep, {EITHER}}}\n"
    head, _, rest = CAMPAIGN.partition("  form:")
    Path("forms.yaml").write_text(head + wanted + rest.partition("\n")[2])
    lines = ["water,1,99,amorphous", "ethanol,2,60,form I", "acetone,3,90,form II"]
    Path("told.csv").write_text("\n".join(["solvent,cooling,purity,form", *lines]))

    assert hakken("tell", "forms.yaml", "told.csv").code == 0
    assert "best single value: purity 90 %: acetone" in hakken("status", "forms").out


def test_a_model_says_what_is_wanted_of_several(either: Any) -> None:
    Path("forms.yaml").write_text(CAMPAIGN.replace(TAKEN_OUT, EITHER).replace("surrogate: random, ", ""))

    dry = either("run", "--dry-run", "forms.yaml").out
    assert "form II or form I with a chance of" in dry
    assert "form form" not in dry
