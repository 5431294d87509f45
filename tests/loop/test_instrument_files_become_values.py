"""Analysis: files of instruments are read as they stand, and values come of them with limits, deviations and faults."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.analysis import Analysed, Label, Line, Reading, analyse, fit_line, integrate, label_of, read_file
from loop.analysis.calibration import scatter_about
from loop.errors import AnalysisError, SpecError
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Qualifier
from loop.spec import CampaignSpec, build_analysis, read_spec

FILES = Path(__file__).parent / "instruments"
POINTS = {0: 0.0, 25: 0.312, 50: 0.619, 100: 1.251}
PEAKS: dict[str, Any] = {
    "peak": {"at": 4.2, "within": 0.1},
    "standard": {"at": 6.8, "within": 0.1, "at_least": 100},
    "calibration": {"points": POINTS},
}


def readings(name: str) -> tuple[Reading, ...]:
    return read_file(name, (FILES / name).read_bytes())


def campaign(method: dict[str, Any], **target: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "coupling",
            "space": {"temperature": {"type": "number", "low": 40, "high": 120, "unit": "degC"}},
            "objective": {"yield": {"goal": "maximize", "unit": "%", **target}},
            "budget": {"experiments": 4},
            "analysis": {"yield": method},
            "laboratory": {"adapter": "manual"},
        }
    )


def of_well(well: str, method: dict[str, Any] = PEAKS, name: str = "hplc_peaks.csv", **more: Any) -> Analysed:
    analysis = build_analysis(campaign(method))
    assert analysis is not None
    return analyse(analysis, [(name, readings(name))], lambda r: r.label.well == well, **more)


def value(analysed: Analysed) -> Measurement:
    assert isinstance(analysed.outcome, Measured), analysed.outcome
    return analysed.outcome.measurements[0]


def fault(analysed: Analysed) -> str:
    assert isinstance(analysed.outcome, Fault), analysed.outcome
    assert analysed.outcome.kind is FaultKind.ANALYSIS_FAILED
    assert not analysed.outcome.informative
    return analysed.outcome.message


def test_a_peak_beside_its_standard_becomes_a_yield_with_its_deviation() -> None:
    found = value(of_well("A1"))

    # The same by another program: numpy's line and covariance, and the first-order propagation of their errors.
    x, y = np.array(list(POINTS)), np.array(list(POINTS.values()))
    (slope, intercept), covariance = np.polyfit(x, y, 1, cov=True)
    s2 = np.sum((y - intercept - slope * x) ** 2) / 2
    expected = (0.62 - intercept) / slope
    gradient = np.array([-expected / slope, -1 / slope])
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.sd == pytest.approx(math.sqrt(s2 / slope**2 + gradient @ covariance @ gradient), rel=1e-9)
    assert (found.unit, found.n, found.qualifier) == ("%", 1, Qualifier.EQUAL)


def test_what_is_below_the_limit_of_detection_is_a_limit_with_its_deviation() -> None:
    small, absent = of_well("A2"), of_well("A5")

    for analysed in (small, absent):
        assert isinstance(analysed.outcome, Negative)
        (limit,) = analysed.outcome.measurements
        line = fit_line(list(POINTS.items()))
        assert limit.qualifier is Qualifier.BELOW
        assert limit.value == pytest.approx(3.3 * line.sd / line.slope)
        assert limit.sd is not None
        assert limit.sd > 0
    declared = of_well("A2", {**PEAKS, "detection_limit": 2.5})
    assert isinstance(declared.outcome, Negative)
    assert declared.outcome.measurements[0].value == 2.5


def test_little_of_what_is_to_be_small_is_a_result_and_no_negative() -> None:
    analysis = build_analysis(campaign(PEAKS, goal="minimize"))
    assert analysis is not None

    found = analyse(analysis, [("a", readings("hplc_peaks.csv"))], lambda r: r.label.well == "A2")

    assert value(found).qualifier is Qualifier.BELOW


@pytest.mark.parametrize(
    ("well", "says"),
    [
        ("A3", r"yield: no internal standard peak between 6.7 and 6.9 min \(line 11\)"),
        ("A4", "is saturated .*dilute the sample"),
        ("A6", "outside the calibrated range, 0 to 100 %; dilute it, add standards, or say beyond"),
        ("A7", r"2 peaks are between 4.1 and 4.3 min \(at 4.18, 4.26\); narrow the window, or say several"),
        ("A9", "the internal standard's area is 40 and should be at least 100 .*dosed and injected"),
    ],
)
def test_what_cannot_be_analysed_is_a_fault_that_says_why(well: str, says: str) -> None:
    import re

    assert re.search(says, fault(of_well(well)))


def test_rules_of_the_campaign_file_decide_in_doubt() -> None:
    above = value(of_well("A6", {**PEAKS, "beyond": "limit"}))
    beyond = value(of_well("A6", {**PEAKS, "beyond": "extrapolate"}))
    total = value(of_well("A7", {**PEAKS, "peak": {"at": 4.2, "within": 0.1, "several": "sum"}}))
    named = value(of_well("A7", {**PEAKS, "peak": {"name": "Product"}}))
    low = fault(of_well("A1", {**PEAKS, "saturation": 80}))

    assert (above.value, above.qualifier) == (100.0, Qualifier.ABOVE)
    assert beyond.value == pytest.approx(128, abs=1)
    assert total.value == pytest.approx(value(of_well("A1")).value * 0.61 / 0.62, rel=1e-3)
    assert named.value == pytest.approx(total.value * 300 / 610, rel=1e-2)
    assert "saturated" in low


def test_injections_of_one_sample_are_readings_of_one_value() -> None:
    twice, once = value(of_well("A8")), value(of_well("A1"))

    assert twice.n == 2
    assert twice.value == pytest.approx(once.value * 0.622 / 0.62, rel=1e-3)
    assert twice.sd is not None
    assert once.sd is not None
    assert twice.sd / math.sqrt(2) < once.sd * 1.5  # with sd / sqrt(n) the mean is no less sure


@given(
    slope=st.floats(1e-3, 1e3),
    intercept=st.floats(-10, 10),
    value=st.floats(0, 100),
)
def test_a_line_gives_back_the_value_that_it_was_given(slope: float, intercept: float, value: float) -> None:
    points = [(v, intercept + slope * v) for v in (0.0, 30.0, 70.0, 100.0)]

    line = fit_line(points)

    assert line.value(intercept + slope * value) == pytest.approx(value, abs=1e-6 * (1 + abs(intercept / slope)))
    assert line.deviation(intercept + slope * value, 1) == pytest.approx(0, abs=1e-6 * (1 + abs(intercept / slope)))


@pytest.mark.parametrize("through_zero", [False, True])
def test_what_rounding_leaves_of_standards_on_a_line_is_no_scatter(through_zero: bool) -> None:
    points = [(v, 12.3 * v) for v in (0.5, 1.1, 3.3, 7.7, 13.9)]  # of which rounding leaves residuals of some 1e-14
    off = [*points[:-1], (13.9, 170.97 + 1e-8)]

    line, scattered = (fit_line(said, through_zero=through_zero) for said in (points, off))

    assert (line.sd, line.deviation(0.7, 1), line.detection_limit) == (0.0, 0.0, 0.0)
    assert scattered.sd > 1e-9
    assert scatter_about([0.3, 0.1 + 0.2], [0.3, 0.3], 1) == 0.0
    assert scatter_about([1.0, 3.0], [2.0, 2.0], 1) == pytest.approx(math.sqrt(2.0))


def test_a_line_through_zero_and_a_stated_one() -> None:
    through = fit_line([(10, 1.0), (20, 2.2)], through_zero=True)
    stated = Line(0.1, sd=0.02, lowest=0, highest=50)

    assert through.slope == pytest.approx((10 * 1.0 + 20 * 2.2) / (100 + 400))
    assert through.intercept == 0.0
    assert through.deviation(0.0, 1) == pytest.approx(through.sd / through.slope)
    assert (stated.value(1.5), stated.deviation(1.5, 4)) == (pytest.approx(15.0), pytest.approx(0.02 / 2 / 0.1))
    assert stated.detection_limit == pytest.approx(3.3 * 0.2)
    with pytest.raises(AnalysisError, match="two different values"):
        fit_line([(5, 1), (5, 2)])
    with pytest.raises(AnalysisError, match="do not change"):
        fit_line([(0, 1), (5, 1)])


def test_a_trace_is_integrated_above_the_line_between_the_windows_ends() -> None:
    (trace,) = readings("chromatogram.csv")
    assert trace.trace is not None
    assert trace.label == Label(sample="R1-2")

    peak = integrate(trace.trace, 3.9 * 60, 4.5 * 60)

    assert peak is not None
    # A Gaussian of height 100 and deviation 0.05 min, on a sloping baseline; its area in seconds.
    assert peak.area == pytest.approx(100 * 0.05 * math.sqrt(2 * math.pi) * 60, rel=1e-3)
    assert peak.at == pytest.approx(4.2 * 60, abs=0.6)
    assert integrate(trace.trace, 60, 120) is None or integrate(trace.trace, 60, 120).area < 1e-3  # type: ignore[union-attr]
    with pytest.raises(AnalysisError, match=r"the trace runs from 0 to 480 and the window 470 to 490"):
        integrate(trace.trace, 470, 490)
    analysis = build_analysis(campaign({**PEAKS, "standard": {"at": 6.8, "within": 0.3, "at_least": 1}}))
    assert analysis is not None
    wide = analyse(analysis, [("c", [trace])], lambda _: True)
    assert isinstance(wide.outcome, Fault)  # twice the standard: 160 %
    assert "outside the calibrated range" in wide.outcome.message


def test_plates_are_read_with_blanks_standards_and_overflow() -> None:
    method: dict[str, Any] = {
        "signal": "450",
        "blank": {"wells": ["A01", "B1"]},
        "calibration": {"wells": {"C2": 0, "A3": 100}},
        "detection_limit": 1,
    }

    middle = value(of_well("A2", method, "reader_grid.csv"))
    over = fault(of_well("B3", method, "reader_grid.csv"))

    assert middle.value == pytest.approx(100 * (0.553 - 0.052) / (1.051 - 0.052), rel=1e-12)
    assert middle.sd is not None
    assert middle.sd > 0  # two blanks that differ
    assert "plate 1, well B3 is saturated" in over
    missing = fault(of_well("A2", {**method, "blank": {"wells": ["H12"]}}, "reader_grid.csv"))
    assert "no reading of the blank (H12) beside plate 1, well A2; measure it too" in missing
    missing = fault(of_well("A2", {**method, "calibration": {"wells": {"H1": 0, "A3": 1}}}, "reader_grid.csv"))
    assert "no reading of standard H1" in missing


def test_lists_of_wells_with_decimal_commas_and_one_channel_need_no_name() -> None:
    method: dict[str, Any] = {"signal": "", "calibration": {"slope": 0.01, "intercept": 0.05}}

    assert value(of_well("A2", method, "reader_wells.csv")).value == pytest.approx(50.3)
    with pytest.raises(AnalysisError, match=r"'yield' needs a signal 450, and reader_wells.csv has none"):
        of_well("A2", {**method, "signal": "450"}, "reader_wells.csv")
    assert "has 450, 600 as signals; say which" in fault(of_well("A2", method, "reader_grid.csv"))


def test_a_column_may_say_the_channel_of_each_row() -> None:
    (first,) = read_file("w.csv", b"plate,well,wavelength,OD\n1,A1,450,0.5\n1,A1,600,0.1\n")
    (second,) = read_file("w.csv", b"wavelength: 450\nplate,well,OD\n1,A1,0.5\n")

    assert dict(first.signals) == {"450": 0.5, "600": 0.1}
    assert dict(second.signals) == {"450": 0.5}


def test_jcamp_files_of_both_versions_are_read_also_as_differences() -> None:
    pytest.importorskip("jcamp", reason="JCAMP-DX needs hakken[instruments]")
    (plain,), (differences,), (gc,) = readings("ir.jdx"), readings("ir_dif.jdx"), readings("gc.jdx")
    assert plain.trace is not None
    assert differences.trace is not None

    assert (plain.unit, plain.label.sample) == ("1/cm", "R1-3")
    assert plain.trace == differences.trace
    assert (len(plain.trace.x), plain.trace.x[0], plain.trace.x[-1]) == (101, 1600.0, 1800.0)
    band = integrate(plain.trace, 1690, 1740)
    assert band is not None
    assert band.area == pytest.approx(0.8 * 8 * math.sqrt(2 * math.pi), rel=0.02)
    assert gc.peaks is not None
    assert [(p.at, p.area) for p in gc.peaks] == [(1.2, 5000.0), (4.2, 620.0), (6.8, 1000.0)]
    text = (FILES / "ir_dif.jdx").read_text()
    for broken, says in (
        (text.replace("F58Q8", "F58Q9"), "it is damaged: Y-Check failed"),
        (text.replace("##END=\n", ""), "no ##END= record"),
        (text.replace("##NPOINTS=101", "##NPOINTS=90"), "101|damaged|declares"),
        (text.replace("##YUNITS=ABSORBANCE", "##YUNITS=TRANSMITTANCE"), "transmittance, which adds up to nothing"),
    ):
        with pytest.raises(AnalysisError, match=f"^x.jdx: .*({says})"):
            read_file("x.jdx", broken.encode())


@pytest.mark.parametrize(
    ("word", "value", "feature", "says"),
    [
        ("OVRFLW", -0.0, "absorbance", "is saturated; dilute the sample"),
        ("#Sat", -0.0, "Absorbance", "is saturated; dilute the sample"),
        ("", "+Infinity", "", "is saturated; dilute the sample"),
        ("lamp failed", -0.0, "450nm", "says 'lamp failed' in place of a value; read it again"),
        ("lamp failed", 0.553, "absorbance", "says 'lamp failed' in place of a value; read it again"),
        ("", "ERR 3", "", "says 'ERR 3' in place of a value; read it again"),
        ("x" * 500, -0.0, "absorbance", "says 'xxx"),
    ],
)
def test_an_error_in_allotrope_json_is_not_read_as_its_minus_zero(
    word: str, value: float | str, feature: str, says: str
) -> None:
    document = json.loads((FILES / "reader.json").read_text())
    measurement = document["plate reader aggregate document"]["plate reader document"][1]
    measurement = measurement["measurement aggregate document"]["measurement document"][0]
    measurement["absorbance"]["value"] = value
    if word:
        errors = [{"error": word, "error feature": feature}]
        measurement["error aggregate document"] = {"error document": errors}
    method = {"signal": "absorbance 450", "calibration": {"slope": 0.01}, "detection_limit": 1}
    analysis = build_analysis(campaign(method))
    assert analysis is not None
    read = read_file("reader.json", json.dumps(document).encode())
    said = fault(analyse(analysis, [("reader.json", read)], lambda r: r.label.well == "A2"))

    assert says in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("word", "value"), [("nan", -0.0), ("Not reported", -0.0), ("", "NaN"), ("", None), ("", float("nan"))]
)
def test_a_well_that_was_not_read_is_none_in_allotrope_json(word: str, value: Any) -> None:
    document = json.loads((FILES / "reader.json").read_text())
    measurement = document["plate reader aggregate document"]["plate reader document"][1]
    measurement = measurement["measurement aggregate document"]["measurement document"][0]
    measurement["absorbance"]["value"] = value
    if word:
        measurement["error aggregate document"] = {"error document": [{"error": word, "error feature": "absorbance"}]}
    wells = [reading.label.well for reading in read_file("reader.json", json.dumps(document).encode())]

    assert "A1" in wells
    assert "A2" not in wells


def test_allotrope_json_is_read() -> None:
    reader, (hplc,) = readings("reader.json"), readings("hplc.json")
    method: dict[str, Any] = {
        "signal": "absorbance 450",
        "blank": {"wells": ["A1", "B1"]},
        "calibration": {"slope": 0.01},
        "detection_limit": 1,
    }

    assert reader[1].label == Label(sample="P1 A2", plate="1", well="A2")
    assert reader[1].taken == "2026-11-26T09:00:00+00:00"
    assert value(of_well("A2", method, "reader.json")).value == pytest.approx((0.553 - 0.0515) / 0.01)
    assert hplc.peaks is not None
    assert [(p.at, p.area, p.name) for p in hplc.peaks] == [(4.21, 620.0, "product"), (6.8, 1000.0, "biphenyl")]
    document = json.loads((FILES / "hplc.json").read_text())
    measurement = document["liquid chromatography aggregate document"]["liquid chromatography document"][0]
    measurement = measurement["measurement aggregate document"]["measurement document"][0]
    measurement["other data document"] = measurement["processed data document"]
    with pytest.raises(AnalysisError, match="measurement i1 has 2 lists of peaks; export one"):
        read_file("a.json", json.dumps(document).encode())
    with pytest.raises(AnalysisError, match="it holds no reading"):
        read_file("a.json", json.dumps({"$asm.manifest": document["$asm.manifest"]}).encode())


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (("sample document", "A1"), "measurement i1: its sample document is str 'A1', not as in ASM; export it anew"),
        (("sample document", [1]), "its sample document is list"),
        (("peak", 3.5), "measurement i1: its list of peaks is float '3.5'"),
        (("value", 10**400), "measurement i1 has a peak without retention time or area"),
        (("value", math.inf), "measurement i1 has a peak without retention time or area"),
    ],
)
def test_allotrope_json_of_another_structure_says_where(broken: tuple[str, Any], says: str) -> None:
    name, with_this = broken

    def changed(part: Any) -> Any:
        if isinstance(part, list):
            return [changed(one) for one in part]
        if not isinstance(part, dict):
            return part
        return {key: with_this if key == name else changed(one) for key, one in part.items()}

    document = changed(json.loads((FILES / "hplc.json").read_text()))
    with pytest.raises(AnalysisError, match=re.escape(says)):
        read_file("a.json", json.dumps(document).encode())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty; export it anew"),
        ("a letter\nto somebody\n", "no table is found in it: give a line with retention_time and area"),
        ("sample,RT,Area\nR1-1,4.2,much\n", "line 2: area must be a finite number, got 'much'"),
        ('sample,RT,Area\nR1-1,4.2,"1,000"\n', "got '1,000'; export it without thousands separators"),
        ("sample;RT;Area\nR1-1;4,2;1.000,0\n", "got '1.000,0'; export it without thousands separators"),
        ("sample,RT [mol],Area\nR1-1,4.2,5\n", r"line 2: 'RT \[mol\]' is no time"),
        ("sample,RT,Area\nR1-1,4.2,5,6\n", "line 2 has 4 cells and its header 3; quote a cell with a comma"),
        ("plate,well,absorbance\n1,9Z,0.5\n", "line 2: '9Z' is no well; write a letter and a number, such as A1"),
        ("plate,well,absorbance\n1,A1,0.5\n1,A01,0.6\n", "plate 1, well A1 is read twice"),
        ("time,signal\n1,2\n1,3\n", "axis of a trace must rise"),
        (
            "sample,RT,Height\nR1-1,4.2,620\n",
            "its peaks have heights and no areas, which tell amounts; export the areas",
        ),
        ("sample,RT,Height,Resolution\nR1-1,4.2,620,2.1\n", "its peaks have heights and no areas"),
        ('sample,RT,Area\n"R1-1,4.2,5\n', "is no CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_its_line(text: str, says: str) -> None:
    with pytest.raises(AnalysisError, match=says):
        read_file("run.csv", text.encode())


@given(data=st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_read_or_refused(data: bytes) -> None:
    try:
        said = str(read_file("any", data))
    except AnalysisError as error:
        said = str(error)

    assert said.startswith(("any", "(Reading("))


def test_plates_and_wells_are_one_however_they_are_written() -> None:
    assert label_of(plate="Plate 03", well="a01") == label_of(plate="P3", well="A1") == Label(plate="3", well="A1")
    assert label_of(plate="XB-17").plate == "XB-17"


def test_an_expired_calibration_is_a_doubt() -> None:
    method = {**PEAKS, "calibration": {"points": POINTS, "id": "c-7", "expires": "2026-11-01"}}

    before, after = of_well("A1", method, at="2026-11-01"), of_well("A1", method, at="2026-11-26T09:00:00+00:00")

    assert before.doubts == ()
    assert after.doubts == (
        "yield: the calibration c-7 expired on 2026-11-01, and this is of 2026-11-26; calibrate anew",
    )
    assert after.detail["yield"]["calibration"] == {"id": "c-7", "expires": "2026-11-01"}


def test_the_version_names_what_the_analysis_says() -> None:
    one, same, other = (build_analysis(campaign(m)) for m in (PEAKS, dict(PEAKS), {**PEAKS, "detection_limit": 1}))
    assert one is not None
    assert same is not None
    assert other is not None

    assert one.version == same.version != other.version


def test_the_points_of_a_calibration_come_from_a_table_too() -> None:
    text = """\
