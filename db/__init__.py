"""The record: ``open_ledger`` (SQLite, PostgreSQL), its in-memory twin, and export to CSV and Parquet."""

from db.ledger import SqlLedger, open_ledger

__all__ = ["SqlLedger", "open_ledger"]
