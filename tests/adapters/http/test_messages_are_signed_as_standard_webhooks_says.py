"""Signatures beside an independent source: the example of the Standard Webhooks specification, and the reference
laboratory, which signs with code of its own."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.signing import is_signed, sign
from examples.http_laboratory.signing import signed

# From the documentation of Svix, whose scheme the specification is.
SECRET, ID, TIME = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_specification_comes_out() -> None:
    assert sign(SECRET, ID, TIME, BODY) == SIGNATURE
    assert is_signed({"k": SECRET}, ID, TIME, BODY, f"v1a,xyz {SIGNATURE}")


@pytest.mark.parametrize("secret", ["its own text", SECRET])
def test_what_the_reference_laboratory_signs_is_believed(secret: str) -> None:
    told = signed("msg_1", "text", "k1", secret)

    assert is_signed(
        {"k1": secret},
        told["webhook-id"],
        told["webhook-timestamp"],
        b"text",
        told["webhook-signature"],
        told["webhook-key-id"],
    )


def test_a_key_that_only_looks_like_base64_is_its_own_text() -> None:
    assert sign("whsec_!", ID, TIME, BODY) != sign("whsec_", ID, TIME, BODY)


@given(st.integers(0, len(BODY) * 8 - 1))
def test_a_changed_bit_of_the_body_is_seen(bit: int) -> None:
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8

    assert not is_signed({"k": SECRET}, ID, TIME, bytes(changed), SIGNATURE)


@given(st.integers(0, 255), st.sampled_from(["id", "time", "key", "signature", "no keys", "key id"]))
def test_a_change_anywhere_else_is_seen_too(bit: int, what: str) -> None:
    raw = bytearray(base64.b64decode(SIGNATURE[3:]))
    raw[bit // 8] ^= 1 << bit % 8
    told = [{"k": SECRET}, ID, TIME, BODY, SIGNATURE, ""]
    match what:
        case "id":
            told[1] = ID + "x"
        case "time":
            told[2] = "1614265331"
        case "key":
            told[0] = {"k": SECRET[:-1] + "A"}
        case "signature":
            told[4] = "v1," + base64.b64encode(raw).decode()
        case "no keys":
            told[0] = {}
        case _:
            told[5] = "another"

    assert not is_signed(*told)  # type: ignore[arg-type]


def test_text_cannot_be_shifted_from_one_part_to_another() -> None:
    right = sign(SECRET, "a", "1.2", BODY)

    assert right == sign(SECRET, "a.1", "2", BODY)
    assert not is_signed({"k": SECRET}, "a.1", "2", BODY, right)
    assert not is_signed({"k": SECRET}, "a", "1.2", BODY, right)
