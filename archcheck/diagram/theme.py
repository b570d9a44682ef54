"""How a picture looks: themes, the colours of roles, and the colours for a dark background."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from enum import StrEnum

from archcheck.diagram.signs import is_sign
from archcheck.errors import DrawError
from archcheck.spec.model import Box, Role


class ThemeName(StrEnum):
    """`readme`: sans, friendly; `paper`: serif, muted, prints in grey; `slides`: larger, bolder."""

    README = "readme"
    PAPER = "paper"
    SLIDES = "slides"


class Arrangement(StrEnum):
    """How panels stand: side by side or one above the other."""

    ROW = "row"
    COLUMN = "column"


@dataclass(frozen=True, slots=True)
class Style:
    """What the caller chooses; raises DrawError (DIA003) where there is no such theme or layout.

    `theme` is one of ThemeName, `layout` one of Arrangement; `panels` draws a subset in the spec's order;
    `dpi` is for PNG alone.
    """

    theme: str = ThemeName.README
    layout: str = Arrangement.ROW
    panels: tuple[str, ...] | None = None
    dpi: int = 144

    def __post_init__(self) -> None:
        for what, value, known in (("theme", self.theme, ThemeName), ("layout", self.layout, Arrangement)):
            if value not in list(known):
                names = ", ".join(known)
                raise DrawError.of("DIA003", f"Unknown {what} {value[:40]!r}.", f"Choose one of {names}.")


@dataclass(frozen=True, slots=True)
class Theme:
    """Fonts, sizes in points and colours of one theme. `scale` multiplies every length."""

    fonts: tuple[str, ...]
    bold_labels: bool
    italic_titles: bool
    scale: float
    pen: float
    ink: str
    muted: str
    paper: str
    roles: dict[Role, str]
    tints: tuple[str, ...]
    wrong: str = "#c62828"
    absent: str = "#b26a00"
    proved: str = "#2e7d32"
    accepted: str = "#6a3fb5"
    faint: str = "#a3abb5"

    def size(self, points: float) -> float:
        """Return a length or font size of the default theme in this theme."""
        return round(points * self.scale, 2)

    def tint_of(self, role: Role) -> str | None:
        """Return the tint whose hue is that of the role's colour; None if there is none."""
        hue, _, saturation = _hls(self.roles[role])
        near = [tint for tint in self.tints[1:] if abs(_hls(tint)[0] - hue) < SAME_HUE]
        return min(near, key=lambda tint: abs(_hls(tint)[0] - hue)) if near and saturation > 0.2 else None


SAME_HUE = 0.03  # of a full turn
BRIGHT = 0.22  # the luminance above which dark ink is easier to read than white

_SANS = ("Helvetica Neue", "Helvetica", "Arial", "Noto Sans", "DejaVu Sans")
_SERIF = ("Times New Roman", "Times", "Liberation Serif", "Noto Serif", "DejaVu Serif")
_CJK_SANS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
)
_CJK_SERIF = ("Noto Serif CJK SC", "Source Han Serif SC", "Songti SC", "SimSun")

# A role, its colour, and its muted colour.
_COLORS = """
embedding #bfdcf2 #dfe7ec
norm #d3d8de #d9d9d9
linear #bcd7f3 #d6dfe8
convolution #c3e3d3 #dce7df
attention #d6ebc4 #e3eadb
feed_forward #fbdfc0 #f0e6d8
activation #ffe08a #efe6c4
softmax #f8bd95 #e8d5c6
dropout #f9c2c8 #ecdcdd
pooling #c5e4e7 #dbe6e7
router #4b5563 #595959
expert #93bdf0 #c5d0de
position #e2ddf7 #e6e4ec
mask #e8e8ea #ececec
block #d9c8f0 #e2dce9
operator #ffffff #ffffff
input #fde3a7 #f2ecdc
output #f3a68c #dccbc4
other #f2f3f5 #f5f5f5
"""
_ROLES, _MUTED = (
    {Role(role): colors[at] for role, *colors in map(str.split, _COLORS.split("\n")[1:-1])} for at in (0, 1)
)
_TINTS = ("#f5f6f8", "#f0e9fa", "#eaf5e2", "#fdf1e2", "#e7f1fb", "#fbeaf0", "#e8f6f5", "#f8f5de")
_GREYS = ("#f6f6f6", "#f1eff4", "#f0f3ed", "#f6f2ec", "#edf1f5", "#f5eff1", "#eff4f4", "#f4f3ea")

