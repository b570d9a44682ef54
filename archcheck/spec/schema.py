"""The JSON Schema of a spec, with which editors complete and check specs."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from archcheck.spec.model import Spec, Target, TensorInput


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec. `load` checks what goes beyond the shape."""
    _, definitions = models_json_schema([(model, "validation") for model in (Spec, TensorInput, Target)])
    parts: dict[str, Any] = definitions["$defs"]
    for name in ("Model", "Mode"):
        parts[name]["properties"]["inputs"]["additionalProperties"] = {
            "if": {"type": "object", "required": ["shape"]},
            "then": {"$ref": "#/$defs/TensorInput"},
        }
    top = parts.pop("Spec")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "archcheck spec",
        "$defs": parts,
    }
