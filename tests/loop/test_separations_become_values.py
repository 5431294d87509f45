"""Figures of a separation (time, resolution, tailing, plates) come from tables of peaks as programs export them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loop.analysis import Analysed, analyse, read_file
from loop.analysis.figures import quantity_of
from loop.errors import AnalysisError
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Qualifier
from loop.spec import CampaignSpec, build_analysis

# After reports of these programs; the figures are made up.
AGILENT = b"""\
Sample Name:\tR1-1

RetTime [min]\tk'\tArea [mAU*s]\tHeight [mAU]\tSymm.\tWidth [min]\tPlates\tResol.\tSelectivity\tCompound
2.103\t1.10\t512.3\t88.2\t0.91\t0.085\t9817\t-\t-\turacil
3.511\t2.51\t488.0\t70.4\t0.88\t0.101\t11240\t8.12\t2.28\timpurity A
3.874\t2.87\t1520.7\t201.9\t0.71\t0.113\t10950\t1.84\t1.14\tAPI
9.250\t8.25\t302.2\t21.0\t0.95\t0.230\t12800\t17.61\t2.87\timpurity B
"""
WATERS = b"""\
"SampleName","Name","RT","Area","% Area","Height","USP Resolution","USP Tailing","USP Plate Count"
"R1-1","uracil","2.103","512300","18.1","88200","","1.12","9817"
"R1-1","impurity A","3.511","488000","17.3","70400","8.121","1.15","11240"
"R1-1","API","3.874","1520700","53.9","201900","1.842","1.61","10950"
"R1-1","impurity B","9.250","302200","10.7","21000","17.610","1.05","12800"
"""
SHIMADZU = b"""\
[Header]
Sample Name\tR1-1
[Peak Table(Detector A-Ch1)]
# of Peaks\t4
Peak#\tR.Time\tI.Time\tF.Time\tArea\tHeight\tA/H\tConc.\tName\tk'\tPlate #\tPlate Ht.\tTailing\tResolution
1\t2.103\t2.010\t2.310\t512300\t88200\t5.81\t0.0\turacil\t1.10\t9817.2\t15.279\t1.120\t0.000
2\t3.511\t3.390\t3.690\t488000\t70400\t6.93\t0.0\timpurity A\t2.51\t11240.1\t13.345\t1.150\t8.121
3\t3.874\t3.690\t4.120\t1520700\t201900\t7.53\t0.0\tAPI\t2.87\t10950.8\t13.698\t1.610\t1.842
4\t9.250\t8.900\t9.800\t302200\t21000\t14.39\t0.0\timpurity B\t8.25\t12800.3\t11.719\t1.050\t17.610
"""
THERMO = b"""\
Injection Name;Peak Name;Ret.Time;Area;Height;Resolution (EP);Asymmetry (EP);Plates (EP)
R1-1;uracil;2,103;8,54;88,2;8,12;1,12;9817
R1-1;impurity A;3,511;8,13;70,4;1,84;1,15;11240
R1-1;API;3,874;25,35;201,9;17,61;1,61;10950
R1-1;impurity B;9,250;5,04;21,0;n.a.;1,05;12800
"""
EXPORTS = {"agilent": AGILENT, "waters": WATERS, "shimadzu": SHIMADZU, "thermo": THERMO}

API: dict[str, Any] = {"peak": {"name": "API"}}
CRITICAL: dict[str, Any] = {"quantity": "resolution", "of_all": "smallest", "count": 4, "detection_limit": 0.5}
RUN_TIME: dict[str, Any] = {"quantity": "time", "of_all": "largest", "count": 4}


def campaign(method: dict[str, Any], **target: Any) -> CampaignSpec:
    unit = {"unit": "min"} if method.get("quantity") == "time" else {}
    return CampaignSpec.from_resolved(
        {
            "campaign": "separation",
            "space": {"acetonitrile": {"type": "number", "low": 20, "high": 80, "unit": "%"}},
            "objective": {"it": {"goal": "maximize", **unit, **target}},
            "budget": {"experiments": 4},
            "analysis": {"it": method},
            "laboratory": {"adapter": "manual"},
        }
    )


def of(method: dict[str, Any], *files: bytes, **target: Any) -> Analysed:
    analysis = build_analysis(campaign(method, **target))
    assert analysis is not None
    found = [(f"run-{i}.csv", read_file(f"run-{i}.csv", data)) for i, data in enumerate(files)]
    return analyse(analysis, found, lambda reading: not reading.label.key)


def value(analysed: Analysed) -> Measurement:
    assert isinstance(analysed.outcome, Measured), analysed.outcome
    return analysed.outcome.measurements[0]


def fault(analysed: Analysed) -> str:
    assert isinstance(analysed.outcome, Fault), analysed.outcome
    assert analysed.outcome.kind is FaultKind.ANALYSIS_FAILED
    return analysed.outcome.message


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_the_smallest_resolution_and_the_last_time_are_read_from_exports(export: bytes) -> None:
    critical, run_time = value(of(CRITICAL, export)), value(of(RUN_TIME, export, goal="minimize"))

    assert critical.value == pytest.approx(1.84, abs=0.003)
    assert (critical.unit, critical.sd, critical.n, critical.qualifier) == ("", None, 1, Qualifier.EQUAL)
    assert run_time.value == pytest.approx(9.25)
    assert run_time.unit == "min"


@pytest.mark.parametrize(
    ("export", "quantity", "expected"),
    [
        ("agilent", "symmetry", 0.71),
        ("agilent", "plates", 10950),
        ("waters", "tailing", 1.61),
        ("waters", "plates", 10950),
        ("shimadzu", "tailing", 1.61),
        ("shimadzu", "plates", 10950.8),
        ("thermo", "symmetry", 1.61),
        ("thermo", "plates", 10950),
        ("waters", "time", 3.874),
    ],
)
def test_what_the_file_says_of_a_named_peak_is_its_value(export: str, quantity: str, expected: float) -> None:
    assert value(of({**API, "quantity": quantity}, EXPORTS[export])).value == pytest.approx(expected)


def test_a_peak_may_be_found_by_a_window_and_a_time_told_in_another_unit() -> None:
    found = of({"peak": {"at": 3.9, "within": 0.1}, "quantity": "time"}, WATERS, unit="s")

    assert value(found).value == pytest.approx(60 * 3.874)


def test_the_worst_of_all_is_of_the_peaks_in_a_window() -> None:
    late = {"low": 3.0, "high": 20.0}

    worst = value(of({"quantity": "tailing", "of_all": "largest", "count": 3, "peak": late}, WATERS))
    least = value(of({"quantity": "tailing", "of_all": "smallest", "count": 3, "peak": late}, WATERS))

    assert (worst.value, least.value) == (1.61, 1.05)


def test_a_time_is_told_by_a_trace_too() -> None:
    points = "".join(f"{t / 10},{100 - abs(t - 42) * 20 if abs(t - 42) < 5 else 0}\n" for t in range(100))
    trace = f"time [min],signal\n{points}".encode()

    assert value(of({"peak": {"at": 4.2, "within": 0.8}, "quantity": "time"}, trace)).value == pytest.approx(4.2)
    with pytest.raises(AnalysisError, match="'it' needs a table of peaks, and run-0"):
        of(RUN_TIME, trace)


# --- what is missing --------------------------------------------------------------------------------------------


def without(name: bytes, export: bytes = WATERS) -> bytes:
    return b"".join(line for line in export.splitlines(keepends=True) if name not in line)


def test_where_two_peaks_lie_under_one_the_smallest_resolution_is_a_limit() -> None:
    found = of(CRITICAL, without(b"impurity A").replace(b'"1.842"', b'"9.870"'))

    assert isinstance(found.outcome, Negative)
    assert found.outcome.reason == "it below the limit of detection"
    assert (found.outcome.measurements[0].value, found.outcome.measurements[0].qualifier) == (0.5, Qualifier.BELOW)


def test_a_named_peak_that_is_missing_follows_the_rules_of_areas() -> None:
    resolution = of({**API, "quantity": "resolution", "detection_limit": 0.5}, without(b"API"))
    plates = of({**API, "quantity": "plates", "detection_limit": 500}, without(b"API"))
    untold = of({**API, "quantity": "plates"}, without(b"API"))

    assert isinstance(resolution.outcome, Negative)
    assert isinstance(plates.outcome, Negative)
    assert fault(untold) == "it: line 2 has no peak named 'API', so that it has no plates"
    assert fault(of({**API, "quantity": "time"}, without(b"API"))).endswith("so that it has no time")


def test_a_run_whose_last_peak_did_not_come_is_no_short_one() -> None:
    assert fault(of(RUN_TIME, without(b"impurity B"), goal="minimize")) == (
        "it: line 2 has fewer than 4 peaks, so that it has no time"
    )


def test_what_else_was_measured_counts_beside_a_figure_of_a_peak_that_is_missing() -> None:
    """Two peaks that lie under one are a finding, although a run's time is not told then."""
    said = campaign(CRITICAL).resolved()
    said["objective"] |= {"run": {"goal": "minimize", "unit": "min"}}
    said["analysis"] |= {"run": RUN_TIME}
    analysis = build_analysis(CampaignSpec.from_resolved(said))
    assert analysis is not None

    file = ("run.csv", read_file("run.csv", without(b"API")))
    found = analyse(analysis, [file], lambda reading: not reading.label.key)

    assert (value(found).property, value(found).value, value(found).qualifier) == ("it", 0.5, Qualifier.BELOW)
    assert found.doubts == ("run: line 2 has fewer than 4 peaks, so that it has no time",)


