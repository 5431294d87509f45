"""What is written in place of a file is whole, and goes where a link leads or into a device or a pipe."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from adapters.common.durable import replace


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    there, link = tmp_path / "there.txt", tmp_path / "link.txt"
    there.write_text("old")
    link.symlink_to(there)

    replace(link, "new")

    assert (link.is_symlink(), there.read_text()) == (True, "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.txt", "there.txt"]


def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)  # waits for a writer
    reader.start()

    replace(pipe, "new")
    is_pipe = pipe.is_fifo()
    if is_pipe:
        reader.join(30.0)

    assert (is_pipe, read) == (True, ["new"])
    assert list(tmp_path.iterdir()) == [pipe]
