"""The syntax of a target: `pkg.module:name`, `path/file.py:name`, or `timm:resnet50` and the like."""

from __future__ import annotations

SCHEMES = ("timm", "torchvision", "hf")
"""Libraries whose models are named directly: `timm:NAME`, `torchvision:NAME`, `hf:PATH_OR_NAME`."""

PLACES = "A path is relative to the current folder, to the spec's, or to one above that."

FORMS = "Write pkg.module:Class, path/file.py:Class, timm:NAME, torchvision:NAME or hf:PATH_OR_NAME."


def scheme_of(target: str) -> tuple[str, str] | None:
    """Return the scheme of a target and the name in it; None for a module's or a file's target.

    None for a target that is a module's or a file's.

    >>> scheme_of("hf:models/llama/config.json"), scheme_of("net.py:Net")
    (('hf', 'models/llama/config.json'), None)
    """
    scheme, _, name = target.partition(":")
    return (scheme, name) if scheme in SCHEMES and name else None


def is_path(source: str) -> bool:
    """Return whether the part before the colon is a file, not a module."""
    return source.endswith(".py") or "/" in source or "\\" in source


def is_well_formed(target: str) -> bool:
    """Return whether a text can be a target at all, whether it exists or not."""
    if scheme_of(target):
        return True
    source, _, name = target.rpartition(":")
    is_module = all(part.isidentifier() for part in source.split("."))
    return (is_path(source) or is_module) and all(part.isidentifier() for part in name.split("."))
