"""Safety stops: nothing is planned or sent while one is in force, and only a named person lifts it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from loop.contracts import Ledger, ToldOutcome
from loop.errors import Halted, LedgerError, NotFound
from loop.experiment import Event, State
from loop.outcome import Fault, FaultKind
from loop.record import CampaignState, EnvelopeDraft, Json, Lease
from loop.testing.ledger.material import HOUR, SPEC, batch, candidate, everything, measured, proposal, started

STOP = Fault.of(FaultKind.SAFETY_STOP, "the hood is off")


class SafetyLaws:
    """A part of ``LedgerContract``."""

    def test_a_result_of_kind_safety_stop_halts_the_campaign_in_the_same_transaction(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        one, two = started(ledger, lease)
        with suppress(ZeroDivisionError), ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", one.key, "{}")).id, STOP)
            raise ZeroDivisionError
        before = ledger.stops("coupling")

        with ledger.work(lease) as work:
            observation = work.accept(work.receive(EnvelopeDraft("robot", one.key, "{}")).id, STOP)

        stops = ledger.stops("coupling")
        assert (before, len(stops)) == ((), 1)
        stop = stops[0]
        assert (stop.observation, stop.by, stop.why, stop.campaign) == (
            observation.id,
            "robot",
            "the hood is off",
            "coupling",
        )
        assert stop.is_in_force
        with (
            ledger.work(lease) as work,
            pytest.raises(Halted, match=r"'coupling' is halted.*the hood is off.*--by NAME"),
        ):
            work.record_round(batch(2))
        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", two.key, "{}")).id, measured())  # what runs comes in

    def test_one_that_is_told_of_what_the_campaign_did_not_send_halts_nothing(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            ids = [work.receive(EnvelopeDraft("tell:old.csv", None, str(row))).id for row in range(2)]
            work.accept(ids[0], STOP, candidate=candidate(0))
            work.accept_told([ToldOutcome(ids[1], STOP, candidate(0))])

        assert [o.outcome for o in ledger.observations("coupling")] == [STOP, STOP]
        assert ledger.stops("coupling", with_lifted=True) == ()

    def test_nothing_is_claimed_for_a_laboratory_while_it_is_halted(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0), proposal(1), proposal(2)))
        one, two, sent = ledger.attempts("coupling")
        with ledger.work(lease) as work:
            work.move(sent.key, Event.CLAIMED, adapter="robot")
        ledger.halt("coupling", by="ada", why="it smells of gas")
        before = everything(ledger)

        with ledger.work(lease) as work, pytest.raises(Halted, match="it smells of gas"):
            work.move(one.key, Event.CLAIMED, adapter="robot")

        assert everything(ledger) == before
        with ledger.work(lease) as work:  # a result that came before its attempt was sent
            work.move(two.key, Event.CLAIMED, "a result came before it was sent")
            work.accept(work.receive(EnvelopeDraft("tell", two.key, "{}")).id, measured())
            work.move(sent.key, Event.ACCEPTED, adapter="robot", handle="job-3")  # what the laboratory has, it has
        assert [ledger.attempt(a.key).state for a in (two, sent)] == [State.ENDED, State.SUBMITTED]

    def test_it_needs_no_lease_and_survives_what_else_is_written(self, ledger: Ledger, lease: Lease) -> None:
        stop = ledger.halt("coupling", by="ada", why="it smells of gas")
        with ledger.work(lease) as work:
            work.set_state(CampaignState.STOPPED, "lunch")
            work.set_state(CampaignState.ACTIVE, "go on")
        ledger.open_campaign("coupling", {**SPEC, "seed": 5}, by="ada")
        ledger.release(lease)

        assert ledger.stops("coupling") == (stop,)
        again = ledger.acquire("coupling", "engine-2", HOUR)
        with ledger.work(again) as work, pytest.raises(Halted):
            work.record_round(batch(1))
        assert [e.action for e in ledger.audit()].count("safety_stop") == 1

    def test_a_named_person_lifts_it_and_stays_on_record(self, ledger: Ledger, lease: Lease) -> None:
        stop = ledger.halt("coupling", by="ada", why="it smells of gas")
        for by, why in (("", "aired"), ("bob", " ")):
            with ledger.work(lease) as work, pytest.raises(LedgerError, match="named person and for a reason"):
                work.lift_stops([stop.id], by, why)
        assert ledger.stops("coupling") == (stop,)

        with ledger.work(lease, actor="bob") as work:
            work.lift_stops([stop.id], "bob", "the valve was closed and the room aired")

        (lifted,) = ledger.stops("coupling", with_lifted=True)
        assert ledger.stops("coupling") == ()
        assert (lifted.lifted_by, lifted.lifted_why) == ("bob", "the valve was closed and the room aired")
        assert lifted.lifted_at is not None
        assert replace(lifted, lifted_by=None, lifted_why="", lifted_at=None) == stop
        with ledger.work(lease) as work:
            work.record_round(batch(1))
            with pytest.raises(LedgerError, match=r"no safety stop .* in force"):
                work.lift_stops([stop.id], "bob", "once more")
        assert [e.actor for e in ledger.audit() if e.action == "safety_lift"] == ["bob"]

    def test_stops_are_numbered_through_the_record_and_one_lift_names_its_own(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        ledger.open_campaign("far", SPEC, by="ada")
        first = ledger.halt("coupling", by="ada", why="it smells of gas")
        other = ledger.halt("far", by="eve", why="a broken flask")
        with ledger.work(lease) as work:
            second = work.halt("bob", "smoke")
            work.lift_stops([first.id], "ada", "the valve was closed")
        third = ledger.halt("coupling", by="ada", why="it smells again")

        assert [s.number for s in (first, other, second, third)] == [1, 2, 3, 4]
        assert [s.number for s in ledger.stops("coupling")] == [3, 4]
        assert [s.number for s in ledger.stops("coupling", with_lifted=True)] == [1, 3, 4]
        assert [s.number for s in ledger.stops("far")] == [2]

    def test_campaigns_of_one_bench_halt_together_and_others_go_on(self, ledger: Ledger, lease: Lease) -> None:
        on_bench = {**SPEC, "laboratory": {"adapter": "robot", "safety": {"bench": "hood 2"}}}
        elsewhere = {**SPEC, "laboratory": {"adapter": "robot", "safety": {"bench": "hood 3"}}}
        ledger.open_campaign("coupling", on_bench, by="ada")
        for name, spec in (("sister", on_bench), ("far", elsewhere), ("alone", SPEC)):
            ledger.open_campaign(name, spec, by="ada")

        stop = ledger.halt("coupling", by="ada", why="it smells of gas")

        assert ledger.stops("coupling") == ledger.stops("sister") == (stop,)
        assert ledger.stops("far") == ledger.stops("alone") == ()
        ledger.open_campaign("newcomer", on_bench, by="bob")
        assert ledger.stops("newcomer") == (stop,)
        sister, far = (ledger.acquire(name, "engine", HOUR) for name in ("sister", "far"))
        with (
            ledger.work(sister) as work,
            pytest.raises(Halted, match=r"campaign 'sister' is halted.*campaign coupling"),
        ):
            work.record_round(batch(1))
        with ledger.work(far) as work:
            work.record_round(batch(1))
            with pytest.raises(LedgerError, match="no safety stop"):
                work.lift_stops([stop.id], "bob", "not my bench")
        with ledger.work(sister) as work:
            work.lift_stops([stop.id], "bob", "the valve was closed")
        assert ledger.stops("coupling") == ()

    def test_who_leaves_the_bench_or_joins_it_for_a_while_stays_halted_and_who_may_lift_it_stays(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        def on(bench: str | None, *may_lift: str) -> Json:
            return {**SPEC, "laboratory": {"adapter": "robot", "safety": {"bench": bench, "may_lift": [*may_lift]}}}

        ledger.open_campaign("coupling", on("hood 2", "ada"), by="ada")
        for name, bench in (("sister", "hood 2"), ("guest", "hood 3"), ("former", "hood 2")):
            ledger.open_campaign(name, on(bench), by="ada")
        ledger.open_campaign("former", on(None), by="ada")
        stop = ledger.halt("coupling", by="ada", why="it smells of gas")

        ledger.open_campaign("coupling", on("hood 3", "mallory"), by="mallory")
        ledger.open_campaign("sister", on(None), by="mallory")
        ledger.open_campaign("guest", on("hood 2"), by="mallory")
        ledger.open_campaign("guest", on(None), by="mallory")

        assert stop.may_lift == ("ada",)
        for name in ("coupling", "sister", "guest"):
            assert ledger.stops(name) == (stop,), name
            held = ledger.acquire(name, lease.holder, HOUR)
            with ledger.work(held) as work, pytest.raises(Halted, match="it smells of gas"):
                work.record_round(batch(1))
        assert ledger.stops("former") == ()
        with ledger.work(held) as work:
            work.lift_stops([stop.id], "ada", "the valve was closed")
        assert ledger.stops("sister") == ledger.stops("coupling") == ()

    def test_retracting_its_result_lifts_nothing(self, ledger: Ledger, lease: Lease) -> None:
        one, _ = started(ledger, lease)
        with ledger.work(lease) as work:
            observation = work.accept(work.receive(EnvelopeDraft("robot", one.key, "{}")).id, STOP)

        with ledger.work(lease) as work:
            work.retract(observation.id, "bob", "I do not believe it")

        assert len(ledger.stops("coupling")) == 1

    def test_a_stop_that_nobody_made_or_of_nobody_knows_what_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        for by, why in (("", "gas"), ("ada", "")):
            with pytest.raises(LedgerError, match="needs somebody who makes it and a reason"):
                ledger.halt("coupling", by=by, why=why)
            with ledger.work(lease) as work, pytest.raises(LedgerError, match="needs somebody who makes it"):
                work.halt(by, why)
        with pytest.raises(NotFound):
            ledger.halt("nobody", by="ada", why="gas")
        with ledger.work(lease) as work:
            assert work.halt("ada", "gas").is_in_force
