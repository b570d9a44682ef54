"""The names of a model's modules, parameters and buffers, and of those that it does not register."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from archcheck.phrasing.module_paths import joined
from archcheck.tracing.tape import TapeCall


class ModelNames:
    """The paths of modules and tensors, by identity; a shared one goes by its first path."""

    def __init__(self, model: nn.Module) -> None:
        self._modules = {id(module): name for name, module in model.named_modules(remove_duplicate=True)}
        self._tensors: dict[int, str] = {}
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self._tensors.setdefault(id(tensor), name)
        self._unregistered: dict[int, str] = {}
        self._held: list[Tensor] = []  # so that no other tensor gets their ids

    def of_tensor(self, tensor: Tensor) -> str | None:
        """Return the path of a parameter or buffer of the model; None for any other tensor."""
        return self._tensors.get(id(tensor))

    def of_unregistered(self, tensor: Tensor) -> str:
        """Return the path of a parameter of a module that the model does not register; "" otherwise."""
        return self._unregistered.get(id(tensor), "")

    def of_module(self, module: nn.Module, callers: Iterable[TapeCall]) -> str:
        """Return the path of a module, found in these calls (the innermost first) if unregistered."""
        path = self._modules.get(id(module))
        if path is None:
            path = _path_inside(module, list(callers))
            self._adopt(module, path)
        return path

    def is_made_on_the_spot(self, module: nn.Module, callers: Iterable[TapeCall]) -> bool:
        """Return whether it is only code: no module of these calls holds it, nor has it own parameters."""
        if id(module) in self._modules or not all(
            id(tensor) in self._tensors for tensor in module.parameters()
        ):
            return False
        return not any(_held_in(call.module, module) for call in callers)

    def _adopt(self, module: nn.Module, path: str) -> None:
        for name, child in module.named_modules():
            self._modules[id(child)] = joined(path, name)
        for name, parameter in module.named_parameters():
            self._unregistered.setdefault(id(parameter), f"{path}.{name}")
            self._held.append(parameter)


def _path_inside(module: nn.Module, callers: list[TapeCall]) -> str:
    for call in callers:
        place = _held_in(call.module, module)
        if place:
            return joined(call.path, place)
    return joined(callers[0].path, f"<{type(module).__name__}>")


def _held_in(owner: nn.Module, module: nn.Module) -> str:
    """Return `layers.2` if `owner.layers` is a plain list or dict that holds `module`, or ""."""
    for name, value in vars(owner).items():
        if value is module:
            return name
        items: Iterator[tuple[Any, Any]] | None = None
        if isinstance(value, (list, tuple)):
            items = enumerate(value)
        elif isinstance(value, dict) and not name.startswith("_"):
            items = iter(value.items())
        for key, item in items or ():
            if item is module:
                return f"{name}.{key}"
    return ""
