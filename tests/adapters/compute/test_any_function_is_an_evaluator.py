"""The callable laboratory: a Python function of the settings, its numbers, its refusals, and how it may be wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.compute.callable import evaluate
from adapters.compute.evaluation import Request
from adapters.errors import AdapterOptionsError, AnalysisFailed, SettingUnknown
from adapters.registry import build
from loop.classes import Classes
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec
from loop.outcome import Fault, FaultKind, Measured, Negative, read_outcome
from loop.testing.adapter import KEY, AdapterContract, wait_for_end
from tests.adapters.executors.jobs import runs

OURS = """
from adapters.errors import NotConverged

__version__ = "2.1"

def bowl(settings):
    return {"yield": 100 - (settings["temperature"] - 60) ** 2 / 40 + len(settings["base"]), "purity": 0.5}

def one(settings):
    return settings["temperature"]

def refuse(settings):
    raise NotConverged("went round in circles")

def nothing(settings):
    return {"negative": "no conversion", "yield": 0.1}

def words(settings):
    return {"yield": "much"}

def below(settings):
    return {"yield": "<0.5", "form": "Form II"}

def worded(settings):
    return {"yield": 0.5, "form": None}

def lost(settings):
    return {"yield": float("inf")}

def half(settings):
    return {"yield": 42.0, "purity": float("nan")}

def silent(settings):
    return None

def other(settings):
    return {"yeild": 3.0}

def broken(settings):
    return settings["pressure"]

def by_name(settings):
    return {"triethylamine": 3.0, "DBU": 5.0}[settings["base"]]

def learnt(settings):
    import numpy
    return numpy.float32(12.5)

def counted(settings):
    import numpy
    return {"yield": numpy.int64(12)}

def is_good(settings):
    import numpy
    return numpy.bool_(True)

def true(settings):
    return {"yield": settings["temperature"] > 0}

def numpys_true(settings):
    import numpy
    return {"yield": numpy.bool_(True)}

def huge(settings):
    return {"yield": 10**400}

def unread(settings):
    raise ValueError("r\\udce9sultat.out is empty")  # as os.listdir names what is no UTF-8
