"""The page of each code: `RES001.md` and others beside this file, which `archcheck explain` prints.

The page is the only place with a code's title and text. `python -m archcheck.rules.pages` writes the list of
them all to docs/rules.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from archcheck.phrasing.suggestions import nearest

FAMILIES = {
    "RES": "residual connections",
    "BOX": "boxes and the modules they stand for",
    "FLOW": "lines between boxes",
    "MARK": "marks that could not be proved",
    "DIA": "the picture",
    "SPEC": "the spec can't be read",
    "TGT": "the model can't be built",
    "TRC": "the model can't be traced",
    "CFG": "the project's configuration",
    "BAS": "the baseline",
    "HIS": "revisions and saved reports",
    "CLI": "the command line",
}
"""The subject of the codes with this prefix, in the order of the list of rules."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page of a code. `text` is the whole page, as Markdown; the rest are parts of it."""

    code: str
    title: str
    explanation: str
    sections: dict[str, str]
    """Heading to text, in the page's order: a rule's are Bad, Good, How to fix it, Where it comes from."""
    text: str

    @property
    def fix(self) -> str:
        """How to fix what was found; empty if the explanation says it."""
        return self.sections.get("How to fix it", "")


@cache
def pages() -> dict[str, Page]:
    """Return every code's page, sorted by family and number."""
    found = [
        _read(entry.name.removesuffix(".md"), entry.read_text(encoding="utf-8"))
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".md")
    ]
    families = list(FAMILIES)
    return {
        page.code: page
        for page in sorted(found, key=lambda page: (families.index(_family(page.code)), page.code))
    }


def explain(code: str) -> str:
    """Return a code's page, or the list of codes with this prefix (any case). Raises LookupError."""
    wanted = code.strip().upper()
    if wanted in pages():
        return pages()[wanted].text
    if wanted in FAMILIES:
        listed = [f"{page.code}: {page.title}\n" for page in pages().values() if _family(page.code) == wanted]
        return f"# {wanted}: {FAMILIES[wanted]}\n\n{''.join(listed)}"
    near = _with_zeros(wanted) or nearest(wanted, pages())
    families = f"Codes begin with {', '.join(FAMILIES)}; `archcheck explain RES` lists those of RES."
    raise LookupError(f"There is no code {wanted!r}{f': did you mean {near}?' if near else f'. {families}'}")


def _with_zeros(code: str) -> str:
    """Return the code that is meant by `RES1`; "" if there is none."""
    family = code.rstrip("0123456789")
    full = f"{family}{code[len(family) :].lstrip('0'):0>3}"
    return full if full in pages() else ""


def index() -> str:
    """Return the list of all pages, as docs/rules/README.md."""
    parts = [
        "# Rules\n",
        "Each finding and each error has a code; `archcheck explain CODE` prints its page in the terminal.",
        "This list is written by `python -m archcheck.rules.pages`.",
    ]
    for family, title in FAMILIES.items():
        parts.append(f"\n## {family}: {title}\n")
        parts += [
            f"- [{page.code}](../../archcheck/rules/{page.code}.md): {page.title}"
            for page in pages().values()
            if _family(page.code) == family
        ]
    return "\n".join(parts) + "\n"


def _read(code: str, text: str) -> Page:
    """Return the page in `text`, which begins with `# CODE: TITLE`; further headings have two signs."""
    head, *rest = text.split("\n## ")
    title, explanation = head.removeprefix(f"# {code}: ").split("\n", 1)
    sections = dict(section.split("\n", 1) for section in rest)
    return Page(
        code, title, explanation.strip(), {name: body.strip() for name, body in sections.items()}, text
    )


def _family(code: str) -> str:
    return code.rstrip("0123456789")


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/rules/README.md").write_text(index(), encoding="utf-8")
