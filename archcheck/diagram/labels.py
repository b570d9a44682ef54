r"""Labels as lines of runs: what is shown, how wide it is, where it wraps.

A label is plain text with a little mathematics: `_{…}` and `^{…}` lower and raise what the braces hold. A
single sign is lowered after a single letter that stands alone (`W_q`, `x_1`), and a number or a single letter
is raised after `^` (`x^2`, `QK^T`); inside `$…$` any `_c` and `^c`. Every other underscore is shown as it is,
so `o_proj` stays `o_proj`. Names of signs in LaTeX, such as `\alpha`, are shown as the signs.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from archcheck.diagram.sign_widths import is_wide, width_of_sign

MAX_LINES = 12  # of a label; a longer one is given in full under the picture
MAX_SIGNS = 10_000
LINE_HEIGHT = 1.22
SHIFTED_SIZE = 0.72

_SHIFT = re.compile(
    r"([_^])\{([^{}]*)\}"
    r"|(?<![^\W_])([^\W\d_])_([^\W_])(?![\w{])"
    r"|(?<=[\w)\]|])\^(-?\d+|[^\W\d_](?!\w))"
    r"|\$([^$\n]+)\$"
)
_COMMAND = re.compile(r"\\([A-Za-z]+)(?![A-Za-z])")
_NAMED = """
alpha=α beta=β gamma=γ delta=δ epsilon=ε zeta=ζ eta=η theta=θ iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ pi=π
rho=ρ sigma=σ tau=τ upsilon=υ phi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ
Phi=Φ Psi=Ψ Omega=Ω varepsilon=ε vartheta=ϑ varphi=ϕ times=× cdot=· oplus=⊕ otimes=⊗ odot=⊙ sqrt=√ sum=∑
prod=∏ int=∫ partial=∂ nabla=∇ infty=∞ in=∈ leq=≤ geq=≥ neq=≠ approx=≈ pm=± to=→ rightarrow=→ leftarrow=←
div=÷ ell=ℓ top=⊤ dots=… ldots=… cdots=… mid=∣ circ=∘ ast=∗
"""
_SIGNS = dict(entry.split("=") for entry in _NAMED.split())
_JOINTS = re.compile(r".*(?:[._/-]|[a-z](?=[A-Z]))")  # where a long word breaks if it can
_IN_MATH = re.compile(r"([_^])(?:\{([^{}]*)\}|([^\s{}]))")


@dataclass(frozen=True, slots=True)
class TextRun:
    """A stretch of text on one level: `shift` is -1 for a subscript, 1 for a superscript, else 0."""

    text: str
    shift: int = 0


Line = tuple[TextRun, ...]


def clean(text: str) -> str:
    """Return `text` without what is not text: control signs but newlines, direction marks, non-characters.

    What remains shows on its own and can't reorder or hide its neighbours; tabs become spaces.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(sign for sign in text if sign == "\n" or not _is_control(sign))