"""
SPEC = ExperimentSpec(
    "bowl",
    {"temperature": 70.0, "base": "triethylamine"},
    {"temperature": "degC"},
    {"base": "CCN(CC)CC"},
    {"yield": "%"},
)


@pytest.fixture
def lab(tmp_path: Path) -> Callable[..., Adapter]:
    (tmp_path / "bowls.py").write_text(OURS)
    (tmp_path / "starred.py").write_text("from bowls import *")
    (tmp_path / "stale.py").write_text("import json\njson.float\ndef run(settings): return 1.0\n")
    (tmp_path / "needy.py").write_text("import no_such_package\ndef run(settings): return 1.0\n")

    def make(function: str = "bowls:bowl", **options: Any) -> Adapter:
        targets, words = options.pop("targets", {"yield": "%"}), options.pop("words", {})
        context = AdapterContext(str(tmp_path / "lab"), str(tmp_path), "bowl", targets, words=words)
        return build("callable", {"function": function, **options}, context)

    return make


def ended(lab: Adapter) -> dict[str, Any]:
    handle = lab.prepare(SPEC, KEY)
    lab.start(handle, KEY)
    wait_for_end(lab, handle)
    return dict(json.loads(lab.fetch(handle)[0].payload))


def test_numbers_come_in_and_go_out_and_structures_are_smiles(lab: Callable[..., Adapter]) -> None:
    payload = ended(lab(properties={"yield": "%", "purity": ""}))
    outcome = read_outcome(payload, SPEC.targets)

    assert isinstance(outcome, Measured)
    assert {m.property: m.value for m in outcome.measurements} == {"yield": 100 - 2.5 + 9, "purity": 0.5}
    assert (payload["provenance"]["program"], payload["provenance"]["version"]) == ("bowls:bowl", "2.1")


@pytest.mark.parametrize(("function", "value"), [("bowls:learnt", 12.5), ("bowls:counted", 12.0)])
def test_numbers_of_numpy_are_numbers(lab: Callable[..., Adapter], function: str, value: float) -> None:
    outcome = read_outcome(ended(lab(function)), SPEC.targets)

    assert isinstance(outcome, Measured)
    assert [m.value for m in outcome.measurements] == [value]


def test_nan_beside_another_answer_is_what_was_not_measured(lab: Callable[..., Adapter], tmp_path: Path) -> None:
    payload = ended(lab("bowls:half", properties={"yield": "%", "purity": "%"}, targets={"yield": "%", "purity": "%"}))
    (tmp_path / "halves.py").write_text("def run(settings): return {**settings, 'yield': float('nan')}\n")
    how = {"function": "halves:run", "properties": {"yield": "%", "purity": "%"}, "path": str(tmp_path)}
    said_no = evaluate(Request({"negative": "decomposed"}), **how)
    limit = evaluate(Request({"purity": "<1"}), **how)
    neither = evaluate(Request({"purity": "nan"}), **how)  # which whoever runs it refuses

    assert payload["values"] == [{"property": "yield", "unit": "%", "value": 42.0}]
    assert payload["provenance"]["repairs"] == ["purity came out as nan, and counts as not measured"]
    assert (said_no.negative, said_no.values) == ("decomposed", {})
    assert (limit.values, limit.limits) == ({"purity": (1.0, "%")}, {"purity": "<"})
    assert set(neither.values) == {"yield", "purity"}


def test_a_limit_and_the_word_of_a_class_are_returned_as_texts(lab: Callable[..., Adapter]) -> None:
    forms, targets = ("amorphous", "form II", "form I"), {"yield": "%", "form": ""}
    payload = ended(lab("bowls:below", targets=targets, words={"form": forms}))
    numbers = {"form": Classes(forms).numbers}
    outcome = read_outcome(payload, targets, numbers, {"form": Classes(forms)})

    assert isinstance(outcome, Measured)
    assert [(m.qualifier.value, m.value) for m in outcome.measurements] == [("<", 0.5), ("=", numbers["form"][1])]


def test_what_is_no_word_of_a_class_is_said_with_these(lab: Callable[..., Adapter]) -> None:
    made = lab("bowls:worded", targets={"yield": "%", "form": ""}, words={"form": ("wet", "dry")})
    outcome = read_outcome(ended(made), {"yield": "%", "form": ""})

    assert isinstance(outcome, Fault)
    assert "returned None for 'form'; return a number, or one of wet, dry" in outcome.message


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        ("bowls:refuse", FaultKind.CONVERGENCE_ERROR, "went round in circles"),
        ("bowls:silent", FaultKind.ANALYSIS_FAILED, "bowls:silent returned None; return a mapping with yield"),
        ("bowls:is_good", FaultKind.ANALYSIS_FAILED, "return a mapping with yield"),
        ("bowls:words", FaultKind.ANALYSIS_FAILED, "returned 'much' for 'yield'; return a number, or a limit such as"),
        (
            "bowls:lost",
            FaultKind.ANALYSIS_FAILED,
            "yield came out as inf, and a result holds finite numbers; leave out",
        ),
        ("bowls:other", FaultKind.ANALYSIS_FAILED, "returned yeild, and none of yield"),
        (
            "bowls:true",
            FaultKind.ANALYSIS_FAILED,
            "True for 'yield'; yes or no is no measurement, return a number, or a",
        ),
        ("bowls:numpys_true", FaultKind.ANALYSIS_FAILED, "for 'yield'; yes or no is no measurement, return a number"),
        ("bowls:huge", FaultKind.ANALYSIS_FAILED, "for 'yield'; return a number"),
        ("bowls:unread", FaultKind.UNKNOWN, "ValueError: r\\udce9sultat.out is empty"),
        ("stale:run", FaultKind.UNKNOWN, "AttributeError: module 'json' has no attribute 'float'"),
        ("bowls:broken", FaultKind.UNKNOWN, "KeyError: 'pressure'"),
        (
            "bowls:by_name",
            FaultKind.UNKNOWN,
            "bowls:by_name has no 'CCN(CC)CC': it gets base as SMILES, canonical by RDKit, and not by its name; look",
        ),
        (
            "needy:run",
            FaultKind.UNKNOWN,
            "no module 'no_such_package' for 'needy:run'; install it where the function runs",
        ),
        ("starred:bowel", FaultKind.UNKNOWN, "module 'starred' has no function 'bowel'"),
        ("bowls:__version__", FaultKind.UNKNOWN, "bowls:__version__ is '2.1', and no function; correct the name"),
    ],
)
def test_a_function_that_goes_wrong_is_a_kind_of_fault(
    lab: Callable[..., Adapter], function: str, kind: FaultKind, message: str
) -> None:
    outcome = read_outcome(ended(lab(function)), SPEC.targets)

    assert isinstance(outcome, Fault)
    assert outcome.kind is kind
    assert message in outcome.message


CALLED = "line 2: run takes {}, and is called with one mapping of all settings; write def run(settings)"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("def run(base, temperature): ...", CALLED.format("base, temperature")),
        ("def run(): ...", CALLED.format("nothing")),
        ("def run(settings, *, ligand): ...", CALLED.format("settings, ligand")),
        ("async def run(settings): ...", "line 2: run is async, and nobody awaits it; write def run(settings)"),
    ],
)
def test_a_function_that_takes_something_else_is_named_before_anything_runs(
    tmp_path: Path, written: str, message: str
) -> None:
    (tmp_path / "taking.py").write_text(f"# ours\n{written}\n")

    with pytest.raises(AdapterOptionsError) as refused:
        build(
            "callable",
            {"function": "taking:run"},
            AdapterContext(str(tmp_path / "lab"), str(tmp_path), "bowl", {"yield": "%"}),
        )

    assert str(refused.value).endswith(f"{tmp_path / 'taking.py'} {message}")


@pytest.mark.parametrize(
    "written",
    [
        "def run(settings): ...",
        "def run(settings, n=3, *, ligand=None, **more): ...",
        "def run(*settings): ...",
        "from functools import cache\n@cache\ndef run(a, b): ...",
        "def run(a, b): ...\nrun = print",
        "if True:\n    def run(a, b): ...",
        "class run:\n    def __init__(self, settings): ...",
    ],
)
def test_one_that_can_be_called_or_of_which_reading_tells_nothing_is_left_to_run(tmp_path: Path, written: str) -> None:
    (tmp_path / "taking.py").write_text(f"{written}\n")

    build(
        "callable",
        {"function": "taking:run"},
        AdapterContext(str(tmp_path / "lab"), str(tmp_path), "bowl", {"yield": "%"}),
    )


def test_a_function_may_say_that_the_answer_is_no(lab: Callable[..., Adapter]) -> None:
    outcome = read_outcome(ended(lab("bowls:nothing")), SPEC.targets)

    assert isinstance(outcome, Negative)
    assert outcome.reason == "no conversion"
    assert [m.value for m in outcome.measurements] == [0.1]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("None", ""),
        ("False", ""),
        ("' '", ""),
        ("__import__('numpy').float64(3) < 1", ""),
        ("True", "the function says no"),
        ("__import__('numpy').float64(3) > 1", "the function says no"),
        ("'decomposed'", "decomposed"),
    ],
)
def test_a_negative_that_says_nothing_is_none(tmp_path: Path, said: str, why: str) -> None:
    (tmp_path / "saying.py").write_text("def run(said):\n    return {'yield': 50.0, 'negative': eval(said['said'])}\n")

    how: dict[str, Any] = {"function": "saying:run", "properties": {"yield": "%"}, "path": str(tmp_path)}
    found = evaluate(Request({"said": said}), **how)

    assert (found.values, found.negative) == ({"yield": (50.0, "%")}, why)
    with pytest.raises(AnalysisFailed, match="returned nan for 'negative'; return why, in words, or leave it out"):
        evaluate(Request({"said": "float('nan')"}), **how)


def test_one_number_is_enough_where_one_property_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(OURS)
    asked = Request({"temperature": 70.0})

    assert evaluate(asked, function="alone:one", properties={"yield": "%"}, path=str(tmp_path)).values == {
        "yield": (70.0, "%")
    }
    with pytest.raises(AnalysisFailed, match=r"returned 70.0; return a mapping with yield, purity"):
        evaluate(asked, function="alone:one", properties={"yield": "%", "purity": ""}, path=str(tmp_path))
    with pytest.raises(SettingUnknown, match="has no function 'two'"):
        evaluate(asked, function="alone:two", properties={"yield": "%"}, path=str(tmp_path))


def test_a_part_of_a_mixture_comes_in_as_its_fraction(tmp_path: Path) -> None:
    (tmp_path / "mixed.py").write_text("def run(s):\n    return {'yield': 100 * s['solvent.water'] + len(s['base'])}\n")
    asked = Request(
        {"solvent.water": 0.25, "solvent.ethanol": 0.75, "base": "pyridine"},
        smiles={"solvent.water": "O", "solvent.ethanol": "CCO", "base": "c1ccncc1"},
    )

    found = evaluate(asked, function="mixed:run", properties={"yield": "%"}, path=str(tmp_path))

    assert found.values == {"yield": (25.0 + len("c1ccncc1"), "%")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"function": "bowls"}, "option 'function' must be: module:function, such as .*got 'bowls'"),
        ({"function": "bowls.py:bowl"}, "'bowls.py:bowl': a module is named without its ending; write bowls:bowl"),
        (
            {"function": "bowl:bowl"},
            r"no module 'bowl' in .* or installed \(did you mean 'bowls'\?\); correct the name",
        ),
        ({"function": "bowls.deep:bowl"}, "no module 'bowls.deep' in "),
        ({"function": "bowls:bow"}, r"bowls.py has no function 'bow' \(did you mean 'bowl'\?\); it has bowl, one, "),
        ({"function": "json:dumpss"}, r"has no function 'dumpss' \(did you mean 'dumps'\?\)"),
        ({"properties": {"purity": ""}}, "target 'yield' is not measured; it is purity"),
        ({"properties": {"yield": ""}}, "target 'yield' is in '%' and its property has an empty unit; give it '%', or"),
        ({"properties": {"yield": "yonks"}}, "option 'properties' must be: a unit for each property; 'yield'"),
        ({"run_on": "slum"}, "option 'run_on' is 'slum'"),
    ],
)
def test_a_wrong_laboratory_section_is_named(
    lab: Callable[..., Adapter], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AdapterOptionsError, match=message):
        lab(**{"function": "bowls:bowl", **options})


def test_a_module_is_read_and_not_run_before_an_experiment_runs(tmp_path: Path, lab: Callable[..., Adapter]) -> None:
    (tmp_path / "loud.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n\ndef run(s):\n    return 1.0\n")

    lab("loud:run")
    with pytest.raises(AdapterOptionsError, match="has no function 'walk'"):
        lab("loud:walk")

    assert not (tmp_path / "ran").exists()
    assert "loud" not in sys.modules


@pytest.mark.parametrize(
    "source",
    [
        "from bowls import bowl as run",
        "import bowls\nrun = bowls.bowl",
        "from bowls import *",
        "def __getattr__(name):\n    return print",
        "try:\n    import fast\nexcept ImportError:\n    def run(s):\n        return 1.0",
        "def make():\n    global run\n    run = print\nmake()",
    ],
)
def test_what_may_have_the_name_is_left_to_the_run(tmp_path: Path, lab: Callable[..., Adapter], source: str) -> None:
    (tmp_path / "may.py").write_text(source)

    lab("may:run")


def test_a_name_inside_a_function_is_none_of_the_module(tmp_path: Path, lab: Callable[..., Adapter]) -> None:
    (tmp_path / "inner.py").write_text("def make():\n    run = print\n    return run\n")
    (tmp_path / "torn.py").write_text("x = 1\ndef run(s:\n")

    with pytest.raises(AdapterOptionsError, match=r"inner.py has no function 'run'; it has make"):
        lab("inner:run")
    with pytest.raises(AdapterOptionsError, match=r"torn.py line 2: .*; mend it"):
        lab("torn:run")


def test_modules_in_packages_and_installed_ones_are_found(tmp_path: Path, lab: Callable[..., Adapter]) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "parts" / "one.py").write_text("def run(s):\n    return 1.0\n")

    for function in ("parts.one:run", "os.path:join", "math:sin", "numpy.linalg:norm"):
        lab(function)
    with pytest.raises(AdapterOptionsError, match=r"one.py has no function 'walk'"):
        lab("parts.one:walk")


class TestCallable(AdapterContract):
    @pytest.fixture
    def shuffles(self) -> int:
        return 2

    @pytest.fixture
    def make_adapter(self, lab: Callable[..., Adapter]) -> Callable[[], Adapter]:
        return lambda: lab(workers=2, timeout=60.0)

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return SPEC

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(SPEC, targets={"melting_point": "degC"})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: runs(tmp_path, key)
