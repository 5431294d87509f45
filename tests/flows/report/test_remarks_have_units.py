"""Remarks: numbers recorded beside a result have the unit of their parameter, however they arrived."""

from __future__ import annotations

import pytest

from flows.remarks import beside_label
from loop.outcome import Negative

SPEC = {
    "space": {
        "h": {"type": "context", "unit": "%"},
        "hood": {"type": "context", "options": ["1", "2"]},
        "t": {"type": "number", "unit": "degC"},
    }
}


@pytest.mark.parametrize(
    ("context", "line"),
    [
        ({"h": "40"}, "h 40 %"),
        ({"h": 40.5}, "h 40.5 %"),
        ({"h": "damp"}, "h damp"),
        ({"h": "nan"}, "h nan"),
        ({"h": ""}, ""),
        ({"h": "40", "hood": "1"}, "h 40 %, hood 1"),
        ({"h": None}, ""),
    ],
)
def test_a_declared_number_has_its_unit_also_where_it_came_as_text(context: dict[str, object], line: str) -> None:
    assert beside_label(SPEC, {"t": 20.0}, context, Negative("none")) == line