campaign: a
space: {t: {type: number, low: 0, high: 1}}
objective: {yield: {goal: maximize, unit: "%"}}
budget: {experiments: 20}
analysis: {yield: {signal: "", calibration: {file: c.csv}}}
laboratory: {adapter: manual}
"""
    tables = {"c.csv": "value,response\n0,0.1\n0,0.12\n50,1.0\n"}

    spec = read_spec(text, source="a.yaml", read=lambda name: tables[name])

    assert spec.analysis is not None
    assert spec.analysis["yield"].calibration.points == {0.0: [0.1, 0.12], 50.0: [1.0]}
    assert spec.from_resolved(spec.resolved()) == spec
    for table, says in (("value\n1\n", "has no column 'response'"), ("value,response\n1,a\n", "c.csv line 2 holds")):
        tables["c.csv"] = table
        with pytest.raises(SpecError, match=f"a.yaml line 5: analysis: .*{says}"):
            read_spec(text, source="a.yaml", read=lambda name: tables[name])


def trace(*peaks: tuple[float, float, float], scale: float = 1.0, unit: str = "min") -> bytes:
    """A chromatogram of 10 min with Gaussians of a height, a place and a deviation, both in minutes."""
    lines = [f"time [{unit}],signal"]
    for i in range(1001):
        t = i * 0.01
        y = sum(h * math.exp(-(((t - at) / sd) ** 2) / 2) for h, at, sd in peaks)
        lines.append(f"{t * scale:.4f},{y:.5f}")
    return "\n".join([*lines, ""]).encode()


EXTERNAL: dict[str, Any] = {"peak": {"at": 4.2, "within": 0.15}, "calibration": {"slope": 0.1, "sd": 0.05}}


def of_bytes(data: bytes, method: dict[str, Any]) -> Analysed:
    analysis = build_analysis(campaign(method))
    assert analysis is not None
    return analyse(analysis, [("run.csv", read_file("run.csv", data))], lambda _: True)


def test_an_area_does_not_depend_on_the_unit_of_the_files_axis() -> None:
    minutes = value(of_bytes(trace((100, 4.2, 0.02)), EXTERNAL))
    seconds = value(of_bytes(trace((100, 4.2, 0.02), scale=60, unit="s"), EXTERNAL))
    in_seconds = {**EXTERNAL, "peak": {"at": 252, "within": 9, "unit": "s"}}

    assert minutes.value == pytest.approx(100 * 0.02 * math.sqrt(2 * math.pi) / 0.1, rel=1e-3)
    assert seconds.value == pytest.approx(minutes.value, rel=1e-6)
    assert value(of_bytes(trace((100, 4.2, 0.02)), in_seconds)).value == pytest.approx(60 * minutes.value, rel=1e-6)


@pytest.mark.parametrize("at", [4.39, 4.01])
def test_a_peak_on_the_flank_of_a_neighbour_is_not_called_absent(at: float) -> None:
    said = fault(of_bytes(trace((100, 4.2, 0.02), (500, at, 0.04)), EXTERNAL))

    assert f"ends on a neighbour's flank, at {4.35 if at > 4.2 else 4.05}" in said
    assert "not resolved; move its ends to the baseline" in said


def test_noise_and_a_bent_baseline_are_no_flank() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        y = rng.normal(0, 1, 1001) + 0.05 * (np.arange(1001) / 100 - 4.2) ** 2
        lines = ["time [min],signal", *(f"{i * 0.01:.2f},{v:.5f}" for i, v in enumerate(y)), ""]
        analysed = of_bytes("\n".join(lines).encode(), {**EXTERNAL, "detection_limit": 20})
        assert isinstance(analysed.outcome, Negative)


def test_below_the_lowest_standard_is_a_limit_and_says_so() -> None:
    points = {10: 0.125, 25: 0.312, 50: 0.619, 100: 1.251}
    table = b"plate,well,RT [min],Area\nP1,A1,4.21,75\nP1,A1,6.80,1000\n"  # 6.1 %
    method = {**PEAKS, "calibration": {"points": points}}

    little = of_bytes(table, method)

    assert isinstance(little.outcome, Negative)
    assert little.outcome.reason == "yield below the lowest standard"
    (limit,) = little.outcome.measurements
    assert (limit.value, limit.qualifier) == (10.0, Qualifier.BELOW)
    assert of_bytes(table, {**method, "beyond": "limit"}).outcome == little.outcome
    assert value(of_bytes(table, {**method, "beyond": "extrapolate"})).value == pytest.approx(6.1, abs=0.1)
    absent = of_bytes(b"plate,well,RT [min],Area\nP1,A1,6.80,1000\n", method).outcome
    assert isinstance(absent, Negative)
    assert absent.reason == "yield below the limit of detection"


@pytest.mark.parametrize(
    "calibration",
    [
        "{slope: 0.0125}",
        "{points: {0: 0, 100: 1.25}}",
        "{points: {100: 1.25}, through_zero: true}",
        "{wells: {H1: 0, H2: 100}}",
    ],
)
def test_a_peaks_calibration_without_scatter_needs_a_limit_of_detection(calibration: str) -> None:
    text = f"""\
