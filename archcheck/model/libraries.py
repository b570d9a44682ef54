"""Models of well-known libraries by name: `timm:NAME`, `torchvision:NAME`, `hf:PATH_OR_NAME`.

They are built with random weights from installed code: no weights are fetched, and no code that comes with a
configuration is run. The libraries are imported when one of their models is requested.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archcheck.errors import ArchcheckError, Problem, TargetError
from archcheck.model.shrinking import cut_runs, divisors, shrunk_config
from archcheck.phrasing.suggestions import suggestion
from archcheck.targets import PLACES

Factory = Callable[..., Any]
"""Builds a model; takes `shrink`, and what the library's own builder takes."""

_PACKAGES = {"timm": "timm", "torchvision": "torchvision", "hf": "transformers"}
# Which of the classes for a type of model is meant where the configuration names none: the first of these.
_TASKS = (
    *("SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ", "IMAGE_TEXT_TO_TEXT", "MASKED_LM", "CAUSAL_LM"),
    *("ZERO_SHOT_IMAGE_CLASSIFICATION", "IMAGE_CLASSIFICATION", "OBJECT_DETECTION", "SEMANTIC_SEGMENTATION"),
    *("UNIVERSAL_SEGMENTATION", "DEPTH_ESTIMATION", "VIDEO_CLASSIFICATION", "CTC", "AUDIO_CLASSIFICATION"),
)


def find_in_library(scheme: str, name: str, places: Sequence[Path], path: str) -> Factory | None:
    """Return the builder of the model that a library has under a name; None if the name is a function's.

    `places` are the folders that a configuration's path may be relative to, `path` is the target's place in
    the spec. Raises TargetError: TGT002 if the package or a configuration is missing, TGT004 if the library
    has no such model.
    """
    package = _PACKAGES[scheme]
    try:
        library = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        hint = f"Run pip install {package}."
        raise TargetError.of("TGT002", f"{scheme}:{name} needs the package {package}", hint, path) from None
    find = {"timm": _in_timm, "torchvision": _in_torchvision, "hf": _in_transformers}[scheme]
    return find(library, name, places, path)


def _in_timm(timm: Any, name: str, places: Sequence[Path], path: str) -> Factory | None:
    if not timm.is_model(name):
        if hasattr(timm, name.partition(".")[0]):
            return None
        raise _no_model("timm", name, timm.list_models(), path)

    def build(*, shrink: bool = False, **arguments: Any) -> Any:
        model = timm.create_model(name, **{**arguments, "pretrained": False})
        return cut_runs(model) if shrink else model

    return build


def _in_torchvision(torchvision: Any, name: str, places: Sequence[Path], path: str) -> Factory | None:
    models = torchvision.models
    if name not in models.list_models():
        if hasattr(torchvision, name.partition(".")[0]):
            return None
        raise _no_model("torchvision", name, models.list_models(), path)

    def build(*, shrink: bool = False, **arguments: Any) -> Any:
        builder = models.get_model_builder(name)
        # `init_weights` draws values with a library that need not be there; any random ones serve.
        fixed = {"weights": None, "weights_backbone": None, "init_weights": False}
        takes = inspect.signature(builder).parameters
        free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
        own = inspect.signature(_class_of(builder)).parameters if free else {}
        fixed = {key: value for key, value in fixed.items() if key in takes or key in own}
        model = builder(**{**arguments, **fixed})
        return cut_runs(model) if shrink else model

    return build


def _in_transformers(transformers: Any, name: str, places: Sequence[Path], path: str) -> Factory:
    values, origin = _configuration(transformers, name, places, path)
    kind = values.get("model_type")
    types = transformers.CONFIG_MAPPING
    if kind not in types:
        if "auto_map" in values:
            message = f"'{name}' ships its own model code, which archcheck never downloads and runs"
            hint = "Download the code, read it, and give it as path/file.py:Class."
        else:
            message = f"transformers has no model of the type '{kind}', which {origin} asks for"
            newer = "A newer transformers may have it: pip install -U transformers."
            hint = suggestion(str(kind), types, newer)
        raise TargetError.of("TGT004", message, hint, path)

    def build(*, shrink: bool = False, **arguments: Any) -> Any:
        _check_names(types[kind].from_dict(values), arguments, path)
        given = _merged(values, arguments)
        config = types[kind].from_dict(given)
        for divisor in divisors(config) if shrink else ():
            try:
                small = shrunk_config(config, given, divisor)
                return _model_class(transformers, small, path)(small)
            except ArchcheckError:
                raise
            except Exception:
                continue  # the library does not accept every small configuration
        return _model_class(transformers, config, path)(config)

    return build


