"""What a label claims: the terms that it names, in English, Chinese and the figures' notations, and numbers.

A label that names no term ("Encoder layer", a block's own name) claims nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from archcheck.vocabulary.notations import HOW, NOTATIONS, SHORT, Value
from archcheck.vocabulary.terms import TERMS, Family, is_a


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of a label: any of `terms` makes it true; `details` are what the label says beyond that.

    They are `kernel`, `stride`, `channels`, `heads`, `causal`, `source`, … as in `Region`. `text` is the part
    of the label that makes the claim. `block`: the words name a block ("Conv block"), which contains such a
    thing among others.
    """

    terms: tuple[str, ...]
    text: str
    details: Mapping[str, Value] = field(default_factory=dict, hash=False)
    block: bool = False


Match = tuple[int, int, tuple[str, ...], Mapping[str, Value]]
"""Where a notation begins and ends, its terms and details."""

_WORD = r"[a-z0-9_]"


def _expression(words: str) -> re.Pattern[str]:
    for short, meant in SHORT.items():
        words = words.replace(short, meant)
    return re.compile(rf"(?<!{_WORD})(?:{words})(?!{_WORD})")


@cache
def _notations() -> list[tuple[re.Pattern[str], tuple[str, ...], Mapping[str, Value]]]:
    """Return the notations, compiled when the first label is read."""
    return [(_expression(words), tuple(terms.split("|")), details) for words, terms, details in NOTATIONS]


# Names of other things: "Dense block" is DenseNet's, and claims no Linear.
_NAMES = re.compile(
    r"dense[ -](?:block|net|connection)s?|residual block|transition layer|scale[ -]shift"
    r"|(?:time|timestep|noise|sigma|image|visual|audio|\[\w+\]|cls token)[ -]?(?:step )?emb(?:ed(?:ding)?)?s?"
    r"|graph[ -]?conv\w*|(?:multi-scale )?deformable (?:\w+[ -])*(?:attn|attention|conv\w*)"
    r"|(?:sum|add)[ -]pool\w*|(?:spectral|weight|(?<!local )response) norm\w*"
    r"|(?:non|multi|cross|bi|un)-(?:linear|scale|pool(?:ing)?)|(?:prompt|memory)[ -]pool"
    r"|(?:split|merge) heads|(?:additive|bahdanau) (?:attn|attention)"
)
# Words with many meanings, which are operations only where no further noun follows: "Mask", not "Mask head".
_OPERATIONS_LAST = frozenset(["mask", "pool", "scale", "dense", "product", "add", "split"])
_GOES_ON = re.compile(r"[ -](?!(?:by|to|of|over|with|and|or|in|per|the|layers?|residual|scores?)\b)[a-z]")
# What follows is not computed by the operation, or is computed by it only among others.
_DATA = re.compile(
    r"[ -](?:maps?|weights?|scores?|features?|tokens?|vectors?|space|loss(?:es)?|cache|ids?|tables?|rates?"
    r"|factors?|temperature|data|images?|prob(?:abilitie)?s?|predictions?)\b"
)
_BLOCK = re.compile(r"\s*(?:blocks?|modules?|units?|stack|块|模块)(?!\w)")
_EQUATION = re.compile(r"\w+ = ")  # says what a value is, and names no box
_SIZE_AFTER = re.compile(r"(conv|pool)(\d+[x×*]\d)")
_HYPHENS = re.compile("[\u2010-\u2015]")
_SAME_THING = re.compile(r"\s*[(（:：/=]?\s*")
_SPATIAL = frozenset([Family.CONVOLUTION, Family.POOLING, Family.RESAMPLING])
_WIDE = frozenset([Family.CONVOLUTION, Family.LINEAR, Family.EMBEDDING])
_OF: Mapping[str, frozenset[Family]] = {
    **dict.fromkeys(("kernel", "stride", "dilation"), _SPATIAL),
    **dict.fromkeys(("from", "channels"), _WIDE),
    "groups": frozenset([Family.CONVOLUTION, Family.NORM]),
    "k": frozenset([Family.ROUTER]),
    "p": frozenset([Family.DROPOUT]),
}
"""The families whose operations have a number; if a label claims two such, it belongs to neither."""
_CONNECTORS = frozenset("+×*−&@·")
_ALONE = frozenset(
    ["r", "*", "@", "∑", "exp", "cat", "φ", "ϕ", "·", "sin", "act", "连接", "门", "乘", "gap", "sum"]
)
_REPEATED = re.compile(r"(?:(?<=\s)|^|(?<=\())(?:[×x*]\s*(?:\d+|n|l|m)\b|(?:\d+|n|l|m)\s*[×*](?!\s*\d))\)?")


