"""Exports as chromatography programs write them: every number is read as it is meant, or the file is asked about."""

from __future__ import annotations

from typing import Any

import pytest

from loop.analysis import Analysed, analyse, read_file
from loop.analysis.readings import day_of
from loop.errors import AnalysisError
from loop.outcome import Measured, Measurement, Negative
from loop.spec import CampaignSpec, build_analysis
from tests.workbooks import workbook

AREAS: dict[str, Any] = {"peak": {"at": 4.2, "within": 0.1}, "calibration": {"points": {0: 0, 50: 510, 100: 995}}}
RATIOS: dict[str, Any] = {
    "peak": {"at": 4.2, "within": 0.1},
    "standard": {"at": 6.8, "within": 0.1},
    "calibration": {"points": {0: 0.0, 25: 0.312, 50: 0.619, 100: 1.251}},
}
SHIMADZU = """[Sample Information]
Sample Name\tR1-1
Injection Volume\t10
[Peak Table(Detector A-Ch1)]
# of Peaks\t2
Peak#\tR.Time\tI.Time\tF.Time\tArea\tHeight
1\t4.210\t4.1\t4.4\t620\t50
2\t6.800\t6.7\t7.0\t1000\t80

[Compound Results(Detector A)]
# of IDs\t2
ID#\tName\tR.Time\tArea\tHeight
1\tproduct\t4.210\t620\t50

[LC Chromatogram(Detector A-Ch1)]
R.Time (min)\tIntensity
4.0\t0
4.1\t0
4.2\t1000
4.3\t0
6.7\t0
6.8\t50
6.9\t0
"""


def analysed(text: str | bytes, method: dict[str, Any] = RATIOS, name: str = "run-7.csv") -> Analysed:
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "coupling",
            "space": {"temperature": {"type": "number", "low": 40, "high": 120, "unit": "degC"}},
            "objective": {"yield": {"goal": "maximize", "unit": "%"}},
            "budget": {"experiments": 4},
            "analysis": {"yield": method},
            "laboratory": {"adapter": "manual"},
        }
    )
    analysis = build_analysis(spec)
    assert analysis is not None
    readings = read_file(name, text.encode() if isinstance(text, str) else text)
    return analyse(analysis, [(name, readings)], lambda r: r.label.sample == "R1-1")


def value(found: Analysed) -> Measurement:
    assert isinstance(found.outcome, Measured), found.outcome
    return found.outcome.measurements[0]


PLAIN = "Sample,Name,RT [min],Area\nR1-1,product,4.21,620\nR1-1,biphenyl,6.80,1000\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Sample;RT [min];Area\nR1-1;4,21;1.250\n", "area is '1.250'; it may be 1250 as well as 1,250"),
        ("Sample;RT [min];Area\nR1-1;4,21;1.250\nR1-2;4,2;980,5\n", "area is '1.250'; it may be 1250 as well"),
        ("Sample\tRT [min]\tArea\nR1-1\t4.21\t1,250\n", "area is '1,250'; it may be 1250 as well as 1.250"),
        ("Sample;RT [s];Area\nR1-1;252;1.250\nR1-2;252;980\n", "area is '1.250'; it may be 1250 as well as 1,250"),
        ("Sample\tRT\tArea\nR1-1\t4\t1,250\nR1-2\t4\t980\n", "area is '1,250'; it may be 1250 as well as 1.250"),
        (";1;2\nA;1.250;980\n", "signal is '1.250'; it may be 1250"),
    ],
)
def test_a_number_that_may_be_a_thousand_times_larger_is_asked_about(text: str, says: str) -> None:
    with pytest.raises(AnalysisError, match=f"line 2: {says}"):
        read_file("run-7.csv", text.encode())


@pytest.mark.parametrize("text", ["Sample;RT [min];Area\nR1-1;4,210;510\n", "Sample\tRT\tArea\nR1-1\t4.210\t510\n"])
def test_times_with_three_decimals_are_times(text: str) -> None:
    assert value(analysed(text, AREAS)).value == pytest.approx(50.6, abs=0.5)


