"""The gallery of `transformers`: the repository has what `init` writes and `render` draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.commands.init import init
from archcheck.commands.run_modes import in_this_process
from archcheck.findings import Status

GALLERY = Path(__file__).parent.parent.parent / "docs" / "gallery" / "transformers"
NAMES = sorted(path.stem for path in GALLERY.glob("*.json"))


def test_each_configuration_has_its_spec_and_picture() -> None:
    assert len(NAMES) == 13
    for suffix in (".yaml", ".svg"):
        assert sorted(path.stem for path in GALLERY.glob(f"*{suffix}")) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_init_writes_what_is_in_the_gallery(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.chdir(GALLERY)
    made = init(f"hf:{name}.json", [], {}, f"{name}.yaml", lambda _: None, in_this_process)
    assert made.report.status is Status.CONFORMS
    assert made.text == Path(f"{name}.yaml").read_text(encoding="utf-8")
