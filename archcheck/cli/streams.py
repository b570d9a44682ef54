"""Standard streams as they may be: closed, full, of another encoding, or left by their reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys

_LEAST_RECURSION = 1000


class _Closed(io.TextIOBase):
    """Stands for a standard output that is closed: whoever writes to it is told so."""

    def write(self, text: str) -> int:
        raise OSError(None, "standard output is closed")


def prepare() -> None:
    """Make the process fit to report in, whatever it was started with.

    No file opened later gets the number of a standard stream, characters that a stream can't encode are
    escaped, and there are enough levels of recursion.
    """
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for the rest of the process)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.getrecursionlimit() < _LEAST_RECURSION:
        sys.setrecursionlimit(_LEAST_RECURSION)


def write_utf8(content: str) -> None:
    """Write to standard output in UTF-8, whatever its encoding: for formats that programs read."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(content)
        return
    sys.stdout.flush()
    binary.write(content.encode("utf-8", "backslashreplace"))


def finish() -> None:
    """Write out what is still held. Raises OSError where that fails, but for a reader that has left."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        reader_left()


def reader_left() -> None:
    """Nobody reads standard output any more (`| head -1`): what is left goes nowhere, without complaint."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