def test_more_peaks_than_expected_leave_a_doubt() -> None:
    found = of({**CRITICAL, "count": 3}, WATERS)

    assert value(found).value == pytest.approx(1.842)
    assert found.doubts == ("it: 4 peaks count, and 3 are expected; export those alone, or give a window",)


def test_the_first_peak_has_no_resolution() -> None:
    said = fault(of({"peak": {"name": "uracil"}, "quantity": "resolution", "detection_limit": 0.5}, SHIMADZU))

    assert "the peak named 'uracil' has no resolution (line 6)" in said
    assert "name its neighbour" in said


def test_a_figure_that_only_some_peaks_have_is_not_the_worst_of_all() -> None:
    gappy = WATERS.replace(b'"1.61"', b'""').replace(b'"17.610"', b'""')

    assert "1 of 4 peaks have no tailing" in fault(of({"quantity": "tailing", "of_all": "largest", "count": 4}, gappy))
    assert "2 of 4 peaks have no resolution" in fault(of(CRITICAL, gappy))


def test_a_value_below_the_limit_is_the_limit() -> None:
    found = of(CRITICAL, WATERS.replace(b'"1.842"', b'"0.31"'), goal="match", value=2)

    assert (value(found).value, value(found).qualifier) == (0.5, Qualifier.BELOW)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_with_every_cell_in_quotes_is_read(delimiter: str) -> None:
    quoted = WATERS.replace(b",", delimiter.encode())

    assert value(of({**API, "quantity": "plates"}, quoted)).value == 10950


