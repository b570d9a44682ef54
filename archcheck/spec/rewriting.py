"""A spec as a document that can be changed and written back with its comments, its order and its quotes.

`load` comes first: it refuses what is unsafe or too large, and gives all errors and places. It builds plain
data itself, since the round-trip loader stops at the first duplicate key, gives an alias the place of its
anchor, and reads `1_000` or `2025-02-01` as something else than text.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from archcheck.spec.load import LoadedSpec


def editable(loaded: LoadedSpec) -> CommentedMap:
    """The spec's document; changes of its mappings and lists are kept by `written`."""
    document: Any = _yaml().load(loaded.source)
    assert isinstance(document, CommentedMap)
    return document


def written(document: CommentedMap) -> str:
    """The document as YAML, indented as specs are: two columns, the items of lists two further in."""
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