def test_numbers_of_a_workbook_are_as_they_are() -> None:
    rows = [["Sample", "RT [min]", "Area"], ["R1-1", 4.21, 51.257], ["R1-2", 4.21, 980], ["R1-3", 4.125, 1.257]]

    assert value(analysed(workbook({"Peaks": rows}), AREAS, "run-7.xlsx")).value == pytest.approx(4.5, abs=0.5)


def test_a_name_that_stands_once_for_several_peaks_makes_no_negative_of_its_sample() -> None:
    with pytest.raises(AnalysisError, match="line 3 names no sample, and others do; write the name on each line"):
        read_file("run-7.csv", b"Sample,RT [min],Area\nR1-1,2.0,500\n,4.21,620\n,6.80,1000\n")
    rows = [["Sample", "RT [min]", "Area"], ["R1-1", 2.0, 500], [None, 4.21, 620]]
    with pytest.raises(AnalysisError, match="line 3 names no sample"):
        read_file("run-7.xlsx", workbook({"Peaks": rows}))


def test_a_report_with_peaks_compounds_and_the_chromatogram_is_one_injection() -> None:
    found = value(analysed(SHIMADZU))

    assert found.n == 1
    assert found.value == value(analysed(PLAIN)).value
    named = {**RATIOS, "peak": {"at": 4.2, "within": 0.1, "name": "product"}}
    assert value(analysed(SHIMADZU, named)).value == found.value


def test_tables_of_two_detectors_are_not_averaged() -> None:
    table = "Peak#\tR.Time\tArea\n1\t4.210\t{}\n2\t6.800\t1000\n\n"
    both = "Sample Name\tR1-1\n" + table.format(620) + table.format(200)
    column = "Sample,Channel,RT [min],Area\nR1-1,254,4.21,620\nR1-1,210,4.21,200\nR1-1,254,6.8,1000\n"

    with pytest.raises(AnalysisError, match="line 3 and line 7 have different peaks of sample R1-1, and nothing says"):
        read_file("run-7.csv", both.encode())
    summed = {**AREAS, "peak": {"at": 4.2, "within": 0.1, "several": "sum"}}
    assert "peaks of several channels are between 4.1 and 4.3 min (254, 210)" in str(analysed(column, summed).outcome)
    twice = both.replace("\n\nPeak#", "\n\nInjection: 2\nPeak#")
    assert value(analysed(twice)).n == 2


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [("Injection Date", "2026-11-03 10:00", "2026-11-03 15:00"), ("Inj. No.", "1", "2"), ("Inj #", "1", "2")],
)
def test_an_injection_that_was_repeated_is_a_reading_more(header: str, first: str, second: str) -> None:
    rows = [f"R1-1,{when},{at},{area}" for when in (first, second) for at, area in ((4.21, 255), (4.25, 255))]
    method = {**AREAS, "peak": {"at": 4.2, "within": 0.1, "several": "sum"}}

    found = value(analysed("\n".join([f"Sample,{header},RT [min],Area", *rows, ""]), method))

    assert (found.n, round(found.value)) == (2, 51)


def test_units_on_a_line_of_their_own_are_heard() -> None:
    text = "No.,Sample,Retention Time,Area,Height\n,,min,mAU*min,mAU\n1,R1-1,4.21,620,70\n2,R1-1,6.8,1000,90\n"

    assert value(analysed(text)).value == value(analysed(PLAIN)).value
    in_seconds = text.replace(",min,", ",[s],").replace("4.21", "252.6").replace(",6.8,", ",408,")
    assert value(analysed(in_seconds)).value == pytest.approx(value(analysed(PLAIN)).value)


@pytest.mark.parametrize("line", ["Totals:,,,1620", ",,,1620,Sum", "Total,n.a.,n.a.,1620", ",,,,"])
def test_a_line_of_totals_is_no_peak(line: str) -> None:
    text = PLAIN.replace("Area\n", "Area,Remark\n") + line + "\n"

    assert value(analysed(text)).value == value(analysed(PLAIN)).value


@pytest.mark.parametrize("word", ["n.a.", "N/A", "n.d.", "--", "NaN"])
def test_a_peak_that_was_not_found_is_none(word: str) -> None:
    for time in (word, "4.2"):
        found = analysed(f"Sample,RT [min],Area,Height\nR1-1,{time},{word},{word}\nR1-1,6.80,1000,90\n")
        assert isinstance(found.outcome, Negative)


