"""How problems quote a spec's contents, so that hostile text is harmless in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from archcheck.phrasing.suggestions import nearest

Path = tuple[Any, ...]
"""The keys and list indices that lead from the top of a spec to a node."""

_SHOWN = 60
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CANDIDATES = 500  # comparing each wrong name with each known one is quadratic, so a hostile spec must not


def quote(value: object) -> str:
    r"""Return `value` as messages show it: text escaped and cut at 60 characters, lists and mappings by kind.

    >>> quote("gqa"), quote("\x1b[31m"), quote(None), quote(True), quote([1])
    ("'gqa'", "'\\x1b[31m'", 'nothing', 'true', 'a list')
    """
    match value:
        case str():
            return repr(value) if len(value) <= _SHOWN else repr(value[:_SHOWN]) + "…"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case list():
            return "a list"
        case dict():
            return "a mapping"
    return str(value)


def escape(text: str) -> str:
    """Return `text` without quotes, but escaped as `quote` does."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return ` (did you mean 'residuals'?)` for the known name nearest to `word`, or "" if none is near."""
    if not isinstance(word, str) or len(word) > 200:
        return ""
    near = nearest(word, [name for name in list(known)[:_CANDIDATES] if isinstance(name, str)])
    return f" (did you mean {quote(near)}?)" if near else ""


def listing(names: Sequence[object]) -> str:
    """Return `'a', 'b' and 'c'`, at most twelve of them.

    >>> listing(["a", "b", "c"])
    "'a', 'b' and 'c'"
    """
    quoted = [quote(name) for name in names[:12]]
    if len(names) > len(quoted):
        return f"{', '.join(quoted)} and {len(names) - len(quoted)} more"
    return " and ".join(part for part in (", ".join(quoted[:-1]), quoted[-1]) if part)


def route(names: Sequence[str]) -> str:
    """Return `a -> b -> c`, without the middle of a long one."""
    shown = [escape(name[:_SHOWN]) for name in names]
    return " -> ".join(shown if len(shown) <= 12 else [*shown[:6], "…", *shown[-5:]])


def path_text(path: Path) -> str:
    """Return the path as users write it.

    >>> path_text(("panels", "gqa", "residuals", 0, "line")), path_text(("panels", "my box"))
    ('panels.gqa.residuals[0].line', "panels['my box']")
    """
    text = ""
    for part in path:
        if isinstance(part, str) and _PLAIN_KEY.fullmatch(part) and len(part) <= _SHOWN:
            text += f".{part}" if text else part
        else:
            text += f"[{quote(part)}]"
    return text
