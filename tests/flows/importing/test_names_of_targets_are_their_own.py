"""A parameter and a target may have one name where they come from; here each has its own."""

from __future__ import annotations

from flows.importing.parameters import Names


def test_a_parameter_called_as_a_target_gets_another_name() -> None:
    names = Names()
    targets = names.of_targets()

    assert targets["value"] == "value"
    assert names["value"] == "value_"
    assert (targets["value"], names["value"]) == ("value", "value_")
    assert names.comments("value") == ("called 'value' where it comes from",)
    assert targets.comments("value") == ()
