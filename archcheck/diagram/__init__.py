"""Specs as pictures: `draw` a spec, `write` the drawing to a file."""

from archcheck.diagram.draw_error import DrawError
from archcheck.diagram.drawing import SUFFIXES, Drawing, digest_of, draw, render, write
from archcheck.diagram.theme import Arrangement, Style, ThemeName

__all__ = [
    "SUFFIXES",
    "Arrangement",
    "DrawError",
    "Drawing",
    "Style",
    "ThemeName",
    "digest_of",
    "draw",
    "render",
    "write",
]
