"""How wide signs are, in hundredths of an em: the wider of DejaVu Sans Bold and DejaVu Serif Bold.

These are wider than the fonts that most machines have, so a label measured here fits everywhere.
"""

from __future__ import annotations

import unicodedata

# Advance widths of the signs from each code point on: ASCII, Latin with accents, Greek, Cyrillic, arrows and
# mathematical operators.
_TABLES = {
    0x0020: (
        "35 46 53 84 70 101 91 31 48 48 53 84 38 42 38 37 70 70 70 70 70 70 70 70 70 70 40 40 84 84 84 59 "
        "100 78 85 80 87 77 71 86 95 47 48 87 71 111 92 88 76 88 84 73 75 88 78 113 78 73 73 48 37 48 84 "
        "50 50 68 72 61 72 68 44 72 73 38 37 70 38 106 73 69 72 72 53 60 48 73 66 93 65 66 59 72 37 72 84"
    ),
    0x00A0: (
        "35 46 70 70 64 70 37 53 50 100 57 65 84 42 100 50 50 84 44 44 50 74 64 38 50 44 57 65 105 105 "
        "105 59 78 78 78 78 78 78 109 80 77 77 77 77 47 47 47 47 88 92 88 88 88 88 88 84 88 88 88 88 88 "
        "73 76 76 68 68 68 68 68 68 105 61 68 68 68 68 38 38 38 38 69 73 69 69 69 69 69 84 69 73 73 73 73 "
        "66 72 66 78 68 78 68 78 68 80 61 80 61 80 61 80 61 87 72 88 72 77 68 77 68 77 68 77 68 77 68 86 "
        "72 86 72 86 72 86 72 95 73 98 79 47 38 47 38 47 38 47 38 47 38 95 76 48 37 87 70 70 71 38 71 38 "
        "71 48 71 56 71 39 92 73 92 73 92 73 101 88 73 88 69 88 69 88 69 118 110 84 53 84 53 84 53 73 60 "
        "73 60 73 60 73 60 75 48 75 48 75 48 88 73 88 73 88 73 88 73 88 73 88 73 113 93 73 66 73 73 59 73 "
        "59 73 59 44"
    ),
    0x0384: (
        "50 50 80 38 95 112 67 60 90 60 98 92 49 78 85 71 78 77 73 95 88 47 87 78 111 92 71 88 95 76 60 "
        "71 75 73 88 78 92 89 47 73 77 61 73 49 70 77 72 69 69 61 60 73 69 49 75 71 74 70 60 69 80 72 61 "
        "78 68 70 91 66 95 96 49 70 69 70 96"
    ),
    0x0400: (
        "77 77 91 69 80 73 47 47 48 121 127 97 91 95 82 95 82 86 85 69 90 77 132 73 95 95 91 89 111 95 88 "
        "95 76 80 75 82 100 78 97 92 127 133 96 121 83 80 129 89 68 70 70 62 81 68 101 64 75 75 73 74 87 "
        "74 69 74 72 61 62 66 100 65 75 74 108 111 77 101 68 61 103 74 68 68 72 62 61 60 38 38 37 100 102 "
        "74 73 75 66 74"
    ),
    0x2010: ("42 42 70 50 100 100 50 50 38 38 38 38 66 66 66 66 53 53 64 64 35 68 100 60 60 60 0 0 0 0 0 20"),
    0x2190: ("84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84"),
    0x2200: (
        "78 70 55 69 69 86 76 76 90 90 75 90 90 75 64 85 85 76 84 84 84 37 70 84 63 52 67 67 67 72 84 84 "
        "90 90 84 50 61 53 78 82 82 84 84 61 100 140 60 98 132 60 60 60 70 70 60 70 84 84 84 84 84 84 84 "
        "84 60 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 109 109 84 84 84 84 84 84 84 84 "
        "84 84 84 84 84 84 84 84 84 84 85 85 105 105 60 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 84 "
        "84 84 84"
    ),
}
_WIDTHS = {
    chr(start + place): int(width) / 100
    for start, widths in _TABLES.items()
    for place, width in enumerate(widths.split())
}


def width_of_sign(sign: str) -> float:
    """Return the advance width of a sign in ems; an upper estimate where it is not in the tables."""
    if (width := _WIDTHS.get(sign)) is not None:
        return width
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0.0
    if ord(sign) >= 0x1F000:
        return 1.35
    return 1.02 if is_wide(sign) else 1.0


def is_wide(sign: str) -> bool:
    """Say whether a sign is as wide as high, as ideographs are: lines may break beside it."""
    return unicodedata.east_asian_width(sign) in ("W", "F") and ord(sign) < 0x1F000
