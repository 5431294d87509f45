"""Tables of other people: sources that a campaign listens to, and never results of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import ban, pin, preview, replay, resume, status, tell_source
from flows.engine.people.telling import TellError
from flows.engine.sources.hearing import SOURCES
from flows.settings import Settings
from flows.shown.rounds import last_round
from loop.errors import LedgerError
from loop.record import CampaignState
from tests.flows.engine.memories import SPACE, campaign, extra, first_round, planned, table


class TestATableOfOthers:
    def test_is_heard_and_never_counted_as_the_campaigns_own(self, settings: Settings, tmp_path: Path) -> None:
        name = campaign(settings, tmp_path, "own")

        source, report = tell_source(settings, name, table(tmp_path), "Smith 2019", by="A")

        assert (source, report.accepted) == ("own - Smith 2019", 12)
        planned(settings, name)
        assert list(first_round(settings, name).model[SOURCES]) == [source]
        assert first_round(settings, name).observations == ()
        (standing,) = status(settings, name)
        assert (standing.observations, standing.told) == (0, 0)
        assert replay(settings, name, 1).is_identical

    def test_is_heard_on_what_the_campaign_only_keeps(self, settings: Settings, tmp_path: Path) -> None:
        objective = {"yield": {"goal": "maximize"}, "viscosity": {"goal": "keep", "at_most": 20}}
        name = campaign(settings, tmp_path, "own", objective=objective)
        rows = [line.split(",") for line in table(tmp_path).read_text("utf-8").splitlines()]
        told = [",".join([*cells, "viscosity" if i == 0 else cells[-1]]) for i, cells in enumerate(rows)]
        path = tmp_path / "paper.csv"
        path.write_text("\n".join(told) + "\n", encoding="utf-8")

        source, report = tell_source(settings, name, path, "Smith 2019", by="A")

        assert (report.accepted, report.problems) == (12, [])
        planned(settings, name)
        assert any(f"source '{source}' is heard on viscosity" in note for note in first_round(settings, name).notes)

    def test_may_have_new_substances_other_numbers_and_further_columns(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        path.write_text(
            "solvent,solvent_smiles,time [min],yield,journal\n"
            "water,,60,10,A\nglyme,COCCOC,600,55,B\nCCO,,30,35,A\nOCC,,90,30,A\nMeCN,,120,20,C\n",
            encoding="utf-8",
        )

        source, report = tell_source(settings, name, path, "a paper", by="A")

        assert report.problems == []
        assert not any("solvent_smiles" in note for note in report.notes)  # it says what the solvents are
        with open_ledger(settings.database) as ledger:
            record, rows = ledger.campaign(source), ledger.observations(source)
        assert record.state is CampaignState.STOPPED
        assert record.spec["space"]["solvent"]["options"] == {
            "water": "O", "glyme": "COCCOC", "CCO": "CCO", "MeCN": "CC#N"
        }  # fmt: skip
        assert record.spec["space"]["time"]["values"] == [0.5, 1.0, 1.5, 2.0, 10.0]
        assert [row.settings["solvent"] for row in rows] == ["water", "glyme", "CCO", "CCO", "MeCN"]
        assert rows[1].context["journal"] == "B"
        planned(settings, name)
        (note,) = [n for n in first_round(settings, name).notes if source in n]
        assert "2 of 3 parameters in common; it lacks base" in note

    def test_has_one_substance_by_several_names_where_their_structure_stands_beside_them(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name = campaign(settings, tmp_path, "own")
        tables = (
            "solvent,time,yield\nwater,1,10\nCOCCOC,2,55\n",
            "solvent,solvent_smiles,time,yield\nglyme,COCCOC,1,50\nDME,C(OC)COC,2,50\nglyme,,4,51\n",
        )
        reports = []
        for number, text in enumerate(tables):
            (tmp_path / f"{number}.csv").write_text(text, encoding="utf-8")
            source, report = tell_source(settings, name, tmp_path / f"{number}.csv", "a paper", by="A")
            reports.append(report)

        assert [report.accepted for report in reports] == [2, 2]
        (problem,) = reports[1].problems  # whose structure nothing says
        assert "1.csv line 4: parameter 'solvent': 'glyme' is neither an option of the campaign" in problem
        with open_ledger(settings.database) as ledger:
            assert [o.settings["solvent"] for o in ledger.observations(source)] == ["water", *["COCCOC"] * 3]

    def test_goes_by_its_title_in_plain_letters_and_on_record_by_the_name_that_it_has(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name = campaign(settings, tmp_path, "own")

        new = tell_source(settings, name, table(tmp_path), "Müller & Groß 2021", by="A")[0]
        with open_ledger(settings.database) as ledger:
            old = dict(ledger.campaign(new).spec) | {"campaign": "own - Gr n"}
            ledger.open_campaign("own - Gr n", old | {"source": {"of": "own", "title": "Grün"}}, by="A")
        again = tell_source(settings, name, table(tmp_path), "Grün", by="A")[0]

        assert new == "own - Muller Gross 2021"
        assert again == "own - Gr n"  # as a former release called it

    def test_told_again_adds_nothing_and_another_table_adds_to_it(self, settings: Settings, tmp_path: Path) -> None:
        name = campaign(settings, tmp_path, "own")
        tell_source(settings, name, table(tmp_path), "Smith", by="A")

        again = tell_source(settings, name, table(tmp_path), "Smith", by="A")[1]
        more = tell_source(settings, name, extra(tmp_path, "CCCCO,DBU,8,77"), "Smith", by="A")[1]

        assert (again.accepted, again.duplicates) == (0, 12)
        assert more.accepted == 1
        with open_ledger(settings.database) as ledger:
            assert len(ledger.observations("own - Smith")) == 13
            assert ledger.campaign("own - Smith").state is CampaignState.STOPPED

    def test_has_a_title(self, settings: Settings, tmp_path: Path) -> None:
        name = campaign(settings, tmp_path, "own")

        with pytest.raises(TellError, match="a source needs a title that says whose results these are"):
            tell_source(settings, name, table(tmp_path), " ", by="A")

    def test_a_row_that_cannot_be_read_is_kept_and_said(self, settings: Settings, tmp_path: Path) -> None:
        name, path = campaign(settings, tmp_path, "own"), table(tmp_path)
        with path.open("a", encoding="utf-8") as file:
            file.write("who knows,DBU,2,50\n")

        _, report = tell_source(settings, name, path, "Smith", by="A")

        assert report.accepted == 12
        (problem,) = report.problems
        assert "rows.csv line 14" in problem
        assert "'who knows' is neither an option of the campaign nor a structure" in problem
        assert "or give its SMILES in a column solvent_smiles, or instead of the name" in problem
        assert "'who knows'" in problem

    def test_a_name_that_is_nearly_that_of_an_option_is_answered_with_it(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "rows.csv"
        path.write_text("solvent,base,time,yield\nwatr,DBU,1,50\nWater,DBU,2,55\n", encoding="utf-8")

        _, report = tell_source(settings, name, path, "Smith", by="A")

        (problem,) = report.problems
        assert (
            "'watr' is neither an option of the campaign nor a structure (did you mean 'water'?); correct it, or"
            in problem
        )
        assert report.accepted == 1  # a usual solvent by another of its names

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("solvent,base,time,yield\nDBU,water,1,50\n", "'DBU' is neither an option of the campaign nor a structure"),
            ("solvent,base,time,yield\nwater,DBU,1 h,50\n", "column 'time' must hold a finite number, got '1 h'"),
        ],
    )
    def test_a_column_of_which_no_cell_can_be_read_is_told_cell_by_cell(
        self, settings: Settings, tmp_path: Path, text: str, problem: str
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "swapped.csv"
        path.write_text(text, encoding="utf-8")

        _, report = tell_source(settings, name, path, "Smith", by="A")

        assert report.accepted == 0
        assert [problem in said for said in report.problems] == [True]
        path.write_text("solvent,base,time,yield\nwater,DBU,1,50\n", encoding="utf-8")
        assert tell_source(settings, name, path, "Smith", by="A")[1].accepted == 1  # mended, under the same title

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("solvent,base,time\nwater,DBU,1\n", "has no column with the values of any target"),
            ("yield,journal\n10,A\n", "has no column with the values of any parameter"),
            ("yield\n", "has no rows"),
            (",solvent,yield\n0,water,1\n", "column 1 has no name"),
            ("solvent,yield,T/run\nwater,1,20\n", "column 'T/run' cannot be kept under that name"),
            (
                "solvent,yield,load [spoons]\nwater,1,20\n",
                "column 'load \\[spoons]' cannot be kept: unit 'spoons' is unk",
            ),
            ("solvent,time [furlong],yield\nwater,1,20\n", "column 'time \\[furlong]': a value in 'furlong' cannot"),
            ("solvent,time,Yield\nwater,1,20\n", "column 'Yield' is only kept \\(did you mean 'yield'\\?\\)"),
            ("solvent,solvent_smiles,yield\nwater,CCO,1\n", "solvent 'water' is CCO in the table and O elsewhere"),
            ("solvent,solvent_smiles,yield\nL1,CCO,1\nL1,CCN,1\n", "solvent 'L1' is CCN in the table and CCO else"),
        ],
    )
    def test_a_table_without_what_is_needed_is_refused(
        self, settings: Settings, tmp_path: Path, text: str, message: str
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "bad.csv"
        path.write_text(text, encoding="utf-8")

        with pytest.raises(TellError, match=message):
            tell_source(settings, name, path, "Smith", by="A")

        with open_ledger(settings.database) as ledger:
            assert [c.name for c in ledger.campaigns()] == ["own"]

    def test_a_row_with_an_empty_cell_is_said_and_takes_nothing_from_the_others(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        text = "solvent,base,time,yield\nwater,DBU,1,10\nMeCN,,2,20\nEtOH,KOAc,nan,30\nPrOH,KOAc,4,40\n"
        path.write_text(text, encoding="utf-8")

        source, first = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(text.replace("MeCN,,", "MeCN,DBU,"), encoding="utf-8")
        second = tell_source(settings, name, path, "Smith", by="A")[1]

        assert first.accepted == 2
        assert [problem.split(":")[0] for problem in first.problems] == ["paper.csv line 3", "paper.csv line 4"]
        assert (second.accepted, second.duplicates) == (1, 2)
        with open_ledger(settings.database) as ledger:
            assert set(ledger.campaign(source).spec["space"]) == {"solvent", "base", "time"}

    def test_a_parameter_that_few_rows_give_is_only_kept(self, settings: Settings, tmp_path: Path) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        path.write_text(
            "solvent,base,time,yield\nwater,DBU,1,10\nMeCN,,2,20\nEtOH,,4,30\nPrOH,,4,40\n", encoding="utf-8"
        )

        source, report = tell_source(settings, name, path, "Smith", by="A")

        assert (report.accepted, report.problems) == (4, [])
        assert report.notes == ("base is given in 1 of 4 rows, too few to learn from; it is only kept",)
        with open_ledger(settings.database) as ledger:
            assert ledger.observations(source)[0].context["base"] == "DBU"

    def test_what_may_have_been_meant_otherwise_is_noted(self, settings: Settings, tmp_path: Path) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        path.write_text("solvent,base,Time,yield\nwater,koac,1,10\nCCO,DBU,1,10\nEtOH,DBU,2,20\n", encoding="utf-8")

        _, report = tell_source(settings, name, path, "Smith", by="A")

        assert report.accepted == 3
        assert report.notes == (
            "column 'Time' is only kept (did you mean 'time'?), and nothing is learnt from it; where it is meant, "
            "write it so in the header and tell the table again",
            "base 'koac' is taken for another option than the campaign's 'KOAc'; where that is meant, write it so and "
            "tell the table again",
        )

    def test_a_substance_under_a_name_of_its_own_is_noted(self, settings: Settings, tmp_path: Path) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        path.write_text("Name,base,time,yield\nwater,DBU,1,10\nEtOH,DBU,2,20\n", encoding="utf-8")

        _, report = tell_source(settings, name, path, "Smith", by="A")

        assert report.accepted == 2
        assert report.notes == (
            "nothing is learnt of solvent, since column 'Name' is only kept; where one says which solvent it was, call "
            "it 'solvent', for names or SMILES, and tell the table again",
        )

    def test_a_table_with_a_mended_header_replaces_the_one_before(self, settings: Settings, tmp_path: Path) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        rows = "water,DBU,1,10\nEtOH,KOAc,2,20\n"
        path.write_text(f"Solvent,base,time,yield\n{rows}", encoding="utf-8")
        source, first = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(f"solvent,base,time,yield\n{rows}", encoding="utf-8")

        _, second = tell_source(settings, name, path, "Smith", by="A")
        _, third = tell_source(settings, name, path, "Smith", by="A")

        assert (first.accepted, second.accepted, third.accepted, third.duplicates) == (2, 2, 0, 2)
        (note,) = second.notes
        assert note == "2 rows told before under this title are replaced: column 'Solvent' written 'solvent'"
        with open_ledger(settings.database) as ledger:
            standing = ledger.observations(source)
            gone = [o for o in ledger.observations(source, with_retracted=True) if o.retracted]
        assert sorted(str(o.settings["solvent"]) for o in standing) == ["EtOH", "water"]
        assert {o.retracted for o in gone} == {"told again in paper.csv with column 'Solvent' written 'solvent'"}
        assert len(gone) == 2

    def test_rows_with_an_option_written_as_the_campaign_has_it_replace_those_before(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        header, kept = "solvent,base,time,yield,remark\n", "water,DBU,1,10,ok\nEtOH,et3n,2,25,a\n"
        path.write_text(f"{header}{kept}EtOH,koac,2,20,b\nEtOH,koac,2,20,b\nwater,koac,2,7,c\n", encoding="utf-8")
        source, first = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(f"{header}{kept}EtOH,KOAc,2,20,b\nEtOH,KOAc,2,20,b\nwater,KOAc,2,7,C\n", encoding="utf-8")

        _, second = tell_source(settings, name, path, "Smith", by="A")
        _, third = tell_source(settings, name, path, "Smith", by="A")

        assert (first.accepted, second.accepted, third.accepted, third.duplicates) == (5, 3, 0, 5)
        assert "2 rows told before under this title are replaced: base 'koac' written 'KOAc'" in second.notes
        with open_ledger(settings.database) as ledger:
            standing = [(o.settings["base"], o.context["remark"]) for o in ledger.observations(source)]
            gone = [o for o in ledger.observations(source, with_retracted=True) if o.retracted]
        # what says something else besides is another row
        assert sorted(standing) == [
            ("DBU", "ok"), ("KOAc", "C"), ("KOAc", "b"), ("KOAc", "b"), ("et3n", "a"), ("koac", "c")
        ]  # fmt: skip
        assert {o.retracted for o in gone} == {"told again in paper.csv with base 'koac' written 'KOAc'"}
        assert len(gone) == 2

    def test_a_row_that_is_refused_under_a_mended_header_stays_as_it_was_told(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        rows = "water,DBU,1,10\nEtOH,KOAc,2,20\nPrOH,KOAc,n.d.,95\n"
        path.write_text(f"solvent,base,Time,yield\n{rows}", encoding="utf-8")
        source, first = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(f"solvent,base,time,yield\n{rows}", encoding="utf-8")

        _, second = tell_source(settings, name, path, "Smith", by="A")
        _, third = tell_source(settings, name, path, "Smith", by="A")
        planned(settings, name)

        with open_ledger(settings.database) as ledger:
            standing = ledger.observations(source)
        (old,) = (o for o in standing if o.settings["solvent"] == "PrOH")
        assert (first.accepted, second.accepted, third.accepted, third.duplicates) == (3, 2, 0, 2)
        assert len(standing) == 3
        assert "2 rows told before under this title are replaced: column 'Time' written 'time'" in second.notes
        stays = [note for note in second.notes if "not replaced" in note]
        assert stays == [
            "1 row told before under this title is not replaced, with cells that are refused under the mended header: "
            "kept as told, and nothing is learnt where a parameter is lacking now; mend the cells and tell the table "
            "again, then hakken retract 'own - Smith' ID --why REASON takes back what was told before: "
            f"{old.id}"
        ]

    def test_fractions_in_place_of_percent_are_asked_for_and_replaced_under_the_unit(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        rows = "".join(f"water,DBU,{t},{y}\n" for t, y in [(1, 0.1), (2, 0), (4, 0.9), (1, 0.15), (2, 1)])
        path.write_text(f"solvent,base,time,yield\n{rows}", encoding="utf-8")
        source, first = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(f"solvent,base,time,yield []\n{rows}", encoding="utf-8")

        _, again = tell_source(settings, name, path, "Smith", by="A")

        assert first.notes == (
            "all 5 values of yield lie from 0 to 1 %; where they are fractions, write 'yield []' in the header and "
            "tell the table again",
        )
        assert again.notes == ("5 rows told before under this title are replaced: column 'yield' written 'yield []'",)
        with open_ledger(settings.database) as ledger:
            standing = ledger.observations(source)
        assert [o.outcome.measurements[0].canonical for o in standing] == [10.0, 0.0, 90.0, 15.0, 100.0]

    def test_percent_in_place_of_the_fractions_of_a_mixture_is_asked_for_and_replaced_under_the_unit(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        space = {"solvent": {"type": "mixture", "parts": ["water", "EtOH"]}, "base": SPACE["base"]}
        name, path = campaign(settings, tmp_path, "own", space=space), tmp_path / "paper.csv"
        rows = "30,70,DBU,12\n100,0,DBU,40\n"
        path.write_text(f"solvent.water,solvent.EtOH,base,yield\n{rows}", encoding="utf-8")
        source, first = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(f"solvent.water [%],solvent.EtOH [%],base,yield\n{rows}", encoding="utf-8")

        _, again = tell_source(settings, name, path, "Smith", by="A")

        assert first.notes == (
            "the parts of solvent are fractions, and some lie above 1 (solvent.water 100, solvent.EtOH 70); where they "
            "are percent, write 'solvent.water [%]', 'solvent.EtOH [%]' in the header and tell the table again",
        )
        assert len(again.notes) == 1
        assert again.notes[0].startswith("2 rows told before under this title are replaced")
        with open_ledger(settings.database) as ledger:
            standing = ledger.observations(source)
        assert [o.settings["solvent.water"] for o in standing] == [0.3, 1.0]

    def test_nothing_told_before_is_retracted_where_its_replacement_cannot_be_stored(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        rows = "water,DBU,1,10\nEtOH,KOAc,2,20\n"
        path.write_text(f"Solvent,base,time,yield\n{rows}", encoding="utf-8")
        source, _ = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(f"solvent,base,time,yield\n{rows}", encoding="utf-8")

        def held(*_args: Any, **_keywords: Any) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("flows.engine.sources.literature.tell", held)
            with pytest.raises(KeyboardInterrupt):
                tell_source(settings, name, path, "Smith", by="A")
        with open_ledger(settings.database) as ledger:
            between = ledger.observations(source)
        with monkeypatch.context() as patched:
            patched.setattr("flows.engine.sources.literature.writing", held)
            with pytest.raises(KeyboardInterrupt):
                tell_source(settings, name, path, "Smith", by="A")
        _, again = tell_source(settings, name, path, "Smith", by="A")

        with open_ledger(settings.database) as ledger:
            standing = ledger.observations(source)
        assert len(between) == 2
        assert (again.accepted, again.duplicates) == (0, 2)
        assert "2 rows told before under this title are replaced: column 'Solvent' written 'solvent'" in again.notes
        assert sorted(str(o.settings["solvent"]) for o in standing) == ["EtOH", "water"]

    def test_a_table_with_a_mended_header_and_other_rows_replaces_nothing(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        path.write_text("Solvent,base,time,yield\nwater,DBU,1,10\nEtOH,KOAc,2,20\n", encoding="utf-8")
        source, _ = tell_source(settings, name, path, "Smith", by="A")
        path.write_text("solvent,base,time,yield\nwater,DBU,1,10\nEtOH,KOAc,3,20\n", encoding="utf-8")

        with pytest.raises(TellError, match="has solvent besides; give it a title"):
            tell_source(settings, name, path, "Smith", by="A")

        with open_ledger(settings.database) as ledger:
            assert len(ledger.observations(source)) == 2

    @pytest.mark.parametrize("header", ["solvent,time,yield", "solvent,base,time,yield"])
    def test_a_table_over_other_parameters_leaves_an_earlier_one_as_it_is(
        self, settings: Settings, tmp_path: Path, header: str
    ) -> None:
        name, path = campaign(settings, tmp_path, "own"), tmp_path / "paper.csv"
        cells = {"solvent": "water", "base": "DBU", "time": "1", "yield": "10"}
        other = "solvent,base,time,yield" if header == "solvent,time,yield" else "solvent,time,yield"
        path.write_text(f"{other}\n{','.join(cells[c] for c in other.split(','))}\n", encoding="utf-8")
        source, _ = tell_source(settings, name, path, "Smith", by="A")
        path.write_text(f"{header}\n{','.join(cells[c] for c in header.split(','))}\n", encoding="utf-8")

        with pytest.raises(TellError, match=r"'own - Smith' has results over .*; give it a title"):
            tell_source(settings, name, path, "Smith", by="A")

        with open_ledger(settings.database) as ledger:
            assert ("base" in ledger.campaign(source).spec["space"]) == ("base" in other)

    def test_titles_that_make_one_name_stay_apart(self, settings: Settings, tmp_path: Path) -> None:
        name = campaign(settings, tmp_path, "own")
        tell_source(settings, name, table(tmp_path), "田中", by="A")

        with pytest.raises(TellError, match="would be called 'own - source', as the source '田中' of 'own' is"):
            tell_source(settings, name, table(tmp_path), "山田", by="A")

    def test_another_targets_values_are_kept_where_a_later_table_has_it_not(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        both = {"yield": {"goal": "maximize"}, "ee": {"goal": "maximize"}}
        name, path = campaign(settings, tmp_path, "own", objective=both), tmp_path / "paper.csv"
        path.write_text("solvent,yield,ee,page\nwater,10,50,7\n", encoding="utf-8")
        tell_source(settings, name, path, "Smith", by="A")
        path.write_text("solvent,yield\nEtOH,10\n", encoding="utf-8")

        source, report = tell_source(settings, name, path, "Smith", by="A")

        assert report.accepted == 1
        with open_ledger(settings.database) as ledger:
            assert set(ledger.campaign(source).spec["objective"]) == {"yield", "ee"}
            assert ledger.campaign(source).spec["space"]["page"]["type"] == "context"

    def test_is_not_run_though_telling_it_was_killed_halfway(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = campaign(settings, tmp_path, "own")

        def killed(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("flows.engine.sources.literature.tell", killed)
            with pytest.raises(KeyboardInterrupt):
                tell_source(settings, name, table(tmp_path), "Smith", by="A")

        planned(settings, "own - Smith")

        with open_ledger(settings.database) as ledger:
            assert ledger.rounds("own - Smith") == ()
        assert tell_source(settings, name, table(tmp_path), "Smith", by="A")[1].accepted == 12

    def test_is_not_run_and_is_no_campaign_to_tell_a_source_of(self, settings: Settings, tmp_path: Path) -> None:
        name = campaign(settings, tmp_path, "own")
        source, _ = tell_source(settings, name, table(tmp_path), "Smith", by="A")

        for refused in (
            lambda: resume(settings, source, by="A"),
            lambda: ban(settings, source, ["base=DBU"], by="A", why="it fumes"),
            lambda: pin(settings, source, ["solvent=water", "base=DBU", "time=1"], by="A", why="a check", again=True),
            lambda: preview(settings, source),
        ):
            with pytest.raises(LedgerError, match="is a source of campaign 'own', and nothing is run of it"):
                refused()
        with open_ledger(settings.database) as ledger:
            with pytest.raises(LedgerError, match="nothing is run of it; hakken run own listens to it"):
                last_round(ledger, source)
            assert ledger.decisions(source) == ()
        with pytest.raises(TellError, match="is a source itself, of campaign 'own'"):
            tell_source(settings, source, table(tmp_path), "Jones", by="A")
        assert status(settings, source)[0].next_step.startswith("A source of own")
