from __future__ import annotations

from pathlib import Path

import pytest

from db.ledger import open_ledger
from flows.engine import retract, status, tell
from flows.engine.people.telling import TellError
from flows.settings import Settings
from loop.outcome import Fault, Measured, Negative
from loop.record import Verdict
from tests.flows.engine.bench import HEADER, FakeLaboratory, add, measured, once, outcomes, spec_of, write


def test_told_rows_count_with_units_limits_negatives_and_faults(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    file = write(
        tmp_path,
        "solvent,base,step,yield [],yield_sd,outcome,comment\n"
        "water,DBU,1,0.5,0.01,,\n"
        "DMF,DBU,2,<0.05,,,\n"
        "DMF,KOAc,2,,,negative,no conversion\n"
        "EtOH,KOAc,3,,,fault:instrument_fault,needle clogged\n",
    )

    report = tell(settings, "small", file, by="tester")

    assert (report.accepted, report.duplicates, report.problems) == (4, 0, [])
    first, limit, negative, fault = outcomes(settings)
    assert isinstance(first, Measured)
    assert (first.measurements[0].canonical, first.measurements[0].canonical_sd) == pytest.approx((50.0, 1.0))
    assert isinstance(limit, Measured)
    assert limit.measurements[0].qualifier.value == "<"
    assert negative == Negative("no conversion")
    assert isinstance(fault, Fault)
    assert (fault.kind.value, fault.message) == ("instrument_fault", "needle clogged")


def test_a_setting_in_another_unit_is_the_candidate_that_it_is(settings: Settings, tmp_path: Path) -> None:
    space = {
        "t": {"type": "number", "low": 20, "high": 60, "step": 0.1, "unit": "degC"},
        "free": {"type": "number", "low": 20, "high": 60, "unit": "degC"},
    }
    add(settings, tmp_path, space=space)
    kelvin = "293.25,293.25,50\n306.45,306.45,40\n310,309.17,30\n"
    tell(settings, "small", write(tmp_path, "t [K],free [K],yield\n" + kelvin), by="tester")

    with open_ledger(settings.database) as ledger:
        told = [dict(o.settings) for o in ledger.observations("small")]
    assert told == [{"t": 20.1, "free": 20.1}, {"t": 33.3, "free": 33.3}, {"t": 36.85, "free": 36.02}]


def test_a_row_that_does_not_fit_its_header_is_told_what_parts_its_cells(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    file = write(tmp_path, "solvent;base;step;yield\nwater;DBU;1;5,5;6\nwater;DBU;1\n")

    report = tell(settings, "small", file, by="tester")

    assert report.problems == [
        "results.csv line 2: the row has 5 cells and the header 4; quote a cell that holds a semicolon",
        "results.csv line 3: the row has 3 cells and the header 4; an empty cell needs its semicolon, too",
    ]


def test_everything_that_is_wrong_with_a_row_is_said_at_once(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    file = write(tmp_path, "solvent,base,step,yield\nwatr,DBU,two,>=20\nwater,DBUX,2,\n")

    first, second = tell(settings, "small", file, by="tester").problems

    assert "parameter 'solvent' has no option 'watr' (did you mean 'water'?)" in first
    assert "; column 'step' must hold a finite number, got 'two'" in first
    assert "; column 'yield' has '>=20'; write a limit as >20" in first
    assert "'DBUX'" in second
    assert "yield" not in second  # that there is none yet is said once the settings can be read


def test_telling_says_how_far_it_is(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("flows.engine.people.telling", "flows.engine.steps.judgement"):
        monkeypatch.setattr(f"{place}.TOGETHER", 2)
    add(settings, tmp_path)
    file = write(tmp_path, HEADER + "water,DBU,1,50,1,,\nDMF,DBU,2,5,1,,\nDMF,DBU,3,x,1,,\nDMF,DBU,4,7,1,,\n")
    said: list[tuple[str, int]] = []

    tell(settings, "small", file, by="tester", progress=lambda what, done: said.append((what, done)))

    assert said == [
        *[("rows put on record", done) for done in (2, 4)],
        *[("results judged", done) for done in (2, 3, 4)],  # what is refused is judged by itself
    ]


def test_a_told_row_says_readings_limits_and_what_was_recorded_beside_it(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    file = write(
        tmp_path,
        "solvent,base,step,yield,yield_sd,yield_n,plate,well,instrument,day\n"
        "water,DBU,1,50,6,9,P1,B03,HPLC1,2026-11-24\n"
        "DMF,DBU,2,>90,,,P2,,,\n",
    )

    report = tell(settings, "small", file, by="tester")

    assert (report.accepted, report.problems) == (2, [])
    with open_ledger(settings.database) as ledger:
        first, second = ledger.observations("small")
    assert isinstance(first.outcome, Measured)
    assert (first.outcome.measurements[0].sd, first.outcome.measurements[0].n) == (6.0, 9)
    assert dict(first.context) == {"plate": "P1", "well": "B03", "instrument": "HPLC1", "day": "2026-11-24"}
    assert dict(second.context) == {"plate": "P2"}


def test_a_column_called_like_a_mixture_is_answered_with_its_fractions(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={"solvent": {"type": "mixture", "parts": ["water", "DMF"], "step": 0.25}})

    report = tell(settings, "small", write(tmp_path, "solvent,yield\nwater,5\n"), by="tester")

    assert (
        "column 'solvent' is unknown (a mixture: give the fraction of each part, solvent.water, solvent.DMF); known: "
        in report.problems[0]
    )


def test_a_column_called_like_a_part_of_a_mixture_is_answered_with_its_fraction(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, space={"solvent": {"type": "mixture", "parts": ["water", "DMF"], "step": 0.25}})

    report = tell(settings, "small", write(tmp_path, "Water,DMF,yield\n0.5,0.5,5\n"), by="tester")

    assert (
        "columns 'Water' (did you mean 'solvent.water'?), 'DMF' (did you mean 'solvent.DMF'?) are unknown; known: "
        in report.problems[0]
    )


def test_telling_a_file_twice_adds_nothing_also_where_rows_were_added_above(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,10,,,\nwater,DBU,1,10,,,\nDMF,DBU,2,20,,,\n"
    first = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")

    again = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")
    above = tell(settings, "small", write(tmp_path, HEADER + "EtOH,DBU,3,30,,,\n" + rows), by="tester")
    below = tell(settings, "small", write(tmp_path, HEADER + rows + "water,DBU,1,10,,,\n"), by="tester")

    assert [(r.accepted, r.duplicates) for r in (first, again, above, below)] == [(3, 0), (0, 3), (1, 3), (1, 3)]
    assert len(outcomes(settings)) == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            HEADER + "water,DBU,1,ten,,,\n",
            "results.csv line 2: column 'yield [%]' must hold a finite number, got 'ten'",
        ),
        (HEADER + "water,DBU,1,inf,,,\n", "line 2: column 'yield [%]' must hold a finite number"),
        (HEADER + 'water,DBU,1,"12,5",,,\n', "use a point as decimal sign"),
        (HEADER + "water,DBU,1,,,,\n", "line 2: no value for 'yield', and no outcome"),
        (HEADER + "water,DBU,1,,2,,\n", "'yield' has a deviation or a qualifier but no value"),
        (HEADER + "water,DBU,1,5,-2,,\n", "sd must be zero or above"),
        (HEADER + "watr,DBU,1,5,,,\n", "parameter 'solvent' has no option 'watr' (did you mean 'water'?)"),
        (HEADER + "water,,1,5,,,\n", "line 2: column 'base' is empty; every parameter needs a value"),
        (HEADER + "water,DBU,1,5,,positive,\n", "outcome 'positive' is unknown"),
        (HEADER + "water,DBU,1,,,fault:neddle,\n", "fault kind 'neddle' is unknown"),
        (HEADER + "water,DBU,1,5,,fault:timeout,\n", "a fault has no value"),
        (HEADER + "\nwater,DBU,1,5,,\n", "line 3: the row has 6 cells"),
        ("solvent,base,step,yeild\nwater,DBU,1,5\n", "line 1: column 'yeild' is unknown (did you mean 'yield'?)"),
        (
            "solvent,base,step,yield,yield rep 2\nwater,DBU,1,5,7\n",
            "column 'yield rep 2' is unknown (yield measured once more is a row of its own, with the same settings)",
        ),
        (
            "Solvent,base,Step (M),yield\nwater,DBU,1,5\n",
            "1: columns 'Solvent' (did you mean 'solvent'?), 'Step (M)' (did you mean 'step'?) are unknown; known: ",
        ),
        (
            "solvent,base,step,yield,Purity [%],Remark\nwater,DBU,1,5,97,\n",
            "or have what matters recorded with each result by a line under space in the campaign file: "
            "Purity: {type: context, unit: '%'}",
        ),
        (HEADER + "water,DBU,1,>=95,,,\n", "column 'yield [%]' has '>=95'; write a limit as >95"),
        (HEADER + "water,DBU,1,≤ 0.5,,,\n", "column 'yield [%]' has '≤ 0.5'; write a limit as <0.5"),
        (HEADER + 'water,DBU,1,"45,5 %",,,\n', "(the number alone; the header has its unit); correct the cell"),
        (HEADER + "water,DBU,1,4O,,,\n", "must hold a finite number, got '4O'; correct the cell"),
        (
            HEADER + "water,DBU,1,<LOQ,,,\n",
            "must hold a finite number, got '<LOQ' (too little to be measured is a limit",
        ),
        (HEADER + "water,DBU,1,>>99,,,\n", "must hold a finite number, got '>>99'; correct the cell"),
        (
            HEADER + "water,DBU,1,65*,,,\n",
            "got '65*' (write 65 alone; what its mark says is a comment); correct the cell",
        ),
        ("solvent,base,yield\nwater,DBU,5\n", "parameter 'step' has no value: its column is missing"),
        (
            "solvent,base,step,yield,yield [%]\nwater,DBU,1,5,5\n",
            "line 1: columns 'yield' and 'yield [%]' hold the same",
        ),
        ("solvent,base,step,yield [mol]\nwater,DBU,1,5\n", "a value in 'mol' cannot be given in '%'"),
        ("solvent,base,step,yield [furlong/x]\nwater,DBU,1,5\n", "unit 'furlong/x' is unknown"),
        (HEADER, "results.csv: it has no rows"),
        ("", "results.csv: it has no rows"),
        (HEADER + '"water,DBU\n', "results.csv: it is not a CSV file"),
        ("key,yield\n01a2,5\n", "names attempt '01a2', and campaign 'small' knows none such"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_and_named_with_line_and_remedy(
    settings: Settings, tmp_path: Path, text: str, problem: str
) -> None:
    add(settings, tmp_path)

    report = tell(settings, "small", write(tmp_path, text), by="tester")

    assert report.accepted == 0
    assert len(report.problems) == 1
    assert problem in report.problems[0]
    assert outcomes(settings) == []
    with open_ledger(settings.database) as ledger:
        verdicts = {e.verdict for e in ledger.envelopes("small")}
    assert verdicts <= {Verdict.MALFORMED, Verdict.FOREIGN}
    assert verdicts


def test_rows_that_were_refused_count_once_when_told_again_after_the_campaign_was_mended(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    path = write(tmp_path, HEADER + "water,DBU,1,10,,,\nMeOH,DBU,1,20,,,\nMeOH,DBU,1,20,,,\n")
    refused = tell(settings, "small", path, by="tester")
    space = spec_of()["space"]
    more = space["solvent"] | {"options": [*space["solvent"]["options"], "MeOH"]}
    add(settings, tmp_path, space=space | {"solvent": more})

    mended, again = (tell(settings, "small", path, by="tester") for _ in range(2))

    assert (refused.accepted, len(refused.problems)) == (1, 1)  # of two rows
    assert (mended.accepted, mended.duplicates, mended.problems) == (2, 1, [])
    assert (again.accepted, again.duplicates, again.problems) == (0, 3, [])
    assert len(outcomes(settings)) == 3


def test_a_row_that_is_refused_again_says_why_now(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    path = write(tmp_path, HEADER + "MeOH,DBU,1,20,,,\n")
    tell(settings, "small", path, by="tester")
    space = spec_of()["space"]
    add(settings, tmp_path, space=space | {"solvent": {"type": "category", "options": ["water", "MeCN", "meoh"]}})

    (problem,) = tell(settings, "small", path, by="tester").problems

    assert "options: water, MeCN, meoh" in problem
    with open_ledger(settings.database) as ledger:
        assert len(ledger.envelopes("small")) == 1


def test_a_row_that_contradicted_a_result_counts_when_told_again_after_that_was_retracted(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    once(settings)
    with open_ledger(settings.database) as ledger:
        key = ledger.attempts("small")[0].key
    (wrong,) = tell(settings, "small", write(tmp_path, f"key,yield\n{key},7\n"), by="tester").observations
    path = write(tmp_path, f"key,yield\n{key},77\n")
    refused = tell(settings, "small", path, by="tester")
    retract(settings, "small", wrong, by="tester", why="another vial")

    told, again = (tell(settings, "small", path, by="tester") for _ in range(2))

    assert refused.accepted == 0
    assert f"hakken retract small {key} --why REASON and tell it again" in refused.problems[0]
    assert (told.accepted, told.problems) == (1, [])
    assert (again.accepted, again.duplicates, again.problems) == (0, 1, [])
    with open_ledger(settings.database) as ledger:
        (result,) = (o for o in ledger.observations("small") if o.key == key)
    assert result.outcome.measurements[0].canonical == 77.0


def test_a_retracted_row_that_is_told_again_does_not_count_and_that_is_said(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    first = tell(settings, "small", write(tmp_path, HEADER + "water,DBU,1,10,,,\nDMF,DBU,1,20,,,\n"), by="tester")
    retract(settings, "small", first.observations[1], by="tester", why="wrong flask")

    again = tell(settings, "small", tmp_path / "results.csv", by="tester")
    text = HEADER + "water,DBU,1,10,,,\nDMF,DBU,1,20,,,it was the right flask\n"
    changed = tell(settings, "small", write(tmp_path, text), by="tester")

    assert (again.accepted, again.duplicates, again.problems) == (0, 2, [])
    assert "retracted, and so known and of no effect: line 3. To let such a result count again" in again.notes[0]
    assert (changed.accepted, changed.duplicates, changed.notes) == (1, 1, ())


def test_an_amount_below_the_least_that_is_not_none_is_said_to_lie_outside(settings: Settings, tmp_path: Path) -> None:
    space = {
        "salt": {"type": "number", "low": 0.5, "high": 3, "or_zero": True, "unit": "%"},
        "acid": {"type": "number", "low": 1, "high": 3, "step": 1, "or_zero": True},
        "blend": {"type": "mixture", "parts": ["w", "o"], "least": 0.05},
    }
    add(settings, tmp_path, space=space)
    header = "salt,acid,blend.w,blend.o,yield\n"
    sound = "0,0,1,0,1\n0.5,1,0.5,0.5,2\n0.495,2.5,0.951,0.049,3\n"  # weighed in, and between the steps

    file = write(tmp_path, f"{header}{sound}0.2,1,0.5,0.5,4\n0,0.4,0.5,0.5,5\n0,0,0.99,0.01,6\n")
    report = tell(settings, "small", file, by="tester")

    assert report.accepted == 6
    starts = ("salt 0.2 % is outside the space (0 or 0.5 to 3)", "acid 0.4 is outside the space (0 or 1 to 3)")
    starts += ("blend.o 0.01 is outside the space (0 or 0.05 to 1)",)
    assert [note.split(";")[0] for note in report.notes] == [*starts]


def test_numbers_beyond_what_can_be_count_and_are_said(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,678,,,\nDMF,DBU,1,-11,,,\nMeCN,DBU,1,104,,,\nEtOH,DBU,50,20,,,\nEtOH,DBU,1.5,>90,,,\n"
    rows += "MeCN,DBU,5.000000000000001,20,,,\n"  # as a unit is converted
    told = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")
    laboratory.answers = lambda _: [measured(145.0)]
    once(settings)
    report = once(settings)

    assert (told.accepted, told.problems) == (6, [])
    value, setting = told.notes
    assert value.startswith("yield 678 % of water, DBU, step 1 is beyond what it can be (0 to 100), and so is yield of")
    assert f"hakken retract small {told.observations[0]} --why" in value
    assert value.endswith("; where yield can be so, mend its low or high in the campaign file")
    assert setting.startswith("step 50 is outside the space (1 to 5); it counts as it is")
    assert [n for n in report.notes if n.startswith("yield 145 % of ")]


def test_rows_told_again_in_another_format_are_asked_about(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = (("water", 1, 85), ("DMF", 2, 12.5), ("MeCN", 3, 40))
    for name, header, of in (("first", "yield [%]", 1), ("again", "yield [1]", 100), ("other", "yield [%]", 1)):
        values = [(s, step, y / of) for s, step, y in rows] if name != "other" else [("DMF", 4, 1), ("MeCN", 3, 40)]
        lines = "".join(f"{s},DBU,{step},{y}\n" for s, step, y in values)
        (tmp_path / f"{name}.csv").write_text(f"solvent,base,step,{header}\n{lines}")

    first, again, other = (
        tell(settings, "small", tmp_path / f"{name}.csv", by="tester") for name in ("first", "again", "other")
    )

    assert (first.accepted, first.notes, again.accepted, other.accepted) == (3, (), 3, 2)
    (asked,) = again.notes
    assert asked.startswith("3 of these rows have the settings and values that rows of 'first.csv' have, wr")
    assert f"hakken retract small {again.observations[0]} --why COPY" in asked
    assert not any("written otherwise" in note for note in other.notes)  # one alike may be a replicate


def test_a_concentration_told_for_its_negative_logarithm_is_asked_about(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective={"pIC50": {"goal": "maximize"}})
    header = "solvent,base,step,pIC50\n"
    told = tell(settings, "small", write(tmp_path, header + "water,DBU,1,980.1\nDMF,DBU,1,6.2\n"), by="tester")
    renamed = write(tmp_path, "solvent,base,step,IC50 (nM)\nwater,DBU,2,45\n")

    (asked,) = told.notes
    (unknown,) = tell(settings, "small", renamed, by="tester").problems
    assert asked.startswith("pIC50 980.1 of water, DBU, step 1 is beyond what any -log10 of mol/L is (of 980.1 nM")
    assert "it is 6.01)" in asked
    assert "low or high" not in asked
    assert "'IC50 (nM)' is unknown (pIC50 is 9 - log10 of IC50 in nM, and < of one is > of the other" in unknown


def test_told_settings_that_break_a_constraint_count_and_are_said(settings: Settings, tmp_path: Path) -> None:
    volumes = {name: {"type": "number", "low": 0, "high": 100, "unit": "uL"} for name in ("stock", "rest")}
    rules = [
        {"name": "fill", "sum": {"stock": 1, "rest": 1}, "equals": 100},
        {"name": "no hot water", "exclude": {"solvent": "water"}, "where": {"step": {"above": 3}}},
    ]
    add(settings, tmp_path, space={**spec_of()["space"], **volumes}, constraints=rules)
    header = "solvent,base,step,stock [uL],rest [uL],yield\n"
    rows = "water,DBU,1,30,70,10\nDMF,DBU,1,30,69,20\nDMF,DBU,1,40,40,30\nwater,DBU,5,50,50,40\nwater,DBU,4,50,50,50\n"

    told = tell(settings, "small", write(tmp_path, header + rows), by="tester")

    assert (told.accepted, told.problems) == (5, [])
    fill, hot = told.notes
    assert fill.startswith(
        "DMF, DBU, step 1, stock 40 uL, rest 40 uL breaks 'fill' of the campaign's constraints; it counts as it is."
    )
    assert "rest 50 uL breaks 'no hot water' of the campaign's constraints, and so does 1 more; it counts" in hot
    assert f"hakken retract small {told.observations[3]} --why" in hot


def test_a_value_that_noise_alone_does_not_bring_beyond_a_bound_is_said(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective={"potency": {"goal": "maximize", "low": 3, "high": 10}})
    rows = "water,DBU,1,2.5\nDMF,DBU,1,2.8\nMeCN,DBU,1,10.3\n"

    told = tell(settings, "small", write(tmp_path, "solvent,base,step,potency\n" + rows), by="tester")

    (note,) = told.notes
    assert note.startswith("potency 2.5 of water, DBU, step 1 is beyond what it can be (3 to 10); it counts as it is. ")
    assert "potency can be so, mend its low or high in the campaign file" in note


def test_decimal_commas_are_read_between_semicolons_and_texts_stay_as_they_are(
    settings: Settings, tmp_path: Path
) -> None:
    space = {"ligand": {"type": "category", "options": ["1,2", "1,4"]}, "step": {"type": "number", "low": 0, "high": 5}}
    add(settings, tmp_path, space=space)
    rows = "ligand;step (dimensionless);yield (%);yield_sd;comment;;\n1,4;2,5;12,5;0,5;1,5;;\n1,2;3;<5,5;;;;\n"

    told = tell(settings, "small", write(tmp_path, rows), by="tester")

    assert (told.accepted, told.problems) == (2, [])
    with open_ledger(settings.database) as ledger:
        first, second = ledger.observations("small")
        payload = ledger.envelopes("small")[0].payload
    assert dict(first.settings) == {"ligand": "1,4", "step": 2.5}
    assert (first.outcome.measurements[0].value, first.outcome.measurements[0].sd) == (12.5, 0.5)
    assert dict(first.context) == {"comment": "1,5"}
    assert (second.outcome.measurements[0].value, second.outcome.measurements[0].qualifier.value) == (5.5, "<")
    assert "12,5" in payload  # as typed


def test_an_empty_column_with_a_cell_in_it_is_named(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    told = tell(settings, "small", write(tmp_path, "solvent,base,step,yield,\nwater,DBU,1,5,see page 3\n"), by="tester")

    assert "a column has cells and no name; name it in the header" in told.problems[0]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_a_table_is_told_as_spreadsheets_save_it(settings: Settings, tmp_path: Path, encoding: str) -> None:
    add(settings, tmp_path)
    path = tmp_path / "results.csv"
    path.write_bytes(f"{HEADER}water,DBU,1,5,,,caf\xe9\n".encode(encoding))

    report = tell(settings, "small", path, by="tester")

    assert (report.accepted, report.problems) == (1, [])
    is_assumed = "results.csv is not in UTF-8, and was read as Windows-1252" in report.notes
    assert is_assumed == (encoding == "cp1252")
    with open_ledger(settings.database) as ledger:
        assert "caf\xe9" in ledger.envelopes("small")[0].payload


def test_a_file_that_is_no_table_is_kept_whole_and_called_what_it_is(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    path = tmp_path / "results.csv"
    path.write_bytes(b"PK\x03\x04\x14\x00 caf")
    workbook = tell(settings, "small", path, by="tester").problems
    path.write_bytes(b"MZ\x90\x00\x03")
    program = tell(settings, "small", path, by="tester").problems

    assert workbook == [
        "results.csv: it is an Excel workbook or another archive, and damaged or not saved to its end (File is not a "
        "zip file); save it anew, or save the sheet as CSV (UTF-8)"
    ]
    assert program == ["results.csv: it is no text; save it as CSV"]
    with open_ledger(settings.database) as ledger:
        assert "caf" in ledger.envelopes("small")[0].payload
    with pytest.raises(TellError, match="check the path"):
        tell(settings, "small", tmp_path / "nothing.csv", by="tester")


def test_the_kind_of_a_fault_alone_says_that_it_was_one_as_on_a_worksheet(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,,,instrument_fault,clogged\nwater,KOAc,1,,,Consumable_Missing,\nDMF,KOAc,2,,,cancelled,\n"

    report = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")
    bad = tell(settings, "small", write(tmp_path, HEADER + "DMF,DBU,2,,,instrument_falt,\n"), by="tester")

    assert (report.accepted, report.problems) == (3, [])
    told = [(o.kind.value, o.message) for o in outcomes(settings) if isinstance(o, Fault)]
    assert told == [
        ("instrument_fault", "clogged"),
        ("consumable_missing", "consumable_missing"),
        ("cancelled", "cancelled"),
    ]
    assert "did you mean 'instrument_fault'?" in bad.problems[0]


def test_rows_with_one_fault_are_named_together(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    blank = "".join(
        f"{solvent},{base},{step},,,,\n"
        for solvent in ("water", "DMF")
        for base in ("DBU", "KOAc")
        for step in (1, 2, 3)
    )

    report = tell(settings, "small", write(tmp_path, f"{HEADER}{blank}DMF,DBU,1,high,,,\n"), by="tester")

    first, second = report.problems
    assert first.startswith("results.csv lines 2, 3, 4, 5, 6, 7, 8, 9 and 4 more: no value for 'yield', and no outcome")
    assert second.startswith("results.csv line 14: column 'yield [%]' must hold a finite number, got 'high'")


def test_good_rows_count_although_others_are_bad(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    text = HEADER + "water,DBU,1,ten,,,\nDMF,DBU,2,20,,,\nwater,DBU,x,1,,,\n"

    report = tell(settings, "small", write(tmp_path, text), by="tester")

    assert report.accepted == 1
    assert [p.split(":")[0] for p in report.problems] == ["results.csv line 2", "results.csv line 4"]


def test_experiments_without_a_result_yet_are_noted_where_others_have_one(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,20,,,\nDMF,DBU,2,,,,\nDMF,KOAc,2,NaN,,,\n"

    first = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")
    again = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")
    filled = tell(settings, "small", write(tmp_path, HEADER + rows.replace("2,,", "2,30,")), by="tester")
    bad = tell(settings, "small", write(tmp_path, HEADER + rows + "water,KOAc,1,,,,spilled\n"), by="tester")

    (note,) = first.notes
    assert note == (
        "results.csv lines 3, 4 have no result yet, and count for nothing: fill them in and tell the file again, or "
        "say under outcome what came of it (negative, cannot, fault:KIND)"
    )
    assert (first.accepted, first.problems) == (1, [])
    assert (again.accepted, again.duplicates, again.problems, again.notes) == (0, 1, [], first.notes)
    assert (filled.accepted, filled.duplicates, filled.problems) == (1, 1, [])
    assert bad.problems == [  # somebody said something of it
        "results.csv line 5: no value for 'yield', and no outcome; fill one in (outcome: negative, cannot, cancelled "
        "or fault:KIND)"
    ]


def test_told_observations_cost_no_budget_and_precede_the_first_round(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    tell(settings, "small", write(tmp_path, HEADER + "water,DBU,1,10,,,\n"), by="tester")

    report = once(settings)

    assert (report.experiments_done, report.sent) == (0, 3)
    with open_ledger(settings.database) as ledger:
        assert len(ledger.round("small", 1).observations) == 1


def test_a_row_that_another_file_of_the_same_name_has_too_is_named_and_told_from_a_file_of_another_name(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    (there := tmp_path / "there").mkdir()
    rows = ["water,DBU,1,10,,,\n", "DMF,DBU,1,20,,,\n", "DMF,DBU,2,0,,,\n"]
    first = tell(settings, "small", write(tmp_path, HEADER + "".join(rows), "results.csv"), by="ada")
    theirs = write(there, HEADER + "EtOH,DBU,3,30,,,\n" + rows[2], "results.csv")
    other, again = (tell(settings, "small", theirs, by="bob") for _ in range(2))
    renamed = tell(settings, "small", write(there, HEADER + rows[2], "row.csv"), by="bob")

    assert (first.accepted, first.notes) == (3, ())
    assert (other.accepted, other.duplicates, other.problems) == (1, 1, [])
    assert other.notes == (
        "results.csv line 3 says to the letter what 'results.csv' said when it was told before, with 2 rows that are "
        "not in it now, and is not counted again. Where this is an experiment of its own, tell it from a file of "
        "another name",
    )
    assert (again.accepted, again.duplicates) == (0, 2)
    assert renamed.accepted == 1


def test_rows_told_again_under_another_name_are_named_with_how_each_is_taken_back(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    rows = [f"water,DBU,1,{value},,,\n" for value in range(10)]
    tell(settings, "small", write(tmp_path, HEADER + rows[0], "first.csv"), by="tester")
    tell(settings, "small", write(tmp_path, HEADER + "".join(rows[1:]), "second.csv"), by="tester")

    again = tell(
        settings, "small", write(tmp_path, HEADER + "DMF,DBU,1,7,,,\n" + "".join(rows), "both.csv"), by="tester"
    )

    (note,) = again.notes
    twins = again.observations[1:]
    assert note.startswith("10 of these rows say what rows of 'first.csv', 'second.csv' say that are on record")
    assert f"line 3 ({twins[0]}), line 4 ({twins[1]})" in note
    assert f"({twins[7]}) and 2 more, which hakken export lists with their source. " in note
    assert twins[8] not in note
    assert f"take each back, such as hakken retract small {twins[0]} --why COPY; all rows of 'first.csv', " in note
    assert "hakken retract small first.csv --file --why COPY and hakken retract small second.csv --file " in note
    retract(settings, "small", twins[0], by="tester", why="COPY")
    assert status(settings, "small")[0].observations == 20


def test_what_negatives_without_a_limit_leave_open_is_said_when_they_are_told(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)

    rows = "water,DBU,1,,,negative,\nDMF,DBU,2,,,negative,\nDMF,KOAc,2,<1,,negative,\n"

    report = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")

    assert report.accepted == 3
    assert report.notes == (
        "result of water, DBU, step 1, and 1 more: negative without a limit for yield: it counts as done, and as "
        "possible, so that its like may come next; report a limit such as '< 1', or outcome 'cannot' where it cannot "
        "be made",
    )
