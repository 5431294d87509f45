"""The conformance suite of ledgers: ``class TestMine(LedgerContract)`` with a ``ledger`` fixture, and nothing else.

It knows ``loop.contracts.Ledger`` and the laws of the record, and no ledger in particular.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loop.contracts import Ledger
from loop.record import Lease
from loop.testing.ledger.attempts import AttemptLaws
from loop.testing.ledger.audit import AuditLaws
from loop.testing.ledger.campaigns import CampaignLaws
from loop.testing.ledger.decisions import DecisionLaws
from loop.testing.ledger.envelopes import EnvelopeLaws
from loop.testing.ledger.leases import LeaseLaws
from loop.testing.ledger.material import HOUR, OUTCOMES, SPEC, Clock, batch, finished, measured, proposal
from loop.testing.ledger.observations import ObservationLaws
from loop.testing.ledger.proposals import ProposalLaws
from loop.testing.ledger.results import ResultLaws
from loop.testing.ledger.rounds import RoundLaws
from loop.testing.ledger.safety import SafetyLaws
from loop.testing.ledger.transactions import TransactionLaws

__all__ = ["OUTCOMES", "SPEC", "Clock", "LedgerContract", "batch", "finished", "measured", "proposal"]


class LedgerContract(
    CampaignLaws,
    LeaseLaws,
    TransactionLaws,
    RoundLaws,
    ProposalLaws,
    DecisionLaws,
    AttemptLaws,
    EnvelopeLaws,
    ResultLaws,
    ObservationLaws,
    SafetyLaws,
    AuditLaws,
):
    """Every promise of ``Ledger`` and ``Work``. Subclasses give an empty ledger built with ``clock``."""

    @pytest.fixture
    def clock(self) -> Clock:
        """The time that the ledger reads."""
        return Clock()

    @pytest.fixture
    def ledger(self, clock: Clock) -> Iterator[Ledger]:
        """An empty ledger whose clock is ``clock``."""
        raise NotImplementedError("give a fixture 'ledger' that yields an empty ledger built with 'clock'")

    @pytest.fixture
    def lease(self, ledger: Ledger) -> Lease:
        """A campaign called ``coupling``, and the right to write to it."""
        ledger.open_campaign("coupling", SPEC, by="ada")
        return ledger.acquire("coupling", "engine-1", HOUR)
