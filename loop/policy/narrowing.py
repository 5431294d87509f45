"""By what a spread of first experiments is narrowed, since chemists know it of rates before there is a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from loop.space.electrophiles import Outdone


@dataclass(frozen=True, eq=False)
class Narrowing:
    """What first experiments are to be; nothing of it, as it comes, leaves them as they are.

    Attributes:
        hot: Of the hottest candidates alone (``loop.policy.hottest``).
        out: Options that are left out for a better leaving group, by column (``loop.policy.leaving``).
    """

    hot: bool = False
    out: Outdone = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.hot or bool(self.out)


NOTHING: Final = Narrowing()
