"""``loop`` used alone: what is no result, no point or no batch is refused where it is made, with what is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.errors import OutcomeError
from loop.outcome import Fault, Measured, Measurement, Negative, Qualifier, too_large


def measured(value: Any = 50.0, **more: Any) -> Measurement:
    return Measurement("yield", value, "%", more.pop("canonical", value), **more)


class TestResults:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"value": "50"}, "the value must be a finite number, got '50'"),
            ({"value": None}, "the value must be a finite number, got None; report an experiment without a number as"),
            ({"canonical": "50"}, "the canonical value must be a finite number, got '50'"),
            ({"sd": "2"}, "sd must be zero or above, got '2'"),
            ({"sd": 2.0}, "sd 2.0 counts only by what it is in the target's unit; give canonical_sd too"),
            ({"canonical_sd": -2.0}, "canonical_sd must be zero or above, got -2.0"),
            ({"n": 2.5}, r"n must be between 1 and 10\^9, and whole, got 2.5"),
            ({"n": "2"}, r"n must be between 1 and 10\^9, and whole, got '2'"),
            ({"qualifier": "<"}, r"qualifier must be one of Qualifier.EQUAL \(=\), Qualifier.BELOW \(<\), .*got '<'"),
        ],
    )
    def test_what_is_no_measurement_is_refused_with_what_is_expected(self, given: Any, message: str) -> None:
        with pytest.raises(OutcomeError, match=f"^'yield': {message}"):
            measured(**given)

    def test_numbers_of_numpy_are_numbers(self) -> None:
        found = measured(np.float32(50.0), sd=np.float64(2.0), canonical_sd=np.float64(2.0), n=np.int64(3))

        assert too_large(found) == ""
        assert found.qualifier is Qualifier.EQUAL

    @pytest.mark.parametrize("outcome", [Measured, lambda given: Negative("no product", given)])
    @pytest.mark.parametrize("given", [measured(), 50.0, (50.0,)])
    def test_what_is_no_tuple_of_measurements_is_refused(self, outcome: Any, given: Any) -> None:
        with pytest.raises(OutcomeError, match=r"must be a tuple of Measurement, such as \(m,\), got"):
            outcome(given)

    def test_a_kind_of_fault_that_there_is_not_is_named_with_those_that_there_are(self) -> None:
        with pytest.raises(OutcomeError, match=r"fault kind 'lost' is unknown; known: input_error, .*compute_lost"):
            Fault.of("lost", "the vial fell")  # type: ignore[arg-type]
