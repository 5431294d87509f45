"""The record: ``open_ledger`` (SQLite, PostgreSQL), its in-memory twin, and export to CSV and Parquet."""

from db.exchange import export
from db.ledger import SqlLedger, open_ledger
from db.memory import MemoryLedger

__all__ = ["MemoryLedger", "SqlLedger", "export", "open_ledger"]
