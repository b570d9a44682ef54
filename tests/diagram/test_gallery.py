"""The pictures of the gallery are those that would be drawn now."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.diagram import Freshness, draw, state_of
from archcheck.spec import load

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"
SPECS = sorted(GALLERY.glob("*.yaml"))


def test_the_gallery_has_its_eight_specs() -> None:
    assert len(SPECS) == 8


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_picture_is_up_to_date(path: Path) -> None:
    assert state_of(path.with_suffix(".svg"), draw(load(path).spec).digest) is Freshness.CURRENT
    assert f"({path.stem}.svg)" in (GALLERY / "README.md").read_text(encoding="utf-8")
