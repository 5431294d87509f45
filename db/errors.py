"""Errors of the database, each a ``LedgerError``; the driver's own never leave this package.

Where another process holds the write lock, or the server cannot be reached, it is the core's ``LedgerBusy``; where its
disk is full or cannot be written, the core's ``LedgerFull``.

LedgerError
├── SchemaTooNew      the file was written by a newer hakken
├── NotALedger        the file or database holds something else, or is damaged
├── NotLetIn          the server does not let this user in, read or write
├── NothingYet        the database is there, and nothing was ever put into it
└── AlreadyOnRecord   another process wrote the same thing first
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from loop.errors import LedgerBusy, LedgerError, LedgerFull

NONE_YET: Final = "none yet in this record (hakken run FILE adds one; HAKKEN_HOME names another record)"
# What PostgreSQL says at the door, where there is no code yet; it is said in the server's language.
_NOT_LET_IN: Final = re.compile(
    'authentication failed|no password supplied|no pg_hba.conf entry|(database|role) ".*" does not exist'
    "|permission denied for|is not permitted to log in"
    # of the connection, by libpq, in the client's language
    "|does not support SSL|root certificate file|certificate verify failed|does not match host name"
)
# What libpq says of a URL before it asks any server.
_MISWRITTEN: Final = re.compile(
    "invalid connection option|invalid \\S+ value: |invalid integer value|invalid port number"
)
_NO_RIGHT: Final = "42501"  # PostgreSQL's code for a missing privilege; see its manual, appendix A
_LOCKED: Final = "55P03"  # for a lock that was waited for as long as ``db.engine`` lets it
_NO_TABLE: Final = "42P01"  # for a table that is not there
_CUT_OFF: Final = "57014"  # for a statement that was ended, by a time limit or by somebody
_READ_ONLY: Final = re.compile("read-only transaction|read-write mode during recovery")
_MAY_NOT_BE_WRITTEN: Final = "a readonly database"  # SQLite; of a server a user or host may be called readonly
_FULL: Final = re.compile("disk is full|No space left on device|[Qq]uota exceeded")  # SQLite and PostgreSQL


class SchemaTooNew(LedgerError):
    """The database has a schema that this version does not know; update hakken, nothing was changed."""


class NotALedger(LedgerError):
    """What the URL names cannot be read as a ledger; give another file, or restore a backup."""


class NotLetIn(LedgerError):
    """The server is there, and refuses this user or this database; mend the URL or the rights, nothing was changed."""


class NothingYet(LedgerError):
    """The database is there and empty, and whoever only looks puts nothing into it; add a campaign, or name another."""


class AlreadyOnRecord(LedgerError):
    """Another process wrote the same thing first; read the record again, nothing was written."""


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn what the driver raises inside into errors that say what to do; ``url`` has no password."""
    try:
        yield
    except exc.IntegrityError as error:
        # SQLite names the columns, PostgreSQL the constraint; both say enough.
        diagnosis = getattr(error.orig, "diag", None)
        name = getattr(diagnosis, "constraint_name", None) or str(error.orig)
        raise AlreadyOnRecord(
            f"the ledger {url} refused a row ({name}): another process wrote it first, or a fact would change; "
            "read the record again"
        ) from error
    except (exc.OperationalError, sqlite3.OperationalError) as error:  # the latter of a copy before an upgrade
        text = str(getattr(error, "orig", error)).strip()
        if _MAY_NOT_BE_WRITTEN in text:
            raise NotLetIn(
                f"the ledger {url} can only be read here ({text}): the file, its folder or what SQLite has beside it "
                "may not be written. What only looks (status, show, report, export) works; mend the rights, or copy "
                "the project's folder to where you may write, and set HAKKEN_HOME to it"
            ) from error
        if "unable to open" in text:
            raise NotALedger(
                f"the ledger {url} cannot be opened ({text}); check the path, its rights, and that its disk takes "
                "another file (df -i)"
            ) from error
        if _FULL.search(text):
            raise LedgerFull(f"the disk of the ledger {url} is full ({text}); make room there") from error
        if "disk I/O error" in text:  # SQLite's only word for a quota
            raise LedgerFull(
                f"the disk of the ledger {url} cannot be written or read ({text}), as where it is full or a quota "
                "is used up, or where it fails; see to it"
            ) from error
        if _MISWRITTEN.search(text):
            raise _miswritten(url, text) from error
        if _NOT_LET_IN.search(text):
            raise NotLetIn(
                f"the ledger {url} is not to be had ({text}); mend HAKKEN_DATABASE, or the URL that was typed (user, "
                "password, database, sslmode), or have the server let this user in"
            ) from error
        if _code(error) == _LOCKED:
            raise LedgerBusy(
                f"the ledger {url} is locked by another session of the server ({text.splitlines()[0]}); "
                "SELECT pid, query FROM pg_stat_activity there shows it"
            ) from error
        if _code(error) == _CUT_OFF:
            raise _cut_off(url, text) from error
        raise LedgerBusy(f"the ledger {url} is busy or out of reach ({text})") from error
    except exc.DatabaseError as error:
        text = str(error.orig).strip()
        if error.connection_invalidated:  # as by a time limit for transactions, which is no OperationalError
            raise _cut_off(url, text) from error
        if _MISWRITTEN.search(text):
            raise _miswritten(url, text) from error
        if _READ_ONLY.search(text):
            raise NotLetIn(
                f"the ledger {url} can only be read there ({text}), as on a replica; name the server that is written "
                "to in HAKKEN_DATABASE. What only looks (status, show, report, replay) works on a replica too"
            ) from error
        if _code(error) == _NO_RIGHT:
            raise NotLetIn(
                f"the ledger {url} lets this user not do that ({text.splitlines()[0]}); have the owner of the database "
                "grant it, or name another user in HAKKEN_DATABASE"
            ) from error
        if _code(error) == _NO_TABLE:
            raise NotALedger(
                f"the ledger {url} lacks a part of the record ({text.splitlines()[0]}), as where somebody emptied the "
                "database while this command worked with it; restore a backup of it, or name the record that goes on "
                "in HAKKEN_DATABASE, then the same command goes on"
            ) from error
        raise NotALedger(f"the ledger {url} cannot be read ({text}); give another file or restore a backup") from error
    except exc.StatementError as error:
        if isinstance(error.orig, LedgerError):  # of a value that a column's type refuses, such as a time without zone
            raise error.orig from error
        raise


def _cut_off(url: str, text: str) -> LedgerBusy:
    return LedgerBusy(
        f"the server of the ledger {url} broke off ({' '.join(text.split())}); where that is a time limit, have it "
        "raised for this user (ALTER ROLE name SET statement_timeout = '10min', say)"
    )


def _miswritten(url: str, text: str) -> LedgerError:
    return LedgerError(f"the ledger {url} is no URL that PostgreSQL's library takes ({text}); mend what follows its ?")


def refused(error: exc.DatabaseError) -> str:
    """What the database says where it lets nobody write here, or not this user; "" of any other error."""
    text = str(error.orig).strip()
    is_refused = _code(error) == _NO_RIGHT or _READ_ONLY.search(text) or _MAY_NOT_BE_WRITTEN in text
    return text.splitlines()[0] if is_refused else ""


def _code(error: exc.DBAPIError | sqlite3.OperationalError) -> str:
    """PostgreSQL's code of what went wrong; "" where there is none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""