def test_what_is_below_a_limit_of_the_program_is_asked_about() -> None:
    with pytest.raises(AnalysisError, match="area must be a finite number, got '<LOQ'; export the number itself, or"):
        read_file("run-7.csv", b"Sample,RT [min],Area\nR1-1,4.2,<LOQ\n")


def test_a_vials_place_in_the_sampler_is_no_well() -> None:
    text = PLAIN.replace("Sample,", "Sample,Position,").replace("R1-1,", 'R1-1,"1:A,3",')

    assert value(analysed(text)).value == value(analysed(PLAIN)).value
    assert read_file("reader.csv", b"plate,position,absorbance\n1,A1,0.5\n")[0].label.well == "A1"


def test_a_vial_is_a_well_where_nothing_else_names_one() -> None:
    (alone,) = read_file("hplc.csv", b"Plate,Vial,RT [min],Area\n2,C4,4.2,620\n")
    (named,) = read_file("hplc.csv", b"Plate,Sample,Vial,RT [min],Area\n2,R1-3,C4,4.2,620\n")
    (counted,) = read_file("hplc.csv", b"Sample,Vial,RT [min],Area\nR1-3,11,4.2,620\n")

    assert (alone.label.plate, alone.label.well) == ("2", "C4")
    assert (named.label.sample, named.label.well) == ("R1-3", None)
    assert (counted.label.sample, counted.label.well) == ("R1-3", None)


def test_the_hour_above_a_table_is_no_retention_time() -> None:
    text = "Date: 2026-11-03\nTime: 14:05\nSample,Name,RT [min],Area\nR1-1,product,,\nR1-1,biphenyl,6.8,1000\n"

    assert isinstance(analysed(text).outcome, Negative)


def test_a_list_of_injections_beside_their_peaks_is_passed_over() -> None:
    peaks = [["Sample", "RT [min]", "Area"], ["R1-1", 4.21, 620], ["R1-1", 6.8, 1000]]
    runs = [["Sample", "Type", "Method"], ["R1-1", "Unknown", "LC.meth"]]

    found = analysed(workbook({"Injections": runs, "Peaks": peaks}), name="run-7.xlsx")

    assert value(found).value == value(analysed(PLAIN)).value