@cache
def claims(label: str) -> tuple[Claim, ...]:
    """Return the claims of a label, in its order; () if it names no term.

    >>> [claim.terms for claim in claims("Add & Norm")]
    [('sum',), ('Norm',)]
    >>> claims("Encoder layer")
    ()
    >>> claims("7×7 conv, 64, /2")[0].details
    {'kernel': (7, 7), 'channels': 64, 'stride': 2}
    """
    text = _plain(label)
    if _EQUATION.match(text):
        return ()
    bare = _REPEATED.sub(lambda match: " " * len(match[0]), text) if len(text) > 2 else text
    for taken in (_KERNEL, _NAMES):
        bare = taken.sub(lambda match: " " * len(match[0]), bare)
    found: list[Claim] = []
    reached = 0
    for at, end, terms, details in _matches(bare, text):
        claim = Claim(terms, text[at:end], details, bool(_BLOCK.match(bare, end)))
        one = _both(found[-1], claim, text[reached:at]) if found else None
        found[-1:] = [one] if one else [*found[-1:], claim]
        reached = end
    for name, value in _numbers(text):
        having = [at for at, claim in enumerate(found) if TERMS[claim.terms[0]].family in _OF[name]]
        if len(having) == 1:
            claim = found[having[0]]
            found[having[0]] = replace(claim, details={**claim.details, name: value})
    return tuple(found)


def numbers(label: str) -> Mapping[str, Value]:
    """Return the numbers that a label says of an operation, whether or not it names one.

    >>> numbers("9×9 MBConv, stride 2"), numbers("Linear Q, 64"), numbers("Stage 2")
    ({'kernel': (9, 9), 'stride': 2}, {'channels': 64}, {})
    """
    return dict(_numbers(_plain(label)))


def _plain(label: str) -> str:
    """Return a label in lower case, with one kind of space and of hyphen."""
    text = unicodedata.normalize("NFC", label).replace("Σ", "∑").casefold()
    text = _HYPHENS.sub("-", text).replace("²", "^2").replace("ᵀ", "^t")
    return " ".join(_SIZE_AFTER.sub(r"\1 \2", text).split())


def _both(one: Claim, other: Claim, between: str) -> Claim | None:
    """Merge two claims that say the same twice, as "Activation (GELU)" and "SiLU / Swish" do."""
    if not _SAME_THING.fullmatch(between):
        return None
    details = {**one.details, **other.details}
    for first, second in ((one, other), (other, one)):
        if set(first.terms) == set(second.terms) or is_a(first.terms[0], second.terms[0]):
            return replace(first, details=details, block=one.block or other.block)
    families = {TERMS[claim.terms[0]].family for claim in (one, other)}
    if between.strip() == "/" and len(families) == 1:
        return replace(one, terms=(*one.terms, *other.terms), details=details)
    return None


def _matches(bare: str, text: str) -> Iterator[Match]:
    """Yield the longest notation at each place, from left to right, without overlaps."""
    found = [
        (match.start(), -match.end(), terms, details)
        for words, terms, details in _notations()
        for match in words.finditer(bare)
    ]
    reached = 0
    for at, end, terms, details in sorted(found, key=lambda match: match[:2]):
        if at < reached:
            continue
        reached = -end
        word = bare[at:reached]
        goes_on = _GOES_ON.match(bare, reached) and not _begins(found, reached + 1)
        if (word.isalpha() and _DATA.match(bare, reached)) or (word in _OPERATIONS_LAST and goes_on):
            continue
        joins = word in _CONNECTORS and text[:at].strip() and text[reached:].strip()  # "Add + Norm"
        alone = word in _ALONE or TERMS[terms[0]].family is Family.VALUE
        if not joins and (not alone or word == text):
            yield at, reached, terms, {**details, **_how(word)} if _is_attention(terms) else details