# --- files ------------------------------------------------------------------------------------------------------


def test_a_file_without_the_column_is_not_used_until_it_is_named_or_exported() -> None:
    plain = b"SampleName,Name,RT,Area,s/n\nR1-1,API,3.874,1520700,12\n"

    with pytest.raises(AnalysisError, match=r"a column of the tailing of peaks, and line 2 has none \(it has s/n\)"):
        of({**API, "quantity": "tailing"}, plain)
    with pytest.raises(AnalysisError, match="needs a column called 'Tf', and line 2 has none"):
        of({**API, "quantity": "tailing", "column": "Tf"}, plain)


def test_of_two_columns_one_is_named() -> None:
    both = b"Name,RT,Area,Resolution (USP),Resolution (EP)\nA,3.1,10,,\nAPI,3.9,20,1.9,2.1\n"
    method = {**API, "quantity": "resolution", "detection_limit": 0.5}

    with pytest.raises(AnalysisError, match=r"2 columns of resolution \(Resolution \(USP\), Resolution \(EP\)\);"):
        of(method, both)
    assert value(of({**method, "column": "Resolution (EP)"}, both)).value == 2.1


def test_a_cell_that_is_no_number_is_refused_where_it_counts_alone() -> None:
    odd = WATERS.replace(b'"1.61"', b'"1.6?"')

    said = fault(of({**API, "quantity": "tailing"}, odd))
    assert "USP Tailing of the peak at 3.874 is '1.6?' (line 2); export it anew" in said
    assert value(of({"peak": {"name": "uracil"}, "quantity": "tailing"}, odd)).value == 1.12


