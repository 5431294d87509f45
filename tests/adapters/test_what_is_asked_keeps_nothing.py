"""The laboratory that is asked: whatever is sent to it waits, on any machine, and it keeps nothing of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.errors import AdapterOptionsError
from adapters.registry import build
from loop.contracts import AdapterContext, AttemptKey, ExperimentSpec, Found, Handle, Phase


def context(folder: Path) -> AdapterContext:
    return AdapterContext(str(folder / "laboratory"), str(folder), "suzuki", {"yield": "%"})


def test_a_key_waits_whether_it_was_sent_from_here_or_not(tmp_path: Path) -> None:
    here, elsewhere = build("ask_tell", {}, context(tmp_path)), build("ask_tell", {}, context(tmp_path / "other"))
    spec = ExperimentSpec("suzuki", {"ligand": "XPhos"}, {}, {}, {"yield": "%"})

    handle = here.prepare(spec, AttemptKey("k"))
    here.start(handle, AttemptKey("k"))

    assert here.prepare(spec, AttemptKey("k")) == handle == Handle("k")
    assert elsewhere.find(AttemptKey("k")) == Found(handle, started=True)
    assert elsewhere.status(handle).phase is Phase.WAITING
    assert elsewhere.fetch(handle) == ()
    assert not list(tmp_path.iterdir())


def test_it_says_what_it_cannot_measure(tmp_path: Path) -> None:
    spec = ExperimentSpec("suzuki", {}, {}, {}, {"yield": "%", "purity": "%"})

    assert [p.subject for p in build("ask_tell", {}, context(tmp_path)).validate(spec)] == ["target 'purity'"]


def test_it_has_no_options(tmp_path: Path) -> None:
    with pytest.raises(AdapterOptionsError, match="unknown option 'url'"):
        build("ask_tell", {"url": "https://robot"}, context(tmp_path))
