"""The store: every key that was ever sent, what became of it, and the messages about it; survives ``kill -9``."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS memory (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS experiment (
    key TEXT PRIMARY KEY, submission TEXT NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL, results TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, campaign TEXT NOT NULL, notify TEXT,
    body TEXT NOT NULL, is_sent INT NOT NULL
);
"""


class Store:
    """One SQLite file, in which every commit is on disk before anybody is answered."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(folder / "laboratory.db", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_TABLES)
        if not self._rows("SELECT id FROM memory"):
            self._do("INSERT INTO memory VALUES (?)", str(uuid.uuid4()))
        self.memory: str = self._rows("SELECT id FROM memory")[0][0]

    def close(self) -> None:
        self._db.close()

    def add(self, key: str, submission: dict[str, Any], state: str = "waiting", results: tuple[Any, ...] = ()) -> bool:
        """Put a key on record; False where it is there, whoever came first."""
        values = (key, _text(submission), state, "", _text(results))
        return self._do("INSERT OR IGNORE INTO experiment VALUES (?, ?, ?, ?, ?)", *values) == 1

    def get(self, key: str) -> dict[str, Any] | None:
        rows = self._rows("SELECT key, submission, state, detail, results FROM experiment WHERE key = ?", key)
        return _experiment(rows[0]) if rows else None

    def in_state(self, state: str) -> list[dict[str, Any]]:
        """Experiments in a state, in the order in which they came."""
        sql = "SELECT key, submission, state, detail, results FROM experiment WHERE state = ? ORDER BY rowid"
        return [_experiment(row) for row in self._rows(sql, state)]

    def move(self, key: str, before: str, after: str, detail: str = "") -> bool:
        """Take a step; False where it is in another state, because somebody else was first."""
        sql = "UPDATE experiment SET state = ?, detail = ? WHERE key = ? AND state = ?"
        return self._do(sql, after, detail, key, before) == 1

    def end(self, key: str, before: str, outcome: dict[str, Any]) -> bool:
        """Keep the result and the message about it, both or neither."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            sql = "UPDATE experiment SET state = 'ended', detail = '', results = ? WHERE key = ? AND state = ?"
            is_first = self._db.execute(sql, (_text([outcome]), key, before)).rowcount == 1
            if is_first:
                (text,) = self._db.execute("SELECT submission FROM experiment WHERE key = ?", (key,)).fetchone()
                asked = json.loads(text)
                news = {"contract": asked["contract"], "campaign": asked["campaign"], "key": key, "result": outcome}
                row = (f"msg_{uuid.uuid4()}", asked["campaign"], asked.get("notify"), _text(news))
                self._db.execute(
                    "INSERT INTO message (id, campaign, notify, body, is_sent) VALUES (?, ?, ?, ?, 0)", row
                )
            self._db.execute("COMMIT")
            return is_first

    def messages(self, campaign: str, after: int) -> list[dict[str, Any]]:
        """Messages about a campaign after a number, oldest first."""
        return self._messages("number > ? AND campaign = ?", after, campaign)

    def unsent(self) -> list[dict[str, Any]]:
        return self._messages("is_sent = 0 AND notify IS NOT NULL")

    def _messages(self, where: str, *values: Any) -> list[dict[str, Any]]:
        rows = self._rows(
            f"SELECT number, id, notify, body FROM message WHERE {where} ORDER BY number LIMIT 100", *values
        )
        return [dict(zip(("number", "id", "notify", "body"), row, strict=True)) for row in rows]

    def mark_sent(self, number: int) -> None:
        self._do("UPDATE message SET is_sent = 1 WHERE number = ?", number)

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _do(self, sql: str, *values: Any) -> int:
        with self._lock:
            return self._db.execute(sql, values).rowcount


def _experiment(row: Any) -> dict[str, Any]:
    key, submission, state, detail, results = row
    asked, given = json.loads(submission), json.loads(results)
    return {"key": key, "submission": asked, "state": state, "detail": detail, "results": given}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
