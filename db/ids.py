"""Identifiers: UUID version 7, so that the order of the text is the order of making."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable

_COUNTER_BITS = 42  # of the 74 random bits; the other 32 stay random


class UuidFactory:
    """Makes UUIDv7 texts, each greater than the one before, within this object and so within a process.

    Milliseconds since 1970 in 48 bits, then a counter that starts at random each millisecond with its top bit
    clear and grows by one, then 32 random bits. When the clock stands or goes back, the counter goes on.

    Source: RFC 9562, section 5.7 and section 6.2, method 1.
    """

    def __init__(
        self,
        milliseconds: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._milliseconds, self._random = milliseconds, random
        self._lock = threading.Lock()
        self._last, self._counter = -1, 0

    def __call__(self) -> str:
        """The next identifier, such as ``"019a2b…-…"``: 36 characters."""
        with self._lock:
            now = self._milliseconds()
            if now > self._last:
                self._last = now
                self._counter = int.from_bytes(self._random(6)) >> (48 - _COUNTER_BITS + 1)
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:  # 2^41 in one millisecond: borrow from the next
                    self._last, self._counter = self._last + 1, 0
            high, low = self._counter >> 30, self._counter & ((1 << 30) - 1)
            tail = int.from_bytes(self._random(4))
            value = (self._last << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | (low << 32) | tail
        return str(uuid.UUID(int=value))


uuid7 = UuidFactory()
