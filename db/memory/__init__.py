"""The ledger's in-memory twin: the same promises, kept with dicts; for notebooks, dry runs and tests."""

from db.memory.campaign import CampaignData
from db.memory.ledger import MemoryLedger
from db.memory.work import MemoryWork

__all__ = ["CampaignData", "MemoryLedger", "MemoryWork"]
