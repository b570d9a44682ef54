"""Standard streams in any state: closed, full, of another encoding, or left by their reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys

_LEAST_RECURSION = 1000


class _Closed(io.TextIOBase):
    """A stand-in for a closed standard output, which tells whoever writes to it."""

    def write(self, text: str) -> int:
        raise OSError(None, "standard output is closed")


def prepare() -> None:
    """Make the process fit to report, however it was started.

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
    """Flush standard output. Raises OSError if that fails, unless its reader has left."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        reader_left()


def reader_left() -> None:
    """Drop the rest of the output without complaint: nobody reads it any more (`| head -1`)."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
