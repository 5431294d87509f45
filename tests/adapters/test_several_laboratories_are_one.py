"""Several laboratories behind one: the laws hold, each experiment has one place, and a lost part stops no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.errors import AdapterOptionsError
from adapters.registry import build
from adapters.several import Member, SeveralLaboratories
from loop.contracts import Absent, Adapter, AdapterContext, AttemptKey, Delivery, ExperimentSpec, Found, Health, Phase
from loop.errors import AdapterUnavailable, AttemptUnavailable, PartUnavailable
from loop.testing.adapter import KEY, OTHER, AdapterContract, wait_for_end
from tests.adapters.helpers import EXPERIMENT, TABLE, Clock, context, count_starts

HOT, COLD = 105.0, 90.0
TWO = {
    "laboratories": {
        "cold": {"adapter": "emulator", "table": "table.csv", "when": {"temperature": [60.0, COLD]}},
        "hot": {"adapter": "emulator", "table": "table.csv", "when": {"temperature": HOT}},
    }
}
AT_HOT = replace(EXPERIMENT, settings={"ligand": "PPh3", "temperature": HOT})


def several(folder: Path, options: dict | None = None) -> Adapter:
    (folder / "table.csv").write_text(TABLE)
    return build("several", TWO if options is None else options, context(folder))


class Bench:
    """A laboratory of which nothing matters but that its runs can be held up: ``runs`` of them, or it is away."""

    def __init__(self, runs: int | None) -> None:
        self.runs = runs

    def pause(self) -> int:
        if self.runs is None:
            raise AdapterUnavailable("its plug was pulled")
        return self.runs

    resume = pause


class TestTheLawsHold(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: several(tmp_path)

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, settings={"ligand": "PPh3", "temperature": 75.0})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: sum(count_starts(tmp_path / "lab" / name, key) for name in ("cold", "hot"))


@pytest.mark.parametrize(("call", "done"), [("pause", "paused"), ("resume", "resumed")])
def test_one_that_cannot_be_reached_keeps_no_other_from_being_held_up(tmp_path: Path, call: str, done: str) -> None:
    benches = {"away": Bench(None), "by hand": object(), "near": Bench(2), "far": Bench(1)}
    members = tuple(Member(name, bench) for name, bench in benches.items())  # type: ignore[arg-type]

    reached = SeveralLaboratories(tmp_path, members[1:], 900.0)
    without = SeveralLaboratories(tmp_path, members, 900.0)

    assert getattr(reached, call)() == 3
    with pytest.raises(AdapterUnavailable) as said:
        getattr(without, call)()
    assert str(said.value) == f"not {done} at away: its plug was pulled; runs {done} at the others: 3"


class TestWhereAnExperimentGoes:
    def test_each_goes_to_the_laboratory_that_takes_it(self, tmp_path):
        labs = several(tmp_path)

        handles = [labs.prepare(EXPERIMENT, KEY), labs.prepare(AT_HOT, OTHER)]

        assert [h.partition(":")[0] for h in handles] == ["cold", "hot"]
        for handle, key in zip(handles, (KEY, OTHER), strict=True):
            labs.start(handle, key)
            wait_for_end(labs, handle)
        assert len(labs.fetch(handles[0])) == len(labs.fetch(handles[1])) == 1
        assert count_starts(tmp_path / "lab" / "cold", KEY) == count_starts(tmp_path / "lab" / "hot", OTHER) == 1

    def test_one_that_nobody_takes_is_named_before_anything_moves(self, tmp_path):
        spec = replace(EXPERIMENT, settings={"ligand": "PPh3", "temperature": 75.0})
        (problem,) = several(tmp_path).validate(spec)
        (foreseen,) = several(tmp_path).foresee(spec)
        remedy = "widen the 'when' of one of them, or leave it out of the space (constraints)"

        assert str(problem) == f"temperature 75.0: none of the laboratories cold, hot takes it; {remedy}"
        assert (foreseen.rule, foreseen.remedy) == ("none of the laboratories cold, hot takes", remedy)
        assert not several(tmp_path).foresee(EXPERIMENT)

    def test_a_laboratory_that_cannot_set_what_routed_it_is_not_asked_to(self, tmp_path):
        spec = ExperimentSpec("gaps", {"molecule": "water", "method": "xtb"}, {}, {"molecule": "O"}, {"gap": "eV"})
        options = {"laboratories": {"quick": {"adapter": "xtb", "when": {"method": "xtb"}}}}
        labs = build("several", options, AdapterContext(str(tmp_path), str(tmp_path), "gaps", spec.targets))
        also = replace(spec, settings={**spec.settings, "colour": "red"})

        assert labs.validate(spec) == []
        assert labs.prepare(spec, KEY).startswith("quick:")
        assert "'colour'" in str(labs.validate(also)[0])

    def test_equal_laboratories_share_the_work(self, tmp_path):
        lab = {"adapter": "emulator", "table": "table.csv", "delay": 60.0}
        labs = several(tmp_path, {"laboratories": {"left": lab, "right": lab}})
        keys = [AttemptKey(f"0195f3a2-7c1e-7000-8000-00000000001{n}") for n in range(6)]

        for n, key in enumerate(keys):
            labs.start(labs.prepare(replace(EXPERIMENT, replicate_no=n), key), key)

        places = [labs.find(key).handle.partition(":")[0] for key in keys]
        assert places.count("left") == places.count("right") == 3

    def test_an_attempt_stays_where_it_is_when_the_file_changes(self, tmp_path):
        several(tmp_path).prepare(EXPERIMENT, KEY)
        moved = {"laboratories": {**TWO["laboratories"], "cold": {**TWO["laboratories"]["cold"], "when": {}}}}

        later = several(tmp_path, moved)

        assert later.find(KEY) == Found(later.prepare(EXPERIMENT, KEY), False)
        assert later.prepare(EXPERIMENT, KEY).startswith("cold:")
        gone = several(tmp_path, {"laboratories": {"hot": TWO["laboratories"]["hot"]}})
        with pytest.raises(PartUnavailable, match="cold: the campaign file no longer names it; name it again"):
            gone.find(KEY)


class TestALostPart:
    @pytest.fixture
    def labs(self, tmp_path, monkeypatch) -> Adapter:
        """Two equal laboratories, of which the left one can be cut off by ``cut``."""
        lab = {"adapter": "emulator", "table": "table.csv"}
        labs = several(tmp_path, {"laboratories": {"left": lab, "right": lab}})
        labs.prepare(EXPERIMENT, KEY)
        assert labs.find(KEY).handle.startswith("left:")
        return labs

    @staticmethod
    def cut(labs: Adapter, name: str) -> None:
        class Gone:
            def __getattr__(self, asked):
                if asked == "health":
                    return lambda: Health(False, "the cable is out")
                if asked == "capabilities":
                    return inner.capabilities
                if asked == "validate":
                    return inner.validate

                def refuse(*_):
                    raise AdapterUnavailable("the cable is out")

                return refuse

        inner = labs._members[name].adapter
        labs._members._by_name[name] = replace(labs._members[name], adapter=Gone())

    def test_what_is_new_goes_to_the_others_and_what_it_has_waits_for_it(self, labs, tmp_path):
        whole = dict(labs._members._by_name)
        self.cut(labs, "left")

        handle = labs.prepare(EXPERIMENT, OTHER)
        labs.start(handle, OTHER)
        wait_for_end(labs, handle)

        assert handle.startswith("right:")
        assert labs.health().is_ok
        assert "left: the cable is out; right: " in labs.health().message
        with pytest.raises(PartUnavailable, match="left: the cable is out"):
            labs.find(KEY)
        labs._members._by_name.update(whole)
        labs._members._resting.clear()  # it rests where a busy machine made its refusals slow
        assert isinstance(labs.find(KEY), Found)
        assert count_starts(tmp_path / "lab" / "right", KEY) == 0

    def test_where_none_can_work_nothing_is_given_away(self, labs):
        self.cut(labs, "left")
        self.cut(labs, "right")

        with pytest.raises(PartUnavailable, match=r"left, right: none of them can work now \(left: the cable is out; "):
            labs.prepare(EXPERIMENT, OTHER)
        assert labs.find(OTHER) == Absent()

    @pytest.mark.parametrize("question", ["status", "fetch"])
    def test_one_that_fails_on_an_attempt_and_works_answers_of_the_others(self, labs, monkeypatch, question):
        first = labs.find(KEY).handle
        inner = labs._members["left"].adapter
        answer = getattr(inner, question)

        def fail_on_it(handle):
            if first.endswith(handle):
                raise AdapterUnavailable("it answered 500")
            return answer(handle)

        monkeypatch.setattr(inner, question, fail_on_it)
        with pytest.raises(AttemptUnavailable, match="it answered 500"):
            getattr(labs, question)(first)
        other = inner.prepare(EXPERIMENT, OTHER)
        assert labs.status(f"left:{other}").phase is Phase.PREPARED
        self.cut(labs, "left")
        with pytest.raises(PartUnavailable, match="left: the cable is out"):
            getattr(labs, question)(first)

    def test_a_handle_of_nobody_is_lost(self, labs):
        assert labs.status("middle:x").phase is Phase.LOST


class TestWhatIsDeclared:
    def test_the_least_guarded_delivery_and_the_common_properties(self, tmp_path):
        both = several(tmp_path).capabilities()
        manual = {"laboratories": {**TWO["laboratories"], "bench": {"adapter": "manual"}}}

        assert both.delivery is Delivery.KEYED
        assert several(tmp_path, manual).capabilities().delivery is Delivery.KEYED
        assert several(tmp_path, manual).capabilities().needs_person
        assert not both.needs_person

    def test_as_many_at_once_as_all_together(self, tmp_path):
        gaps = AdapterContext(str(tmp_path), str(tmp_path), "gaps", {"gap": "eV"})
        labs = {name: {"adapter": "xtb", "workers": n} for name, n in (("one", 1), ("three", 3))}
        both = build("several", {"laboratories": labs}, gaps)

        assert both.capabilities().max_parallel == 4
        assert both.limits() == {"one": 1, "three": 3}
        assert several(tmp_path).capabilities().max_parallel is None

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "option 'laboratories' is missing; add it to the laboratory section"),
            ({"laboratories": {"a": {}}}, "laboratory 'a' needs a line 'adapter' that names one laboratory, got None"),
            (
                {"laboratories": {"a": {"adapter": "emulatr"}}},
                "laboratory 'a': unknown adapter 'emulatr' (did you mean 'emulator'?)",
            ),
            (
                {"laboratories": {"a": {"adapter": "emulator", "table": "table.csv", "when": "hot"}}},
                "laboratory 'a': 'when' must give each parameter an option or a list, got 'hot'",
            ),
            (
                {"laboratories": {"a": {"adapter": "emulator", "table": "table.csv", "noize": 1.0}}},
                "laboratory 'a': unknown option 'noize'",
            ),
        ],
    )
    def test_a_wrong_section_is_named(self, tmp_path, options, message):
        with pytest.raises(AdapterOptionsError) as error:
            several(tmp_path, options)

        assert message in str(error.value)


def test_folders_are_apart(tmp_path):
    labs = several(tmp_path)
    labs.start(labs.prepare(EXPERIMENT, KEY), KEY)

    assert sorted(p.name for p in (tmp_path / "lab").iterdir()) == ["cold", "routes"]
    shutil.rmtree(tmp_path / "lab")
    assert several(tmp_path).find(KEY) == Absent()


class TestWhoGetsIt:
    @staticmethod
    def two(tmp_path: Path, **options: object) -> Adapter:
        lab = {"adapter": "emulator", "table": "table.csv", "delay": 60.0}
        return several(tmp_path, {"laboratories": {"left": lab, "right": lab}, **options})

    def test_the_one_that_is_expected_first(self, tmp_path):
        labs = self.two(tmp_path)
        labs.prefer({"left": 2.0, "right": 1.0})
        keys = [AttemptKey(f"0195f3a2-7c1e-7000-8000-00000000002{n}") for n in range(3)]

        handles = [labs.prepare(replace(EXPERIMENT, replicate_no=n), key) for n, key in enumerate(keys)]

        assert [h.partition(":")[0] for h in handles] == ["right"] * 3

    def test_one_that_cannot_work_is_lost_after_its_patience_and_not_before(self, tmp_path, monkeypatch):
        clock = Clock()
        labs = SeveralLaboratories(tmp_path / "lab", tuple(self.two(tmp_path)._members), 900.0, clock)
        TestALostPart.cut(labs, "left")

        unable, at_once = labs.unable(), labs.lost()
        clock.now += 899.0
        before = labs.unable() and labs.lost()
        clock.now += 2.0
        other = SeveralLaboratories(tmp_path / "lab", tuple(labs._members), 900.0, clock)

        assert (unable, at_once, before) == ({"left": "the cable is out"}, frozenset(), frozenset())
        assert other.lost() == {"left"}  # another object knows since when
        back = SeveralLaboratories(tmp_path / "lab", tuple(self.two(tmp_path)._members), 900.0, clock)
        assert back.unable() == {}
        assert back.lost() == other.lost() == frozenset()

    def test_one_that_takes_long_to_give_no_answer_is_let_rest(self, tmp_path, monkeypatch):
        now, asked = [100.0], []

        def slow():
            asked.append(now[0])
            now[0] += 10.0
            raise AdapterUnavailable("it timed out")

        labs = self.two(tmp_path)
        monkeypatch.setattr("adapters.several.members.time.monotonic", lambda: now[0])
        labs._members["left"].adapter.health = slow

        found = []
        for _ in range(4):
            found.append(labs.unable())
            now[0] += 9.0
        now[0] += 10.0
        found.append(labs.unable())

        assert found == [{"left": "it timed out"}] * 5
        assert len(asked) == 2  # and not again for three times as long as it took
        labs._members["left"].adapter.health = lambda: Health(True, "back")
        now[0] += 100.0
        assert labs.unable() == {}

    def test_patience_is_a_number_of_seconds(self, tmp_path):
        assert self.two(tmp_path, patience=0)
        with pytest.raises(AdapterOptionsError, match="option 'patience' must be: greater than or equal to 0"):
            self.two(tmp_path, patience=-1)

    def test_each_hears_of_what_it_will_be_given(self, tmp_path):
        labs, heard = several(tmp_path), []
        for member in labs._members:
            member.adapter.announce = lambda told, name=member.name: heard.append((name, [key for _, key in told]))

        labs.announce([(EXPERIMENT, KEY), (AT_HOT, OTHER)])

        assert sorted(heard) == [("cold", [KEY]), ("hot", [OTHER])]
        assert labs.prepare(EXPERIMENT, KEY).startswith("cold:")
        assert labs.find(OTHER) == Absent()  # it was given a place, and nobody was asked to prepare it
