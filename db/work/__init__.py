"""The unit of work: everything that one pass writes, in one transaction.

Each function first looks at everything that could refuse it, then writes. So an error that the caller catches inside
the ``with`` has left nothing behind, and the work can go on.
"""

from db.work.unit import SqlWork
from db.work.writer import Writer

__all__ = ["SqlWork", "Writer"]