def _begins(found: Sequence[Match], at: int) -> bool:
    return any(match[0] == at and TERMS[match[2][0]].family is not Family.VALUE for match in found)


def _is_attention(terms: Sequence[str]) -> bool:
    return {TERMS[term].family for term in terms} == {Family.ATTENTION}


def _how(words: str) -> dict[str, Value]:
    """Return what the adjectives of an attention say."""
    return dict(said for how, said in HOW.items() if re.search(how, words))


# -- numbers --------------------------------------------------------------------------------------

_TIMES = r"\s*[×x*]\s*"
_KERNEL = re.compile(
    rf"(?<![\w.])(\d+)(?:{_TIMES}(\d+))(?:{_TIMES}(\d+))?"
    r"(?=\s*(?:\w+[ -])*\w*?(?:conv|max|avg|average|pool|[\u4e00-\u9fff]*(?:卷积|池化)))"
)
_KERNEL_AFTER = re.compile(rf"(?:conv\w*|卷积|pool\w*)[ ,(-]*(\d+){_TIMES}(\d+)(?:{_TIMES}(\d+))?")
_KERNEL_WORD = re.compile(r"\b(?:k|kernel(?:[ _]size)?)\s*[=:]?\s*(\d+)(?:\s*[×x]\s*(\d+))?")
_STRIDE = re.compile(r"\b(?:s|strides?)\s*[=:]?\s*(\d+)|(?<![\w/])/\s*(\d+)\b")
_CHANNELS = re.compile(
    r"(?:conv\w*|卷积层?|linear|线性层?|fc|dense|embed\w*|嵌入层?)(?: block| [a-z])?\s*[,，]\s*(\d+)\b"
    r"(?!\s*(?:[×x*]|groups?|heads?|experts?|layers?|blocks?|个|组|头|层))"
    r"|(?<![\w.])(\d+)\s*(?:channels?\b|通道)"
)
_DILATION = re.compile(r"\b(?:(?:d|rate)\s*[=:]|dilation\s*[=:]?)\s*(\d+)")
_GROUPS = re.compile(r"\bgroups?\s*[=:]?\s*(\d+)|(?<![\w.])(\d+)\s*(?:groups\b|组(?!归一化))")
_FROM_TO = re.compile(r"(?<![\w.])(\d+)\s*(?:→|->|⇒)\s*(\d+)")
_CALL = re.compile(r"(?:conv\w*|linear|embedding)\((\d+), ?(\d+)(?:, ?(\d+))?(?:, ?(\d+))?(?=[,)])")
_RATE = re.compile(r"(?:drop\w*|失活|丢弃层?)[ ,(:]*(?:(?:p|rate)\s*=?\s*)?(0?\.\d+)")
_TOP = re.compile(r"\btop[ -]?(\d+)\b")


def _numbers(text: str) -> Iterator[tuple[str, Value]]:
    if match := _KERNEL.search(text) or _KERNEL_AFTER.search(text) or _KERNEL_WORD.search(text):
        yield "kernel", tuple(int(part) for part in match.groups() if part)
    if match := _FROM_TO.search(text):
        yield "from", int(match[1])
        yield "channels", int(match[2])
    elif match := _CHANNELS.search(text):
        yield "channels", int(match[1] or match[2])
    if match := _STRIDE.search(text):
        yield "stride", int(match[1] or match[2])
    if match := _DILATION.search(text):
        yield "dilation", int(match[1])
    if match := _GROUPS.search(text):
        yield "groups", int(match[1] or match[2])
    if match := _CALL.search(text):  # as torch's modules take them
        names = ("from", "channels", "kernel", "stride")
        yield from ((name, int(part)) for name, part in zip(names, match.groups(), strict=True) if part)
    if match := _RATE.search(text):
        yield "p", float(match[1])
    if match := _TOP.search(text):
        yield "k", int(match[1])