def _configuration(
    transformers: Any, name: str, places: Sequence[Path], path: str
) -> tuple[dict[str, Any], str]:
    """Return the values of a configuration and their origin: a local file, a type's defaults, or the hub."""
    for place in places:
        file = place / Path(name).expanduser()
        file = file / "config.json" if file.is_dir() else file
        if file.is_file():
            return _read(file, path), str(name)
    if name in transformers.CONFIG_MAPPING:
        return {"model_type": name}, f"the type '{name}'"
    if name.endswith(".json") or name.startswith((".", "/", "~")):
        message = f"there is no configuration '{name}'"
        raise TargetError.of("TGT002", message, PLACES, path)
    try:
        values, _ = transformers.PretrainedConfig.get_config_dict(name)
    except (OSError, ValueError) as error:
        message = f"the configuration of '{name}' can't be loaded: {str(error).strip().splitlines()[0]}"
        fetch = "Give a local folder or config.json, or fetch it once while online."
        hint = suggestion(name, transformers.CONFIG_MAPPING, fetch)
        raise TargetError.of("TGT002", message, hint, path) from error
    return values, f"the configuration of '{name}'"


def _read(file: Path, path: str) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"the configuration is not JSON: {error}"
        raise TargetError.of("TGT003", message, path=path, file=str(file)) from error
    if not isinstance(values, dict) or "model_type" not in values:
        hint = "A transformers configuration has a 'model_type'."
        raise TargetError.of("TGT003", "this is not a configuration", hint, path=path, file=str(file))
    return values


def _check_names(config: Any, arguments: Mapping[str, Any], path: str) -> None:
    """Refuse names that a configuration does not have: it would accept any name and ignore it."""
    place = path.removesuffix(".target")
    complaints = [
        (
            f"{type(config).__name__} has no '{name}'",
            f"{place}.arguments.{name}",
            suggestion(name, dir(config)),
        )
        for name in arguments
        if not hasattr(config, name)
    ]
    if complaints:
        raise TargetError(Problem("", None, None, "TGT005", *complaint) for complaint in complaints)


def _merged(values: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a configuration with some values replaced, also in its parts."""
    merged = dict(values)
    for name, value in arguments.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged


def _model_class(transformers: Any, config: Any, path: str) -> Any:
    """Return the class that the configuration names, else the likeliest for its type."""
    for name in getattr(config, "architectures", None) or ():
        if hasattr(transformers, name):
            return getattr(transformers, name)
    tables = importlib.import_module("transformers.models.auto.modeling_auto")
    for table in (*(f"MODEL_FOR_{task}_MAPPING_NAMES" for task in _TASKS), "MODEL_MAPPING_NAMES"):
        names = getattr(tables, table, {}).get(config.model_type)
        if names:
            return getattr(transformers, names if isinstance(names, str) else names[0])
    message = f"transformers has no model for the type '{config.model_type}'"
    raise TargetError.of("TGT004", message, path=path)


def _class_of(builder: Any) -> Any:
    """Return what a builder of torchvision passes further arguments to, according to its annotation."""
    made = inspect.signature(builder).return_annotation
    return getattr(inspect.getmodule(builder), made, builder) if isinstance(made, str) else made


def _no_model(library: str, name: str, known: Iterable[str], path: str) -> TargetError:
    listing = f"python -c 'import {library}; print({library}.…list_models())' lists them."
    hint = suggestion(name, known, listing)
    return TargetError.of("TGT004", f"{library} has no model '{name}'", hint, path)