def test_repeats_have_a_mean_and_a_deviation() -> None:
    again = WATERS.replace(b"3.874", b"3.894").replace(b"1.61", b"1.65")

    found = value(of({**API, "quantity": "tailing"}, WATERS, again))
    lacking = fault(of({**API, "quantity": "tailing"}, WATERS, without(b"API", again)))

    assert (found.value, found.n) == (pytest.approx(1.63), 2)
    assert found.sd == pytest.approx(0.04 / 2**0.5)
    assert "1 of 2 readings has no peak named 'API'; look at them" in lacking


def test_one_injection_exported_twice_counts_once_with_what_either_says() -> None:
    """A report of areas and one of performance, of the same peaks."""
    areas = b"".join(b",".join(line.split(b",")[:6]) + b"\n" for line in WATERS.splitlines())

    for files in ((areas, WATERS), (WATERS, areas)):
        found = value(of({**API, "quantity": "tailing"}, *files))
        assert (found.value, found.n) == (1.61, 1)


def test_a_file_that_says_nothing_of_it_beside_one_that_does_is_no_repeat() -> None:
    """A report of areas without heights, beside the whole one."""
    areas = b"".join(b",".join(line.split(b",")[:4]) + b"\n" for line in WATERS.splitlines())

    found = value(of({**API, "quantity": "tailing"}, areas, WATERS))

    assert (found.value, found.n) == (1.61, 1)


def test_two_tables_of_one_file_say_together_what_they_say() -> None:
    report = b"RT,Area,Compound\n3.1,10,A\n3.9,20,API\n\nRT,Area,Resolution\n3.1,10,\n3.9,20,1.9\n"

    found = value(of({**API, "quantity": "resolution", "detection_limit": 0.5}, report))

    assert found.value == 1.9


def test_allotropes_json_has_figures_too() -> None:
    def quantity(number: float, unit: str = "(unitless)") -> dict[str, Any]:
        return {"value": number, "unit": unit}

    peaks = [
        {
            "written name": name,
            "retention time": quantity(at, "s"),
            "peak area": quantity(10.0, "mAU.s"),
            "chromatographic peak resolution": quantity(resolution),
        }
        for name, at, resolution in (("A", 120.0, 3.0), ("API", 180.0, 2.2))
    ]
    document = {"$asm.manifest": "x", "measurement document": [{"peak list": {"peak": peaks}}]}

    found = of({**API, "quantity": "resolution", "detection_limit": 0.5}, json.dumps(document).encode())

    assert value(found).value == 2.2


def test_times_that_may_be_seconds_leave_a_doubt() -> None:
    in_seconds = WATERS.replace(b"9.250", b"555.0")

    assert "comes at 555 min" in of(RUN_TIME, in_seconds).doubts[0]
    assert not of(RUN_TIME, WATERS).doubts


@pytest.mark.parametrize(
    ("header", "quantity"),
    [
        ("Resol.", "resolution"),
        ("USP Resolution", "resolution"),
        ("Resolution (EP)", "resolution"),
        ("Rs", "resolution"),
        ("Peak Tail Factor", "tailing"),
        ("Tailing Factor", "tailing"),
        ("USP Tailing", "tailing"),
        ("Symm.", "symmetry"),
        ("Asymmetry(EP)", "symmetry"),
        ("Theoretical Plates USP", "plates"),
        ("Plate #", "plates"),
        ("Theoretical Plate#", "plates"),
        ("USP Plate Count", "plates"),
        ("N.T.P.", None),
        ("Plate Ht.", None),
        ("Area", None),
    ],
)
def test_columns_are_known_by_what_programs_call_them(header: str, quantity: str | None) -> None:
    assert quantity_of(header) == quantity


def test_an_analysis_of_areas_keeps_its_version() -> None:
    analysis = build_analysis(campaign({"peak": {"at": 4.2, "within": 0.1}, "calibration": {"slope": 2, "sd": 0.1}}))

    assert analysis is not None
    assert analysis.version == "760192f33cd2"  # as of results on record since before there were other quantities
