"""UUIDv7: the layout of RFC 9562, and an order that neither a standing nor a backward clock disturbs."""

from __future__ import annotations

import uuid
from itertools import pairwise

from db.ids import UuidFactory, uuid7


def test_an_identifier_has_the_layout_of_version_7() -> None:
    # The time of the RFC's example, appendix A.6: 2022-02-22 14:22:22.00 GMT-5.
    made = uuid.UUID(UuidFactory(lambda: 0x017F22E279B0, lambda n: b"\xff" * n)())

    assert made.int >> 80 == 0x017F22E279B0
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert str(made).startswith("017f22e2-79b0-7")


def test_each_is_greater_than_the_one_before_whatever_the_clock_does() -> None:
    clock = iter([5, 5, 5, 4, 1, 6, 6, 2, 7])
    make = UuidFactory(lambda: next(clock), lambda n: b"\xff" * n)

    assert all(earlier < later for earlier, later in pairwise(make() for _ in range(9)))


def test_a_spent_counter_borrows_from_the_next_millisecond() -> None:
    make = UuidFactory(lambda: 5, lambda n: b"\x00" * n)
    first = make()
    make._counter = 2**42 - 1

    second, third = make(), make()

    assert first < second < third
    assert uuid.UUID(second).int >> 80 == 6


def test_ten_thousand_are_different_and_in_order() -> None:
    made = [uuid7() for _ in range(10_000)]

    assert made == sorted(set(made))