def test_a_detector_without_heights_is_not_called_unsaturated() -> None:
    method = {**RATIOS, "saturation": 2000}
    with_heights = "Sample,RT [min],Area,Height\nR1-1,4.21,620,50\nR1-1,6.80,1000,80\n"

    (doubt,) = analysed(PLAIN, method).doubts
    assert doubt.startswith("yield: its file has no heights, so nothing says whether the detector was saturated")
    assert analysed(with_heights, method).doubts == ()


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-12-03T09:00:00+00:00", "2026-12-03"),
        ("2026/12/3 9:00", "2026-12-03"),
        ("03.12.2026 09:00", "2026-12-03"),
        ("3-Dec-2026", "2026-12-03"),
        ("December 3, 2026 9:00 AM", "2026-12-03"),
        ("12/13/2026 9:00 AM", "2026-12-13"),
        ("13/12/2026", "2026-12-13"),
        ("05/05/2026", "2026-05-05"),
        ("03/12/2026", ""),  # the third of December, or the twelfth of March
        ("30.02.2026", ""),
        ("3 Foo 2026", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_a_day_is_read_however_it_is_written_and_not_where_it_may_be_two(said: str, day: str) -> None:
    assert day_of(said) == day


def test_a_blank_is_known_in_any_capitals() -> None:
    text = PLAIN + "BLANK,biphenyl,6.80,1000\n"

    assert value(analysed(text, {**RATIOS, "blank": {"samples": ["Blank"]}})).value == value(analysed(PLAIN)).value


DILUTED = "Sample,Dilution,RT [min],Area\nR1-1,{},4.2,51\n"  # 51 in 10.15 per unit: about 5


@pytest.mark.parametrize("factor", ["10", "1:10"])
def test_a_dilution_counts_as_the_analysis_says(factor: str) -> None:
    method = {**AREAS, "calibration": {"points": {0: 0, 5: 51, 10: 100, 20: 201}}}
    as_injected, times_ten = (
        analysed(text, {**method, "dilution": 1}) for text in (DILUTED.format(1), DILUTED.format(factor))
    )
    of_tens = analysed(DILUTED.format(factor), {**method, "dilution": 10})
    (doubt,) = analysed(DILUTED.format(factor), method).doubts
    ignored = analysed(DILUTED.format(factor), {**method, "dilution": "ignored"})
    one, ten = value(as_injected), value(times_ten)

    assert one.sd is not None
    assert ten.value == pytest.approx(10 * one.value)
    assert ten.sd == pytest.approx(10 * one.sd)
    assert value(of_tens).value == value(ignored).value == one.value
    assert doubt.startswith("yield: its file says a dilution of 10, which counts for nothing; say in the analysis")
    assert (of_tens.doubts, ignored.doubts, times_ten.doubts) == ((), (), ())
    assert times_ten.detail["yield"]["dilution"] == 10


def test_a_limit_is_of_the_sample_before_it_was_diluted() -> None:
    method = {**AREAS, "dilution": 1, "detection_limit": 2}
    found = analysed("Sample,Dilution,RT [min],Area\nR1-1,10,4.2,5\n", method).outcome

    assert isinstance(found, Negative)
    assert found.measurements[0].value == 20


def test_dilutions_are_not_mixed_and_are_numbers() -> None:
    mixed = DILUTED.format(1) + "R1-1,10,4.2,51\n"

    assert "its readings have dilutions of 1 and 10; hand over those of one" in str(
        analysed(mixed, {**AREAS, "dilution": 1}).outcome
    )
    for text, says in (("0", "dilution must be above 0, got '0'"), ("ten", "dilution must be a finite number")):
        with pytest.raises(AnalysisError, match=says):
            read_file("run-7.csv", DILUTED.format(text).encode())


CHROMELEON = """Injection Name:;R1-1;;;Run Time (min):;10,00
Dilution Factor:;1,0000;;;Wavelength:;254
Time:;10.11.2026 12:31

No.;Peak Name;Retention Time;Area;Height;Relative Area
;;min;mAU*min;mAU;%
1;product;4,210;620,000;70,1;38,27
2;biphenyl;6,800;1000,000;90;61,73
Total:;;;1620,000;160,1;100,00
"""
EMPOWER = """SampleName\tVial\tInj. #\tDate Acquired\tR.T. (min)\tArea (uV*sec)\t% Area\tHeight (uV)
R1-1\t1:A,1\t1\t11/13/2026 9:00:00 AM\t4.210\t620\t38\t70
R1-1\t1:A,1\t1\t11/13/2026 9:00:00 AM\t6.800\t1000\t62\t90
"""

CHEMSTATION = """Probenname:;R1-1
Injektionsdatum:;13.11.2026 09:00:00

Peak #;RetZeit;Typ;Breite;Fläche;Höhe;Fläche
;[min];;[min];[mAU*s];[mAU];%
1;4,210;BB;0,05;620,0;70,1;38,27
2;6,800;BB;0,05;1000,0;90,0;61,73
Summen:;;;;1620,0;160,1;
"""
GERMAN_GC = """Probe\tRetentionszeit (min)\tFläche (µV*s)\tHöhe (µV)
R1-1\t4,210\t620\t70
R1-1\t6,800\t1000\t90
"""


@pytest.mark.parametrize("text", [CHROMELEON, EMPOWER, CHEMSTATION, GERMAN_GC])
def test_reports_are_read_as_their_programs_write_them(text: str) -> None:
    found = analysed(text.encode("cp1252"))

    assert value(found).value == value(analysed(PLAIN)).value
    assert found.doubts == ()


def test_a_dilution_above_a_table_may_have_a_decimal_comma_and_not_be_a_thousand() -> None:
    (doubt,) = analysed(CHROMELEON.replace("1,0000", "2,5")).doubts
    assert "a dilution of 2.5" in doubt
    with pytest.raises(AnalysisError, match="dilution must be a finite number, got '1,000'; export it without thous"):
        read_file("run-7.csv", CHROMELEON.replace("1,0000", "1,000").encode())


def test_a_share_of_the_area_is_none() -> None:
    text = PLAIN.replace("Area\n", "Area (counts),Area (%)\n").replace("620", "620,38").replace("1000", "1000,62")

    assert value(analysed(text)).value == value(analysed(PLAIN)).value
