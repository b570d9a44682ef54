"""What can go wrong while a picture is drawn."""

from __future__ import annotations

from archcheck.errors import ArchcheckError, Problem


class DrawError(ArchcheckError):
    """The picture can't be drawn or written (DIA002: format or engine, DIA003: style, panel or glyph)."""

    @classmethod
    def of(cls, code: str, message: str, hint: str = "", file: str = "diagram") -> DrawError:
        """Return the error for a single problem."""
        return cls(Problem(file, None, None, code, message, hint=hint))
