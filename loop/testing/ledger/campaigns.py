"""Campaigns: versions of their specs, their names, and their end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loop.contracts import Ledger
from loop.errors import LedgerError, NotFound
from loop.record import CampaignState, Lease
from loop.testing.ledger.material import HOUR, SPEC, everything


class CampaignLaws:
    """A part of ``LedgerContract``."""

    def test_a_new_campaign_is_active_and_has_the_first_version_of_its_spec(self, ledger: Ledger) -> None:
        made = ledger.open_campaign("coupling", SPEC, by="ada")

        assert made == ledger.campaign("coupling")
        assert (made.state, made.reason, made.version, made.data_version) == (CampaignState.ACTIVE, "", 1, 0)
        assert made.spec == SPEC
        assert made.created.utcoffset() == timedelta(0)

    def test_opening_a_campaign_again_with_the_same_spec_changes_nothing(self, ledger: Ledger) -> None:
        first = ledger.open_campaign("coupling", SPEC, by="ada")
        entries = ledger.audit()

        again = ledger.open_campaign("coupling", dict(reversed(SPEC.items())), by="bob")

        assert again == first
        assert ledger.audit() == entries

    def test_a_changed_spec_becomes_a_new_version_and_the_old_one_can_be_read(self, ledger: Ledger) -> None:
        first = ledger.open_campaign("coupling", SPEC, by="ada")

        second = ledger.open_campaign("coupling", {**SPEC, "budget": 60}, by="ada")

        assert (second.id, second.version) == (first.id, 2)
        assert second.spec_sha != first.spec_sha
        assert ledger.spec_version("coupling", 1) == SPEC
        assert ledger.spec_version("coupling", 2) == {**SPEC, "budget": 60}
        with pytest.raises(NotFound, match="1 to 2"):
            ledger.spec_version("coupling", 3)

    def test_campaigns_are_listed_oldest_first(self, ledger: Ledger) -> None:
        for name in ("zeta", "alpha"):
            ledger.open_campaign(name, SPEC, by="ada")

        assert [c.name for c in ledger.campaigns()] == ["zeta", "alpha"]

    def test_an_unknown_campaign_is_refused_with_the_names_there_are(self, ledger: Ledger) -> None:
        ledger.open_campaign("coupling", SPEC, by="ada")

        told = (ledger.campaign, ledger.rounds, ledger.proposals, ledger.attempts, ledger.steps, ledger.envelopes)
        for ask in (*told, ledger.observations, ledger.decisions, ledger.stops, ledger.artifacts):
            with pytest.raises(NotFound, match=r"'couplin'.*coupling"):
                ask("couplin")
        with pytest.raises(NotFound, match="coupling"):
            ledger.acquire("couplin", "engine-1", HOUR)

    def test_a_spec_that_json_cannot_say_is_refused_and_nothing_is_made(self, ledger: Ledger) -> None:
        with pytest.raises(LedgerError, match="spec of campaign 'coupling'"):
            ledger.open_campaign("coupling", {"low": float("nan")}, by="ada")

        assert ledger.campaigns() == ()

    @pytest.mark.parametrize("name", ["", " "])
    def test_a_campaign_without_a_name_is_refused(self, ledger: Ledger, name: str) -> None:
        with pytest.raises(LedgerError, match="a campaign needs a name"):
            ledger.open_campaign(name, SPEC, by="ada")

        assert ledger.campaigns() == ()

    def test_a_campaign_ends_with_a_reason_and_can_go_on(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.set_state(CampaignState.FINISHED, "yield above 99 %")
        ended = ledger.campaign("coupling")
        with ledger.work(lease, actor="ada") as work:
            work.set_state(CampaignState.ACTIVE, "one more plate")
        active = ledger.campaign("coupling")

        assert (ended.state, ended.reason) == (CampaignState.FINISHED, "yield above 99 %")
        assert (active.state, active.reason) == (CampaignState.ACTIVE, "")
        last = ledger.audit()[-1]
        assert (last.actor, last.action, last.detail["reason"]) == ("ada", "set_state", "one more plate")

    def test_a_campaign_told_again_what_it_is_leaves_no_trace(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.set_state(CampaignState.STOPPED, "lunch")
        before = everything(ledger)

        with ledger.work(lease) as work:
            work.set_state(CampaignState.STOPPED, "lunch")

        assert everything(ledger) == before
        with ledger.work(lease) as work:
            work.set_state(CampaignState.STOPPED, "a meeting")
        assert ledger.campaign("coupling").reason == "a meeting"