campaign: a
space: {{t: {{type: number, low: 0, high: 1}}}}
objective: {{yield: {{goal: maximize, unit: "%"}}}}
budget: {{experiments: 20}}
analysis: {{yield: {{peak: {{at: 4, within: 1}}, calibration: {calibration}}}}}
laboratory: {{adapter: manual}}
"""

    with pytest.raises(SpecError, match=r"a.yaml line 5: analysis.yield: .*no scatter .*; give detection_limit"):
        read_spec(text, source="a.yaml", read=str)
    given = text.replace("within: 1}", "within: 1}, detection_limit: 1")
    assert read_spec(given, source="a.yaml", read=str).analysis is not None


def in_seconds(kind: str, time: str) -> bytes:
    """Peaks at 252 and 408 s, in a table of them or as a trace."""
    if kind == "peaks":
        return f"sample,{time},Area\nR1-1,252,620\nR1-1,408,1000\nR1-2,408,990\n".encode()
    signal = [1 + 500 * math.exp(-(((t - 252) / 3) ** 2)) + 800 * math.exp(-(((t - 408) / 3) ** 2)) for t in range(600)]
    return "\n".join([f"{time},signal", *(f"{t},{y}" for t, y in enumerate(signal)), ""]).encode()


@pytest.mark.parametrize("kind", ["peaks", "trace"])
def test_times_without_a_unit_that_are_seconds_are_no_lack_of_product(kind: str) -> None:
    """Taken for minutes, they would make negatives of a whole plate."""
    analysis = build_analysis(campaign({**PEAKS, "standard": None, "detection_limit": 1, "calibration": {"slope": 12}}))
    bare, stated = (read_file("R1-1.csv", in_seconds(kind, time)) for time in ("time", "time [s]"))
    assert analysis is not None

    with pytest.raises(AnalysisError, match=r"no peak is between 4.1 and 4.3 .* one is with times in s .*, at 252\)"):
        analyse(analysis, [("R1-1.csv", bare)], lambda r: r.label.sample == "R1-1")
    found = analyse(analysis, [("R1-1.csv", stated)], lambda r: r.label.sample == "R1-1").outcome
    assert isinstance(found, Measured)


@pytest.mark.parametrize("unit", ["min", "s"])
def test_a_peak_that_is_lacking_at_its_time_stays_a_negative(unit: str) -> None:
    factor = 60 if unit == "s" else 1
    window = {"at": 4.2 * factor, "within": 0.1 * factor, "unit": unit}
    method = {"peak": window, "detection_limit": 1, "calibration": {"slope": 12}}
    analysis = build_analysis(campaign(method))
    readings = read_file("run.csv", b"well,RT,Area\nA1,4.21,620\nA1,6.8,1000\nA2,6.8,990\n")
    assert analysis is not None

    here, there = (
        analyse(analysis, [("run.csv", readings)], lambda r, well=well: r.label.well == well).outcome
        for well in ("A1", "A2")
    )
    assert isinstance(here, Measured)
    assert isinstance(there, Negative)