def plain(text: str, limit: int = 400) -> str:
    """Return the cleaned text on one line, cut after `limit` signs: for hover text and titles."""
    flat = " ".join(clean(text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def lines_of(
    label: str, size: float, max_width: float, max_lines: int | None = None, *, even: bool = True
) -> tuple[Line, ...]:
    """Return the label in lines of at most `max_width` points at font size `size`.

    Words move to the next line whole where they can, `even` makes the lines about as long as each other; what
    exceeds `max_lines` ends in an ellipsis.
    """
    lines: list[Line] = []
    source = _COMMAND.sub(lambda found: _SIGNS.get(found[1], found[0]), clean(label[:MAX_SIGNS]))
    for paragraph in source.split("\n"):
        lines += _wrapped(_runs(paragraph.strip()), size, max_width, even)
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    most = len(lines) if max_lines is None else max_lines
    if len(lines) > most or len(label) > MAX_SIGNS:
        lines = [*lines[: most - 1], _ellipsis(lines[min(most, len(lines)) - 1], size, max_width)]
    return tuple(lines)


def is_cut(lines: tuple[Line, ...], label: str) -> bool:
    """Return whether the lines of a label end in an ellipsis that the label does not have."""
    return bool(lines) and shown(lines[-1]).endswith("…") and not clean(label).rstrip().endswith("…")


def width_of(line: Line, size: float) -> float:
    """Return the width of a line in points: an upper estimate over the common fonts."""
    return sum(_run_width(run, size) for run in line)


def shown(line: Line) -> str:
    """Return the text of a line, without sub- and superscript levels."""
    return "".join(run.text for run in line)


def _runs(text: str) -> Line:
    runs: list[TextRun] = []
    place = 0
    for match in _SHIFT.finditer(text):
        runs.append(TextRun(text[place : match.start()]))
        place = match.end()
        mark, braced, base, below, above, math = match.groups()
        if math is not None:
            runs += _math(math)
        elif base is not None:
            runs += (TextRun(base), TextRun(below, -1))
        elif above is not None:
            runs.append(TextRun(above, 1))
        else:
            runs.append(TextRun(braced, -1 if mark == "_" else 1))
    runs.append(TextRun(text[place:]))
    return tuple(run for run in runs if run.text)


def _math(text: str) -> list[TextRun]:
    runs: list[TextRun] = []
    place = 0
    for match in _IN_MATH.finditer(text):
        runs.append(TextRun(text[place : match.start()]))
        place = match.end()
        runs.append(TextRun(match[2] if match[2] is not None else match[3], -1 if match[1] == "_" else 1))
    return [*runs, TextRun(text[place:])]


def _wrapped(line: Line, size: float, max_width: float, even: bool) -> list[Line]:
    """Break a line greedily, then narrow the measure as far as the number of lines allows: even lines."""
    pieces = [
        (piece, width_of(piece, size), width_of(_stripped(piece), size))
        for piece in _pieces(line, size, max_width)
    ]
    lines = _greedy(pieces, max_width)
    if even and 1 < len(lines) <= MAX_LINES:
        low, high = max(width for _, _, width in pieces), max_width
        while high - low > 2:
            middle = (low + high) / 2
            narrower = _greedy(pieces, middle)
            if len(narrower) == len(lines):
                high, lines = middle, narrower
            else:
                low = middle
    return lines


def _greedy(pieces: list[tuple[Line, float, float]], max_width: float) -> list[Line]:
    """Fill lines with pieces, each given with its width and its width without the space at its end."""
    lines: list[Line] = []
    current: list[TextRun] = []
    used = 0.0
    for piece, width, bare in pieces:
        if current and used + bare > max_width:
            lines.append(_stripped(tuple(current)))
            current, used = [], 0.0
        current += piece
        used += width
    return [*lines, _stripped(tuple(current))]


def _pieces(line: Line, size: float, max_width: float) -> list[Line]:
    """Return unbreakable pieces: a word with its indices and the space after it, or a part of a long word."""
    pieces: list[list[TextRun]] = []
    is_open = False
    for run in line:
        for part in re.findall(r"\S*\s+|\S+", run.text):
            for number, atom in enumerate(_atoms(TextRun(part, run.shift), size, max_width)):
                fits = is_open and number == 0 and not is_wide(atom[0])
                if fits and width_of((*pieces[-1], TextRun(atom.rstrip(), run.shift)), size) <= max_width:
                    pieces[-1].append(TextRun(atom, run.shift))
                else:
                    pieces.append([TextRun(atom, run.shift)])
                is_open = not atom[-1].isspace() and not is_wide(atom[-1])
    return [tuple(piece) for piece in pieces]


def _atoms(run: TextRun, size: float, max_width: float) -> list[str]:
    """Cut a word where it is wider than the line, and around every ideograph."""
    atoms: list[str] = [""]
    used = 0.0
    for sign in run.text:
        width = _run_width(TextRun(sign, run.shift), size)
        too_long = used + width > max_width and not sign.isspace()
        breaks = too_long or is_wide(sign) or is_wide(atoms[-1][-1:] or " ")
        if atoms[-1] and breaks and width and not sign.isspace():
            joint = _JOINTS.match(atoms[-1]) if too_long else None
            cut = joint.end() if joint and joint.end() * 4 > len(atoms[-1]) else len(atoms[-1])
            atoms[-1:] = [atoms[-1][:cut], atoms[-1][cut:]]
            used = _run_width(TextRun(atoms[-1], run.shift), size)
        atoms[-1] += sign
        used += width
    return atoms


def _ellipsis(line: Line, size: float, max_width: float) -> Line:
    runs = list(line)
    while runs and width_of((*runs, TextRun("…")), size) > max_width:
        last = runs.pop()
        if last.text[:-1]:
            runs.append(TextRun(last.text[:-1], last.shift))
    return (*runs, TextRun("…"))


def _stripped(line: Line) -> Line:
    runs = list(line)
    while runs and not runs[-1].text.rstrip():
        runs.pop()
    if runs:
        runs[-1] = TextRun(runs[-1].text.rstrip(), runs[-1].shift)
    return tuple(runs)


def _run_width(run: TextRun, size: float) -> float:
    ems = sum(width_of_sign(sign) for sign in run.text)
    return ems * size * (SHIFTED_SIZE if run.shift else 1.0)


def _is_control(sign: str) -> bool:
    code = ord(sign)
    if (
        unicodedata.category(sign) in ("Cc", "Cs", "Co", "Zl", "Zp")
        or code & 0xFFFE == 0xFFFE
        or 0xFDD0 <= code <= 0xFDEF
    ):
        return True
    return code in (0x200E, 0x200F, 0x061C, 0xFEFF) or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
