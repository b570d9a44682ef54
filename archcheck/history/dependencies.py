"""Whether a change of files can affect a run: what it touched, as paths in a repository."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from archcheck.seam.touched import Touched

Tree = Mapping[str, str]
"""The files of a revision, relative to the repository's root, each with the hash of what is in it."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a run touched in a repository.

    `asked` are the paths that were opened, imported or queried, in vain or not; `listed` the folders whose
    entries were listed; `searched` the pairs of a folder and the name of a module that was looked for in it.
    """

    asked: frozenset[str]
    listed: frozenset[str]
    searched: frozenset[tuple[str, str]]

    @classmethod
    def of(
        cls, touched: Iterable[Touched], others: Iterable[str], relative: Callable[[str], str | None]
    ) -> Dependencies:
        """Return what was touched, and `others`; `relative` gives the path in the repository, or None."""
        asked = {path for file in others if (path := relative(file)) is not None}
        listed: set[str] = set()
        searched: set[tuple[str, str]] = set()
        for each in touched:
            files = (*each.opened, *each.asked, *each.modules)
            asked.update(path for file in files if (path := relative(file)) is not None)
            listed.update(path for folder in each.listed if (path := relative(folder)) is not None)
            for folder, names in each.searched.items():
                if (path := relative(folder)) is not None:
                    searched.update((path, name) for name in names)
        return cls(frozenset(asked), frozenset(listed), frozenset(searched))

    def see(self, paths: Collection[str], one: Tree, other: Tree) -> bool:
        """Return whether the run may differ between two trees, which differ in `paths`."""
        return any(self._sees(path, one, other) for path in paths)

    def _sees(self, path: str, one: Tree, other: Tree) -> bool:
        if path in self.asked:
            return True
        if path in one and path in other:
            return False
        # The file came or went: as a module, as an entry of a folder, or with the folder that it is in.
        for entry in (PurePosixPath(path), *PurePosixPath(path).parents[:-1]):
            folder = "" if str(entry.parent) == "." else str(entry.parent)
            if (folder, entry.name.partition(".")[0]) in self.searched or folder in self.listed:
                return True
            if str(entry) in self.asked and _has(one, entry) != _has(other, entry):
                return True
        return False


def _has(tree: Tree, folder: PurePosixPath) -> bool:
    return any(name.startswith(f"{folder}/") for name in tree)
