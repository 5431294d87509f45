"""``hakken import``: from another program's file to a campaign on record and its next batch, with nothing changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from expected import FILES, File
from material import DATA, need, on_record

from flows.settings import Settings
from flows.wiring import open_record
from loop.errors import AdapterError

pytestmark = pytest.mark.usefixtures("_here")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.id)
def test_every_result_of_the_source_is_on_record_and_the_next_batch_can_be_planned(
    hakken: Any, home: Settings, file: File
) -> None:
    need(file.format)

    said = hakken("import", DATA / file.name, *file.words, "--json")

    assert said.code == 0, said.err
    assert said.json["format"] == file.format
    assert said.json["campaign"] == file.campaign
    assert said.json["accepted"] == len(file.rows)
    assert said.json["duplicates"] == 0
    assert len(said.json["pending"]) == file.pending
    assert on_record(home, file.campaign) == list(file.rows)
    written = yaml.safe_load(Path("campaign.yaml").read_text(encoding="utf-8"))
    assert written["planner"]["batch"] == file.batch
    assert hakken("validate", "campaign.yaml").code == 0
    if not file.is_planned:
        return
    planned = hakken("run", "--dry-run", "campaign.yaml", "--json")
    assert planned.code == 0, planned.err
    assert planned.json["plan"]["proposals"]


def test_importing_again_adds_nothing_and_says_so(hakken: Any, home: Settings) -> None:
    first = hakken("import", DATA / "optuna_studies.db", "--study", "coupling")
    text = Path("campaign.yaml").read_text()

    said = hakken("import", DATA / "optuna_studies.db", "--study", "coupling")

    assert "9 results put on record" in first.out
    assert "0 results put on record, 9 known already; nothing new" in said.out
    assert "kept campaign.yaml" in said.out
    assert said.code == 0
    assert Path("campaign.yaml").read_text() == text
    assert len(on_record(home, "coupling")) == 9


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ax_coupling_1.3.1.json", []),
        ("optuna_journal.log", []),
        ("baybe_reaction_0.15.0.json", ["--keep"]),
        ("edbo_scope.csv", ["--keep"]),
    ],
)
def test_the_same_campaign_under_another_files_name_adds_nothing(hakken: Any, name: str, words: list[str]) -> None:
    first = hakken("import", DATA / name, "--json").json
    copy = Path(f"next_week.{name.rpartition('.')[2]}")
    copy.write_bytes((DATA / name).read_bytes())

    said = hakken("import", copy, *words, "--json")

    assert first["accepted"] > 0
    assert (said.json["accepted"], said.json["duplicates"]) == (0, first["accepted"])


def test_a_copy_of_a_table_is_another_table_and_that_is_said(hakken: Any, home: Settings) -> None:
    Path("runs.csv").write_text("t,yield\n20,1\n30,2\n40,3\n")
    Path("copy.csv").write_text("t,yield\n20,1\n30,2\n40,4\n")
    hakken("import", "runs.csv", "--target", "yield")

    said = hakken("import", "copy.csv", "--target", "yield", "--keep")

    assert "2 of these rows say what rows of 'runs.csv' say that are on record, and count beside them" in said.out
    assert re.search(r"Where they are .*, take each back, such as hakken retract runs \S+ --why COPY", said.out)
    assert len(on_record(home, "runs")) == 6


def test_a_source_that_grew_brings_in_what_is_new(hakken: Any, home: Settings) -> None:
    table = Path("runs.csv")
    table.write_text("t,yield\n20,1\n30,2\n40,3\n")
    assert hakken("import", table, "--target", "yield").code == 0
    table.write_text("t,yield\n20,1\n20,1\n30,2\n40,3\n")  # a second reading, above the others

    said = hakken("import", table, "--target", "yield", "--json")

    assert (said.json["accepted"], said.json["duplicates"]) == (1, 3)
    assert [values for _, values in on_record(home, "runs")] == [{"yield": v} for v in (1.0, 2.0, 3.0, 1.0)]


def test_a_source_that_grew_beyond_its_start_brings_in_what_is_new(hakken: Any, home: Settings) -> None:
    table, rows = Path("runs.csv"), ["A,20,1", "B,30,2", "A,40,3"]

    def brought_in() -> Any:
        table.write_text("\n".join(["ligand,t,yield", *rows, ""]))
        return hakken("import", table, "--target", "yield", "--json").json

    first = brought_in()
    rows.append("B,20,4")  # so that an initial design of four would be written
    second = brought_in()
    file = Path("campaign.yaml")
    file.write_text(file.read_text().replace("batch: 5", "batch: 2"))
    rows.append("B,40,5")
    third = brought_in()

    assert [said["accepted"] for said in (first, second, third)] == [3, 1, 1]
    assert second["text"] == first["text"]
    assert third["file_state"] == "unchanged"
    assert "experiments: 3}" in file.read_text()
    assert len(on_record(home, "runs")) == 5
    with open_record(home) as ledger:
        assert ledger.campaign("runs").spec["planner"]["batch"] == 2


def test_a_scope_of_which_another_batch_waits_brings_in_what_is_new(hakken: Any, home: Settings) -> None:
    scope = Path("scope.csv")
    waiting = "A,40,PENDING,1\nB,20,PENDING,1\nB,30,PENDING,0\n"
    scope.write_text(f"ligand,t,yield,priority\nA,20,1,-1\nB,40,2,-1\nA,30,3,-1\n{waiting}")
    hakken("import", scope, "--target", "yield:maximize")
    scope.write_text(scope.read_text().replace("A,40,PENDING,1", "A,40,4,-1"))

    said = hakken("import", scope, "--target", "yield:maximize")

    assert "1 result put on record, 3 known already" in said.out
    assert len(on_record(home, "scope")) == 4


def test_a_dry_run_shows_the_file_and_leaves_no_trace(hakken: Any, home: Settings) -> None:
    said = hakken("import", DATA / "edbo_scope.csv", "--dry-run")

    assert said.code == 0
    assert "campaign: edbo_scope" in said.out
    assert (
        "would write campaign.yaml, a campaign called edbo_scope: 4 parameters, 1 target, 4 measured results"
        in said.out
    )
    assert "next: the same command without --dry-run" in said.out
    assert not Path("campaign.yaml").exists()
    assert not home.home.exists()


def test_a_dry_run_tells_what_is_in_the_way(hakken: Any, home: Settings) -> None:
    Path("t.csv").write_text("t,yield\n20,1\n30,2\n40,3\n")
    Path("campaign.yaml").write_text("something: else\n")

    said = hakken("import", "t.csv", "--target", "yield", "--dry-run")
    earnest = hakken("import", "t.csv", "--target", "yield")

    assert said.code == 0
    assert "would write campaign.yaml, a campaign called t: 1 parameter, 1 target, 3 measured results" in said.out
    assert "next: as it stands this would be refused: campaign.yaml exists and says something else" in said.out
    assert "--out names another file" in " ".join(said.out.split())
    assert "campaign.yaml exists and says something else" in earnest.err
    assert Path("campaign.yaml").read_text() == "something: else\n"
    assert not home.home.exists() or not list(home.home.rglob("*.db"))


def test_a_dry_run_tells_that_its_name_is_taken(hakken: Any) -> None:
    Path("t.csv").write_text("t,yield\n20,1\n30,2\n40,3\n")
    hakken("import", "t.csv", "--target", "yield")
    Path("t.csv").write_text("c,yield\n20,1\n30,2\n40,3\n")

    said = hakken("import", "t.csv", "--target", "yield", "--out", "other.yaml", "--dry-run")

    assert said.code == 0
    assert "would be refused: campaign 't' is on record with another space" in " ".join(said.out.split())
    assert not Path("other.yaml").exists()


def test_a_dry_run_tells_results_that_would_be_refused(hakken: Any) -> None:
    Path("t.csv").write_text("t,yield,outcome\n20,1,\n30,2,fault:clogged\n40,3,\n")

    said = hakken("import", "t.csv", "--target", "yield", "--dry-run")

    assert said.code == 2
    assert "1 result of t.csv cannot be used. Mend them where they come from, or import with --partly" in said.err
    assert "t.csv line 3: a fault has no value" in said.err


def test_an_empty_cell_of_a_parameter_is_named_with_its_line(hakken: Any) -> None:
    Path("t.csv").write_text("t,base,yield\n20,KOAc,1\n,KOAc,2\n40,K3PO4,3\n")

    said = hakken("import", "t.csv", "--target", "yield", "--dry-run")

    assert said.code == 2
    assert "t.csv line 3: parameter 't' has no value: its column is missing or its cell empty" in said.err


GAPS = """\
Catalyst,Solvent,Temperature [degC],Yield (%),ee (%),Notes
Pd(OAc)2,DMF,80,45,90,ok
Pd2dba3,DMF,80,0,,no conversion
Pd(OAc)2,THF,60,<1,,
Pd2dba3,THF,,30,85,forgot T
Pd(OAc)2,Dioxane,100,61,70,
"""


def test_a_table_is_imported_whole_or_not_at_all(hakken: Any, home: Settings) -> None:
    table = Path("gap.csv")
    table.write_text(GAPS)
    words = ("import", table, "--target", "Yield", "--target", "ee")

    refused = hakken(*words)
    was_left_alone = not Path("campaign.yaml").exists() and not home.home.exists()
    table.write_text(GAPS.replace("THF,,30", "THF,60,30"))
    said = hakken(*words)

    assert refused.code == 2
    assert "1 of 5 results of gap.csv cannot be used, so nothing was written or put on record" in refused.err
    assert "gap.csv line 5: parameter 'Temperature' has no value" in refused.err
    assert "--partly: it brings in the others" in refused.err
    assert was_left_alone
    assert said.code == 0, said.err
    assert "column Notes (going by its name it was not varied; rename it if it was)" in said.out
    assert list(yaml.safe_load(Path("campaign.yaml").read_text())["space"]) == ["Catalyst", "Solvent", "Temperature"]
    assert len(on_record(home, "gap")) == 5


@pytest.mark.parametrize("header", ["Notes", "Comments", "Date", "Exp. date", "DOI", "reference"])
def test_what_notebooks_have_beside_an_experiment_is_no_parameter(hakken: Any, header: str) -> None:
    Path("d.csv").write_text(f"Ligand,T,{header},Yield\nA,60,x,5\nB,60,y,15\nB,80,x,35\nA,80,y,25\n")

    said = hakken("import", "d.csv", "--target", "Yield", "--dry-run")

    assert said.code == 0, said.err
    assert "2 parameters, 1 target, 4 measured results" in said.out
    assert f"column {header} (going by its name it was not varied" in said.out


def test_a_text_with_empty_cells_is_no_parameter_and_that_is_said(hakken: Any) -> None:
    Path("d.csv").write_text("Ligand,T,Additive,Yield\nA,60,LiCl,5\nB,60,,15\nB,80,,35\nA,80,KF,25\n")

    said = hakken("import", "d.csv", "--target", "Yield", "--dry-run")

    assert said.code == 0, said.err
    assert "2 parameters" in said.out
    assert "column Additive (empty in 2 of 4 rows; if it was varied, write what an empty cell means" in said.out


def test_a_column_can_be_left_out(hakken: Any, home: Settings) -> None:
    Path("d.csv").write_text("Ligand,T,flask [mL],Yield\nA,60,5,5\nB,60,10,15\nB,80,5,35\nA,80,10,25\n")

    said = hakken("import", "d.csv", "--target", "Yield", "--ignore", "flask", "--ignore", "Ligand")
    began = hakken("init", "d.csv", "--target", "Yield", "--ignore", "flask [mL]", "-o", "began.yaml")
    unknown = hakken("import", "d.csv", "--target", "Yield", "--ignore", "flsk", "--dry-run")
    target = hakken("import", "d.csv", "--target", "Yield", "--ignore", "Yield", "--dry-run")
    other = hakken("import", DATA / "optuna_journal.log", "--ignore", "x", "--dry-run")
    template = hakken("init", "--template", "reaction", "--ignore", "x", "-o", "other.yaml")

    assert said.code == 0, said.err
    assert list(yaml.safe_load(Path("campaign.yaml").read_text())["space"]) == ["T"]
    assert "column flask [mL] (as --ignore says)" in said.out
    assert len(on_record(home, "d")) == 4
    assert began.code == 0, began.err
    assert list(yaml.safe_load(Path("began.yaml").read_text())["space"]) == ["Ligand", "T"]
    assert "d.csv: has no column 'flsk' to ignore (did you mean 'flask'?)" in unknown.err
    assert "column 'Yield' is a target and to be ignored" in target.err
    assert "--ignore leaves out columns of a plain table, or amounts and conditions of ORD reactions" in other.err
    assert "--target and --ignore go with a table" in template.err


def test_a_column_of_molecules_without_results_is_not_sent_to_an_option_of_another_command(hakken: Any) -> None:
    Path("d.csv").write_text("smiles,Yield\nCCO,5\nCCN,15\n")

    said = hakken("import", "d.csv", "--target", "Ki")

    assert "d.csv: has no column 'Ki' for a target; it has smiles, Yield; where nothing is measured yet" in said.err
    assert "--library" not in said.err


def test_why_no_column_is_left_to_vary_is_said(hakken: Any) -> None:
    Path("d.csv").write_text("metal,Yield\nPd,5\nPd,15\n")

    said = hakken("import", "d.csv", "--target", "Yield")

    assert said.code == 2
    assert "no column is left to vary; it needs one that is no target and takes several values" in said.err
    assert "left out: metal (always Pd)" in said.err


@pytest.mark.parametrize(("results", "proposals"), [(2, 3), (4, 5)])
def test_few_results_are_a_start_from_three_on(hakken: Any, results: int, proposals: int) -> None:
    rows = "".join(f"{20 + 10 * i},{i}\n" for i in range(results))
    spare = "".join(f"{60 + 10 * i},\n" for i in range(8))
    Path("d.csv").write_text(f"t,yield\n{rows}{spare}")

    imported = hakken("import", "d.csv", "--target", "yield")
    shown = hakken("run", "--dry-run", "campaign.yaml", "--json").json["plan"]

    assert imported.code == 0, imported.err
    assert len(shown["proposals"]) == proposals
    assert bool(shown["surrogate"]) == (results >= 3)
    why = (
        "2 of the 5 experiments of the initial design are on record, and this batch is the rest of it; "
        "initial: {experiments: 2} under planner lets a model plan a whole batch now"
    )
    assert (why in shown["notes"]) == (results < 3)


def test_what_cannot_be_used_is_kept_and_named_where_the_rest_is_brought_in(hakken: Any, home: Settings) -> None:
    Path("t.csv").write_text("t,yield,outcome\n20,1,\n30,2,fault:clogged\n40,3,\n")

    said = hakken("import", "t.csv", "--target", "yield", "--partly")

    assert said.code == 2
    assert "2 results put on record" in said.out
    assert "1 result of t.csv cannot be used; each is kept on record as it came" in said.err
    assert "t.csv line 3: a fault has no value" in said.err
    assert len(on_record(home, "t")) == 2


def test_the_next_step_names_the_command_that_works(hakken: Any) -> None:
    said = hakken("import", DATA / "edbo_scope.csv", "-o", "sub/scope.yaml", "--name", "arylation")

    assert said.out.splitlines()[-1].startswith("next: read sub/scope.yaml; hakken run --dry-run sub/scope.yaml shows")
    assert "wrote sub/scope.yaml, a campaign called arylation" in said.out
    assert hakken("status", "arylation", "--json").json[0]["observations"] == 4


def test_the_file_counts_no_imported_results_that_it_has_not(hakken: Any) -> None:
    Path("t.csv").write_text("t,yield,ee\n20,5,1\n30,6,2\n40,8,3\n50,9,\n60,7,\n70,3,\n")

    said = hakken("import", "t.csv", "--target", "yield", "--target", "ee")

    assert "6 measured results" in said.out
    assert "initial: {design: spread, experiments: 3}   # imported results count among them" in Path(
        "campaign.yaml"
    ).read_text(encoding="utf-8")


def test_a_campaign_is_called_in_plain_letters(hakken: Any) -> None:
    Path("Größe Zürich.csv").write_text("t,yield\n20,5\n30,6\n40,8\n", encoding="utf-8")

    said = hakken("import", "Größe Zürich.csv", "--target", "yield", "--dry-run")

    assert "a campaign called Grosse_Zurich: 1 parameter" in said.out


MOLECULES = "name,smiles,gap\n" + "".join(f"m{n},{'C' * n}O,{7 + n / 10}\n" for n in range(1, 25))


def test_importing_molecules_again_adds_nothing_and_says_so(hakken: Any, home: Settings) -> None:
    Path("gap.csv").write_text(MOLECULES)
    first = hakken("import", "gap.csv", "--target", "gap")
    text = Path("campaign.yaml").read_text()

    said = hakken("import", "gap.csv", "--target", "gap")
    dry = hakken("import", "gap.csv", "--target", "gap", "--dry-run")

    assert "type: molecule" in text
    assert first.code == 0, first.err
    assert "24 results put on record" in first.out
    assert said.code == 0, said.err
    assert "0 results put on record, 24 known already; nothing new" in said.out
    assert dry.code == 0, dry.err
    assert Path("campaign.yaml").read_text() == text
    assert len(on_record(home, "gap")) == 24
    assert hakken("status", "gap", "--json").json[0]["version"] == 1


def test_a_file_in_a_folder_yet_to_be_made_finds_its_table(hakken: Any) -> None:
    Path("gap.csv").write_text(MOLECULES)

    said = hakken("import", "gap.csv", "--target", "gap", "-o", "new/folder/gap.yaml")
    began = hakken("init", "gap.csv", "--target", "gap", "-o", "other/folder/gap.yaml")

    assert said.code == 0, said.err
    assert began.code == 0, began.err
    assert hakken("validate", "other/folder/gap.yaml").code == 0


def test_a_molecule_that_cannot_be_read_ends_no_import(hakken: Any, home: Settings) -> None:
    Path("gap.csv").write_text(MOLECULES + "broken,C1CC,\n")

    dry = hakken("import", "gap.csv", "--target", "gap", "--dry-run")
    was_left_alone = not home.home.exists()
    first, again = (hakken("import", "gap.csv", "--target", "gap", "--json") for _ in range(2))

    assert dry.code == 0, dry.err
    assert was_left_alone
    assert first.code == 0, first.err
    assert (first.json["accepted"], again.json["accepted"], again.json["duplicates"]) == (24, 0, 24)
    assert "1 could not be read" in hakken("validate", "campaign.yaml").out


def test_a_result_of_a_molecule_that_cannot_be_read_is_named_and_the_others_can_come(
    hakken: Any, home: Settings
) -> None:
    Path("gap.csv").write_text(MOLECULES + "broken,C1CC,9.9\n")

    refused = hakken("import", "gap.csv", "--target", "gap")
    was_left_alone = not Path("campaign.yaml").exists() and not home.home.exists()
    said = hakken("import", "gap.csv", "--target", "gap", "--partly")

    assert "1 of 25 results of gap.csv cannot be used, so nothing was written or put on record" in refused.err
    assert "gap.csv line 26: " in refused.err
    assert was_left_alone
    assert "24 results put on record" in said.out
    assert len(on_record(home, "gap")) == 24


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_file_that_the_record_refuses_is_not_written_over_a_persons(
    hakken: Any, home: Settings, more: list[str]
) -> None:
    Path("d.csv").write_text("base,yield\nA,1\nB,2\n")
    assert hakken("import", "d.csv", "--target", "yield").code == 0
    mine = "# mine\n" + Path("campaign.yaml").read_text()
    Path("campaign.yaml").write_text(mine)
    Path("d.csv").write_text("base,yield\nB,2\nC,3\n")

    said = hakken("import", "d.csv", "--target", "yield", "--force", *more)

    assert said.code == 2
    assert "the changed space no longer reads observation" in said.err
    assert Path("campaign.yaml").read_text() == mine
    assert len(on_record(home, "d")) == 2


def test_a_file_whose_laboratory_cannot_be_built_is_not_written(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise AdapterError("no such robot; name another")

    Path("d.csv").write_text("base,yield\nA,1\nB,2\n")
    monkeypatch.setattr("flows.engine.sources.importing.open_laboratory", broken, raising=False)
    monkeypatch.setattr("flows.engine.campaigns.open_laboratory", broken)

    said = hakken("import", "d.csv", "--target", "yield")

    assert "no such robot" in said.err
    assert not Path("campaign.yaml").exists()


@pytest.mark.parametrize("first", ["", "\ufeff", "\ufeffsep=;\r\n"])
def test_a_scope_that_a_spreadsheet_saved_with_semicolons_is_known(hakken: Any, first: str) -> None:
    plain = "ligand,conc,yield,priority\nXPhos,0.1,71.5,-1\nXPhos,0.2,PENDING,0\nSPhos,0.1,60.25,-1\nSPhos,0.2,0,-1\n"
    saved = plain.replace(",", ";").replace(".", ",").replace("\n", "\r\n")
    Path("scope.csv").write_text(first + saved, encoding="utf-8", newline="")
    Path("plain.csv").write_text(plain)

    found = [hakken("import", file, "--dry-run", "--name", "c").out for file in ("scope.csv", "plain.csv")]

    assert "scope.csv is a scope of EDBO+" in found[0]
    assert found[0].split("space:")[1] == found[1].split("space:")[1]


def test_the_guess_of_the_format_is_said_and_can_be_overruled(hakken: Any) -> None:
    guessed = hakken("import", DATA / "edbo_scope.csv", "--dry-run")
    told = hakken("import", DATA / "edbo_scope.csv", "--dry-run", "--from", "edbo")

    assert "(told from its content; --from edbo)" in guessed.out
    assert "told from its content" not in told.out


def test_what_was_not_carried_over_stands_in_the_output_and_in_the_file(hakken: Any) -> None:
    said = hakken("import", DATA / "baybe_blend_0.15.0.json")

    text = Path("campaign.yaml").read_text()
    report = hakken("import", DATA / "baybe_blend_0.15.0.json", "--json").json
    assert len(report["left"]) == 5
    for item in report["left"]:
        assert item in said.out
        assert f"# - {item}\n" in text


def test_another_campaign_file_is_not_overwritten(hakken: Any) -> None:
    Path("campaign.yaml").write_text("mine")

    said = hakken("import", DATA / "edbo_scope.csv")

    assert said.code == 2
    assert "campaign.yaml exists and says something else than would be written; --keep leaves it" in said.err
    assert Path("campaign.yaml").read_text() == "mine"
    assert hakken("import", DATA / "edbo_scope.csv", "--force").code == 0
    assert "campaign: edbo_scope" in Path("campaign.yaml").read_text()


def test_an_edited_campaign_file_can_be_kept(hakken: Any) -> None:
    assert hakken("import", DATA / "edbo_scope.csv").code == 0
    mended = Path("campaign.yaml").read_text().replace("batch: 6", "batch: 4")
    Path("campaign.yaml").write_text(mended)

    said = hakken("import", DATA / "edbo_scope.csv", "--keep")

    assert said.code == 0, said.err
    assert "0 results put on record, 4 known already" in said.out
    assert Path("campaign.yaml").read_text() == mended
    assert hakken("status", "edbo_scope", "--json").json[0]["version"] == 2


def test_comments_in_a_campaign_file_may_be_changed(hakken: Any) -> None:
    assert hakken("import", DATA / "edbo_scope.csv").code == 0
    Path("campaign.yaml").write_text("# mine\n" + Path("campaign.yaml").read_text())

    said = hakken("import", DATA / "edbo_scope.csv")

    assert "kept campaign.yaml" in said.out
    assert Path("campaign.yaml").read_text().startswith("# mine\n")


def test_there_must_be_a_file_to_keep(hakken: Any) -> None:
    said = hakken("import", DATA / "edbo_scope.csv", "--keep")

    assert said.code == 2
    assert "campaign.yaml: no such file to keep; leave out --keep" in said.err
    Path("campaign.yaml").write_text("mine")
    said = hakken("import", DATA / "edbo_scope.csv", "--keep")
    assert "campaign.yaml cannot be read as a campaign file; mend it" in said.err
    assert "--force overwrites the campaign file and --keep keeps it; give one of them" in (
        hakken("import", DATA / "edbo_scope.csv", "--keep", "--force").err
    )


def test_a_name_that_is_taken_on_record_is_refused(hakken: Any, home: Settings) -> None:
    assert hakken("import", DATA / "edbo_scope.csv", "--name", "mine", "-o", "one.yaml").code == 0

    said = hakken("import", DATA / "baybe_linked_0.15.0.json", "--name", "mine", "-o", "two.yaml")

    assert said.code == 2
    assert "campaign 'mine' is on record with another space or objective; give this one another --name" in said.err
    assert not Path("two.yaml").exists()
    assert len(on_record(home, "mine")) == 4


def test_a_goal_can_be_given_where_the_source_does_not_say(hakken: Any) -> None:
    for words, goal in (
        (["--goal", "minimize"], "minimize"),
        (["--target", "yield:minimize"], "minimize"),
        ([], "maximize"),
    ):
        said = hakken("import", DATA / "edbo_scope.csv", "--dry-run", "--json", *words)
        assert yaml.safe_load(said.json["text"])["objective"]["yield"]["goal"] == goal
        assert ("yield is maximised: the file does not say" in "".join(said.json["notes"])) == (not words)


def test_a_goal_that_is_none_is_refused(hakken: Any) -> None:
    assert "--goal is 'up'; use maximize or minimize" in hakken("import", DATA / "table.csv", "--goal", "up").err
