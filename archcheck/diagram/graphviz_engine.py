"""Graphviz itself: the library in pygraphviz's wheel, or a `dot` on PATH. DOT in, bytes out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from archcheck.errors import DrawError

_ONE_AT_A_TIME = threading.Lock()
_INSTALL = "Install pygraphviz 2 or later (`pip install 'pygraphviz>=2'`), or put Graphviz's `dot` on PATH."


def run(dot: str, form: str) -> bytes:
    """Return what `dot` describes as svg, png or pdf. Raises DrawError (DIA002) where Graphviz can't."""
    try:
        import pygraphviz  # type: ignore[import-untyped]
    except ImportError:
        return _by_command(dot, form)
    with _ONE_AT_A_TIME, _quiet() as said:
        try:
            graph = pygraphviz.AGraph(string=dot)
            picture = graph.draw(format=form, prog="nop2")
            graph.close()
        except (ValueError, pygraphviz.DotError, OSError) as error:
            raise DrawError.of("DIA002", f"Graphviz could not draw the {form}: {error}", said()) from error
    if not isinstance(picture, bytes) or not picture:
        raise DrawError.of("DIA002", f"Graphviz produced no {form}.", _INSTALL)
    return picture


def undrawn(dot: str, signs: set[str]) -> set[str]:
    """Return those of `signs` that no font here has: a PDF names each sign that is no empty box."""
    drawn: set[str] = set()
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", run(dot, "pdf"), re.DOTALL):
        try:
            stream = zlib.decompress(match[1])
        except zlib.error:
            stream = match[1]
        if b"begincmap" in stream:
            drawn |= _mapped(stream.decode("latin-1"))
    return signs - drawn if drawn else set()


def _mapped(cmap: str) -> set[str]:
    """Return the signs that a ToUnicode map names, in single entries and in ranges."""
    found: set[str] = set()
    for section in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for target in re.findall(r"<[0-9a-fA-F]+>\s*<([0-9a-fA-F]+)>", section):
            found |= set(_utf16(target))
    for section in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        entry = r"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>\s*(?:<([0-9a-fA-F]+)>|\[([^\]]*)\])"
        for low, high, target, several in re.findall(entry, section):
            for each in re.findall(r"<([0-9a-fA-F]+)>", several):
                found |= set(_utf16(each))
            for step in range(int(high, 16) - int(low, 16) + 1) if target else ():
                found |= set(_utf16(f"{int(target, 16) + step:0{len(target)}x}"))
    return found


def _utf16(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-16-be", "ignore")


def _by_command(dot: str, form: str) -> bytes:
    command = shutil.which("dot")
    if command is None:
        raise DrawError.of("DIA002", "Graphviz was not found.", _INSTALL)
    arguments = [command, "-Kneato", "-n2", f"-T{form}"]
    done = subprocess.run(arguments, input=dot.encode(), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()
        raise DrawError.of("DIA002", f"Graphviz could not draw the {form}: {said[:400]}", _INSTALL)
    return done.stdout


@contextmanager
def _quiet() -> Iterator[Callable[[], str]]:
    """Catch what the C library writes to stderr, such as font warnings; yield what gives it as text."""
    with tempfile.TemporaryFile() as kept:

        def said() -> str:
            kept.seek(0)
            lines = kept.read().decode(errors="replace").splitlines()
            return " ".join(line for line in lines if not line.startswith("Fontconfig"))[:400]

        sys.stderr.flush()
        try:
            saved = os.dup(2)
        except OSError:
            yield said
            return
        try:
            os.dup2(kept.fileno(), 2)
            yield said
        finally:
            os.dup2(saved, 2)
            os.close(saved)
