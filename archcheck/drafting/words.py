"""Names in the field's words: labels, roles, and names for a spec."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archcheck.diff.marks.claims import beyond, says_all
from archcheck.vocabulary import Claim, Region, claims, is_a
from archcheck.vocabulary.words import QKV, capital, sign

_TASKS = re.compile(r"(?<=[a-z0-9A-Z])(?:For[A-Z]\w*|LMHeadModel|LMHead|Model)$")
_KINDS = re.compile(
    r"(?:(?:Decoder|Encoder|Transformer|Residual|Attention|Convolution(?:al)?|Conv|Dense|Mixer|Parallel|Swin|Patch|"
    r"Sparse|TopK)*"
    r"(?:Layers?|Block|Stage|Stack|Attention|MLP|FeedForward|FFN|Decoder|Encoder|Bottleneck|Embeddings?|Experts?|MoE|"
    r"Router|Gate|Head|Merging|Transition))+$"
)
_PLAIN = frozenset(["block", "layer", "layers", "stage", "stack", "head", "gate"])
"""Words that say nothing without the model's name."""
_NAMED = re.compile(r"[^\W\d_]{2,}")
_WORDS = re.compile(r"MoE|[A-Z]+(?![a-z])\d*|[A-Z][a-z0-9]*|[a-z0-9]+")


def title_of(type_name: str, model: str = "") -> str:
    """Return a class's name as a figure would write it: what it is of as it is, what it is in words.

    Of the parts of a `model` its name is left out, where what is left says enough.

    >>> title_of("LlamaDecoderLayer"), title_of("GPT2Block"), title_of("MiniMindForCausalLM"), title_of("MLP")
    ('Llama decoder layer', 'GPT2 block', 'MiniMind', 'MLP')
    >>> title_of("MixtralExperts", "MixtralForCausalLM"), title_of("DecoderMoE", "GPT2LMHeadModel")
    ('Experts', 'Decoder MoE')
    """
    name, rest = _split(type_name.strip("_"))
    if model and rest and name == _split(model)[0] and " ".join(rest) not in _PLAIN:
        name = ""
    return capital(" ".join([name, *rest]).strip()) or type_name


def _split(type_name: str) -> tuple[str, list[str]]:
    """Return what a class is of, and what it is, in words."""
    bare = _TASKS.sub("", type_name)
    kind = _KINDS.search(bare)
    name, rest = (bare[: kind.start()], kind[0]) if kind else (bare, "")
    return name, [word if word.isupper() or word == "MoE" else word.lower() for word in _WORDS.findall(rest)]


def spaced(type_name: str) -> str:
    """Return a class name as separate words, to be read like a label."""
    return " ".join(_WORDS.findall(type_name))


def block_label(type_name: str, leaf: str, computed: Sequence[Region] = (), model: str = "") -> str:
    """Return the label of a box that holds more than one operation.

    Its class's name, or else its own, if that claims what is `computed` in it and, where it claims anything,
    all of that; or what is left of that.
    """
    own = " ".join(re.split(r"[\W_]+", leaf)).strip()
    named = [title_of(type_name, model), capital(own)]
    if "embed" in f"{type_name} {leaf}".casefold():
        named.append("Patch embedding")
    for text in named:
        said = claims(text)
        whole = not (said and says_all(text, said) and beyond(said, computed))
        if _NAMED.search(text) and whole and all(_is_true(claim, computed) for claim in said):
            return text
    rest = own.casefold()
    for claim in claims(rest):
        rest = rest.replace(claim.text, " ")
    rest = capital(" ".join(rest.split()))
    return rest if _NAMED.search(rest) and not claims(rest) else "Block"


def _is_true(claim: Claim, computed: Sequence[Region]) -> bool:
    return any(
        is_a(region.term.name, term) and all(region.details.get(name) is not None for name in claim.details)
        for region in computed
        for term in claim.terms
    )


def operation_name(region: Region, origins: Sequence[str]) -> str:
    """Return the name of an operation's box, with that of the one q, k or v projection it reads."""
    name = name_of(sign(region))
    side = QKV.get(origins[0].partition("_")[0].casefold(), "") if len(origins) == 1 else ""
    return f"{side.lower()}_{name}" if len(side) == 1 else name


def name_of(text: str) -> str:
    """Return the name of a box in a spec, from a module's name or a label."""
    named = {"+": "add", "⊗": "matmul", "⊙": "multiply", "−": "subtract"}.get(text, text)
    return re.sub(r"^[\d_]+", "", re.sub(r"[^A-Za-z0-9]+", "_", named)).strip("_").lower() or "box"
