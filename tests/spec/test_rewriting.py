"""Documents that are changed and written back."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.spec import load, loads
from archcheck.spec.rewriting import editable, written
from tests.spec.test_load import SHIPPED

COMMENTED = """\
# what it is
model: {target: 'models:build'}  # how it is built
panels:
  p:
    boxes:
      a: {label: "x"}  # the first
      b: {}
    residuals:
      # drawn in the paper
      - {around: a, line: solid}

      - {around: b}
"""


def test_a_change_keeps_comments_quotes_and_order() -> None:
    document = editable(loads(COMMENTED))
    document["panels"]["p"]["residuals"][0]["line"] = "dashed"
    assert written(document) == COMMENTED.replace("solid", "dashed")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_specs_are_written_as_they_are(file: Path) -> None:
    loaded = load(file)
    assert written(editable(loaded)) == loaded.source
