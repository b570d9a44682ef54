"""What the tests of the spec share."""

from __future__ import annotations

import pytest

from archcheck.errors import SpecError
from archcheck.spec import loads

MODEL = "model: {target: 'models:build'}\n"
"""The shortest model; what follows begins in line 2."""


def problems(text: str) -> list[str]:
    """The problems of a spec, as `line:column code message (at path) hint`."""
    with pytest.raises(SpecError) as caught:
        loads(text)
    return [str(problem).removeprefix("<spec>:") for problem in caught.value.problems]


def panel(text: str) -> list[str]:
    """The problems of a spec whose one panel `p` is the flow mapping `text`, in line 2 from column 13 on."""
    return problems(f"{MODEL}panels: {{p: {text}}}\n")
