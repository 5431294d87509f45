"""The keys by which a campaign's laboratory signs messages: named in the campaign file, found in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.webhooks.checking import Keys
from loop.errors import AdapterUnavailable


def keys_of(section: Mapping[str, Any]) -> Keys:
    """Of a laboratory section, those of the members of ``several`` included."""
    from adapters.common.secret import secret
    from adapters.http.options import webhook_keys, webhook_window

    secrets, missing = {}, {}
    for name, reference in webhook_keys(section).items():
        try:
            secrets[name] = secret(reference)
        except AdapterUnavailable:
            missing[name] = reference.removeprefix("$")
    return Keys(secrets, missing, webhook_window(section))
