"""Specs as pictures: `draw` a spec, `write` the drawing to a file."""

from archcheck.diagram.drawing import SUFFIXES, Drawing, draw, render, write
from archcheck.diagram.seal import Freshness, state_of
from archcheck.diagram.theme import Arrangement, Style, ThemeName
from archcheck.errors import DrawError

__all__ = [
    "SUFFIXES",
    "Arrangement",
    "DrawError",
    "Drawing",
    "Freshness",
    "Style",
    "ThemeName",
    "draw",
    "render",
    "state_of",
    "write",
]
