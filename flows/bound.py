"""Bound: a socket that listens, or why it cannot."""

from __future__ import annotations

import errno
import socket

from loop.errors import HakkenError


class CannotBind(HakkenError):
    """The address is taken, not of this machine, or not allowed; give another."""


def listening_at(address: tuple[str, int]) -> socket.socket:
    """A socket that listens at host and port; port 0 takes any that is free.

    Raises:
        CannotBind: It cannot.
    """
    host, port = address
    try:
        return socket.create_server(address, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = str(error.strerror or error).partition(" (")[0]  # what follows repeats the address
        other = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host, one of this machine"
        raise CannotBind(f"{host}:{port} cannot be listened at ({why}); give another {other}") from None
