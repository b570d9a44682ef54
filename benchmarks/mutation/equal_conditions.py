"""Changed conditions that no input can tell from the right ones, each with the reason."""

from __future__ import annotations

EQUAL: dict[str, str] = {}
