"""An option that another program calls otherwise is answered with its name here, or with what is done instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.errors import AdapterOptionsError
from adapters.pyscf import PyscfOptions
from adapters.registry import build
from adapters.xtb import XtbOptions
from loop.contracts import AdapterContext


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("chrg", "it is called charge here"),
        ("UHF", "it is called unpaired here"),
        ("opt", "it is called optimise here"),
        ("max_cycle", "an SCF of xTB has 250 iterations; leave it out"),
        ("alpb", "write solvent and, where it is not alpb, solvation"),
    ],
)
def test_words_of_the_xtb_program_are_answered(word: str, said: str, tmp_path: Path) -> None:
    context = AdapterContext(str(tmp_path), ".", "small", {"gap": "eV"})

    with pytest.raises(AdapterOptionsError) as refused:
        build("xtb", {word: 1}, context)

    assert f"unknown option {word!r} ({said}); known: " in str(refused.value)


def test_what_is_known_is_said_once_for_several_of_them(tmp_path: Path) -> None:
    context = AdapterContext(str(tmp_path), ".", "small", {"gap": "eV"})

    with pytest.raises(AdapterOptionsError) as refused:
        build("xtb", {"chrg": 1, "uhf": 0, "opt": True}, context)

    assert str(refused.value).count("unknown option") == 3
    assert str(refused.value).count("known: ") == 1


@pytest.mark.parametrize("model", [PyscfOptions, XtbOptions])
def test_no_word_is_an_option_itself(model: type[PyscfOptions] | type[XtbOptions]) -> None:
    assert model.other_words
    assert not set(model.other_words) & set(model.model_fields)
    assert all(word == word.casefold() and " " not in word for word in model.other_words)
