"""Addresses of servers, as an option gives them."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit


def parts_of(address: object) -> SplitResult | None:
    """The parts of an address such as https://robot.example/api; None for what is none."""
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def says_more(parts: SplitResult) -> bool:
    """Whether an address has more than a place: a name, a password, a query or a fragment."""
    return parts.username is not None or parts.password is not None or bool(parts.query or parts.fragment)


def shows_secrets(parts: SplitResult) -> bool:
    """Whether what is sent to an address can be read on its way: unless it is encrypted or stays on this machine."""
    return parts.scheme == "http" and not _is_here(parts.hostname or "")


def _is_here(host: str) -> bool:
    """Whether an address leads to this machine and nowhere else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