THEMES: dict[str, Theme] = {
    ThemeName.README: Theme(
        (*_SANS, *_CJK_SANS, "sans-serif"),
        False,
        False,
        1.0,
        1.25,
        "#1f2328",
        "#59636e",
        "#ffffff",
        _ROLES,
        _TINTS,
    ),
    ThemeName.PAPER: Theme(
        (*_SERIF, *_CJK_SERIF, "serif"),
        False,
        True,
        0.9,
        0.9,
        "#000000",
        "#4d4d4d",
        "#ffffff",
        _MUTED,
        _GREYS,
    ),
    ThemeName.SLIDES: Theme(
        (*_SANS, *_CJK_SANS, "sans-serif"),
        True,
        False,
        1.35,
        2.0,
        "#16181d",
        "#4b5563",
        "#ffffff",
        _ROLES,
        _TINTS,
    ),
}

# Words of labels and module names, with the role that they imply; the first match decides.
_WORDS: tuple[tuple[Role, str], ...] = (
    (Role.DROPOUT, r"dropout|drop ?path|stochastic depth"),
    (Role.SOFTMAX, r"soft ?max"),
    (Role.NORM, r"(layer|rms|batch|group|instance)? ?norm\d?d?|ln|bn|rms"),
    (Role.POSITION, r"rope|rotary|positional?|pos"),
    (Role.EMBEDDING, r"embed(ding)?s?|wte|wpe"),
    (Role.ACTIVATION, r"relu\d?|gelu|silu|swish|swiglu|geglu|tanh|sigmoid|act(ivation)?|elu|mish"),
    (Role.ROUTER, r"router|gate router|top-?k"),
    (Role.EXPERT, r"experts?"),
    (Role.FEED_FORWARD, r"ffn|mlp|feed ?forward|moe|moe-?ffn"),
    (Role.ATTENTION, r"attention|attn|self-?attention|cross-?attention|gqa|mha|mqa|mla"),
    (Role.CONVOLUTION, r"conv(olution)?\d?d?|deconv|upconv"),
    (Role.POOLING, r"(max|avg|average|global)? ?pool(ing)?|upsample|downsample"),
    (Role.LINEAR, r"linear|proj(ection)?|dense|fc\d?|lm head|head"),
    (Role.MASK, r"mask|causal mask"),
    (Role.BLOCK, r"block|layers?|stage|encoder|decoder|transformer"),
)
_ROLE_PATTERNS = tuple((role, re.compile(rf"(?<![a-z])(?:{words})(?![a-z])")) for role, words in _WORDS)


def role_of(name: str, box: Box) -> Role:
    """Return the box's role: as written, else by the words of its label, else of its name and modules."""
    if box.role is not None:
        return box.role
    if is_sign(box.label):
        return Role.OPERATOR
    for text in (box.label[:200], name, *map(_own_name, box.modules)):
        spaced = re.sub(r"[_\s]+", " ", text)
        for words in (spaced.lower(), re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spaced).lower()):
            for role, pattern in _ROLE_PATTERNS:
                if pattern.search(words):
                    return role
    return Role.BLOCK if box.detail else Role.OTHER


def _own_name(module: str) -> str:
    """Return the last component of a module's path that is not a number: `experts` for `mlp.experts.0`."""
    return next((part for part in reversed(module.split(".")) if not part.strip("*").isdigit()), "")


def ink_on(fill: str, theme: Theme) -> str:
    """Return the colour of text on `fill`: the theme's ink, or white where that would be hard to read."""
    return theme.ink if luminance(fill) > BRIGHT else "#ffffff"


def luminance(value: str) -> float:
    """Return the relative luminance (WCAG) of #rrggbb: 0 for black, 1 for white."""
    channels = [int(value[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def border_of(fill: str) -> str:
    """Return the colour of the outline of a box filled with `fill`: the same hue, darker."""
    hue, light, saturation = _hls(fill)
    return _hex(hue, light * 0.62 if light > 0.5 else light * 0.7, saturation * 0.55)


def stronger(tint: str) -> str:
    """Return a fuller colour of a frame's tint, for the box that the frame details."""
    hue, light, saturation = _hls(tint)
    return _hex(hue, max(0.0, light - 0.09), min(1.0, saturation * 1.05))


def dark(value: str, *, ground: bool = False) -> str:
    """Return the colour that takes the place of `value` on a dark background: lightness turned round.

    A `ground` for dark ink becomes dark enough for light ink, and the other way about: a vivid yellow and a
    vivid blue are equally light to HLS, but not to the eye.
    """
    hue, light, saturation = _hls(value)
    saturation *= 0.45 if light > 0.6 else 0.9
    light = 0.075 + (1 - light) * 0.88
    is_bright = luminance(value) > BRIGHT
    while ground and is_bright and luminance(_hex(hue, light, saturation)) > 0.1:
        light -= 0.02
    while not is_bright and luminance(_hex(hue, light, saturation)) < 0.22:
        light += 0.02
    return _hex(hue, light, saturation)


def _hls(value: str) -> tuple[float, float, float]:
    red, green, blue = (int(value[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return colorsys.rgb_to_hls(red, green, blue)


def _hex(hue: float, light: float, saturation: float) -> str:
    channels = colorsys.hls_to_rgb(hue, min(1.0, light), min(1.0, saturation))
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)
