"""What a drawn file carries to say where it comes from: a digest of its meaning, and one of its own bytes.

The first tells whether the spec has changed since, the second whether the file has been changed by hand.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from enum import Enum
from pathlib import Path

_PNG = b"\x89PNG"
_DIGEST = re.compile(rb"archcheck-digest[ \0]+([0-9a-f]{64})")
_BODY = re.compile(rb"archcheck-body[ \0]+([0-9a-f]{64})")
_COMMENTS = {
    ".svg": ("<!-- ", " -->"),
    ".html": ("<!-- ", " -->"),
    ".dot": ("// ", ""),
    ".mmd": ("%% ", ""),
    ".mermaid": ("%% ", ""),
    ".pdf": ("% ", ""),
}


class Freshness(Enum):
    """The relation of a file to a drawing: as drawn, out of date, edited, or foreign."""

    CURRENT = "is up to date"
    OUTDATED = "is out of date"
    EDITED = "was edited by hand after it was drawn"
    FOREIGN = "was not drawn by archcheck"


def sealed(content: bytes, suffix: str, digest: str) -> bytes:
    """Return a file's content with the digest of its meaning and one of its own bytes."""
    if suffix == ".png":
        marked = content[:33] + _chunk(b"archcheck-digest", digest) + content[33:]
        return marked[:33] + _chunk(b"archcheck-body", _hash(marked)) + marked[33:]
    begin, end = _COMMENTS[suffix]
    at = 0
    if suffix == ".pdf":
        at = len(content)
    elif content.startswith((b"<?xml", b"<!DOCTYPE")):
        at = content.index(b"\n") + 1
    carried = f"{begin}archcheck-digest {digest}{end}\n".encode()
    seal = f"{begin}archcheck-body {_hash(content[:at] + carried + content[at:])}{end}\n".encode()
    return content[:at] + carried + seal + content[at:]


def state_of(path: Path, digest: str) -> Freshness:
    """Return the relation of the file at `path` to a drawing with this digest. Raises OSError."""
    content = path.read_bytes()
    carried, body = _DIGEST.search(content), _BODY.search(content)
    if carried is None:
        return Freshness.FOREIGN
    if carried[1].decode() != digest or body is None:
        return Freshness.OUTDATED
    return Freshness.CURRENT if body[1].decode() == _hash(_unsealed(content)) else Freshness.EDITED


def _unsealed(content: bytes) -> bytes:
    """Take out what `sealed` puts in last: a chunk of a PNG, a line of any other file."""
    found = _BODY.search(content)
    assert found is not None
    if content.startswith(_PNG):
        return content[: found.start() - 8] + content[found.end() + 4 :]
    if not content.startswith(b"%PDF"):
        content = content.replace(b"\r\n", b"\n")  # as Git may write a text on Windows
    return b"".join(line for line in content.splitlines(keepends=True) if not _BODY.search(line))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _chunk(name: bytes, text: str) -> bytes:
    """Return a text chunk of a PNG."""
    body = b"tEXt" + name + b"\0" + text.encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
