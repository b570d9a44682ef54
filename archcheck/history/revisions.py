"""Git revisions as folders, read without touching the user's work tree."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from archcheck.errors import ArchcheckError

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "log.showRoot=true",
    "core.quotePath=false",
    "log.showSignature=false",
)
_FIELDS = "%H%x00%an%x00%as%x00%s"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a repository; `date` is the author's, as YYYY-MM-DD."""

    revision: str
    author: str
    date: str
    subject: str

    @property
    def short(self) -> str:
        """The abbreviated hash."""
        return self.revision[:9]


@dataclass(frozen=True, slots=True)
class CommitStep:
    """A commit, with the earlier hash of each file that it changed, None if there was none."""

    commit: Commit
    changed: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Export:
    """A revision's files in a temporary folder, in place of those of the repository at `root`."""

    root: Path
    folder: Path

    def inside(self, path: str | Path) -> str:
        """Return where a path of the repository is in the export; another path is left as it is."""
        return _moved(str(path), self.root, self.folder)

    def outside(self, path: str) -> str:
        """Return the path in the repository that a file of the export stands for."""
        return _moved(path, self.folder, self.root)


class Repository:
    """The git repository around a folder. Every method raises ArchcheckError (HIS001) where git fails."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.root = Path(self._git("rev-parse", "--show-toplevel").rstrip("\n"))
        self.is_shallow = self._git("rev-parse", "--is-shallow-repository").strip() == "true"

    def find(self, name: str) -> str | None:
        """Return the commit that a name means; None if it is not a revision."""
        try:
            asked = f"{name}^{{commit}}"
            return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", asked).strip()
        except ArchcheckError:
            return None

    def resolve(self, name: str) -> str:
        """Return the commit that a name means. Raises ArchcheckError (HIS001) if there is none."""
        found = self.find(name)
        if found is None:
            hint = "Name a commit, a branch or a tag."
            if self.is_shallow:
                hint = "This clone is shallow; fetch the whole history first: git fetch --unshallow"
            raise failed(f"there is no revision '{name}'", hint)
        return found

    def history(self, revision: str = "HEAD", most: int | None = None) -> list[CommitStep]:
        """Return at most `most` commits up to a revision, the newest first; a merge counts as one."""
        limit = [] if most is None else [f"--max-count={most}"]
        raw = ["--raw", "--no-abbrev", "--no-renames", "-z", f"--format={_FIELDS}"]
        merges = ["--first-parent", "--diff-merges=first-parent"]
        listed = self._git("log", *merges, *raw, *limit, revision, "--")
        words = iter(listed.split("\0"))
        steps: list[CommitStep] = []
        for word in words:
            word = word.lstrip("\n")
            if word.startswith(":"):  # :MODE MODE OLD NEW STATUS, then the path
                old = word.split(" ")[2]
                steps[-1].changed[next(words)] = old if old.strip("0") else None
            elif word:
                steps.append(CommitStep(Commit(word, next(words), next(words), next(words)), {}))
        return steps

    def files(self, revision: str) -> dict[str, str]:
        """Return the files of a revision, relative to the root, each with the hash of its content."""
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", revision)
        entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
        return {name: about.split(" ")[2] for about, _, name in entries}

    @contextmanager
    def exported(self, revision: str) -> Iterator[Export]:
        """Yield a temporary folder with a revision's files; it is removed even after an interrupt."""
        with (
            _interruptible(),
            TemporaryDirectory(prefix="archcheck-", ignore_cleanup_errors=True) as temporary,
        ):
            folder = Path(temporary).resolve() / "tree"
            (folder / ".git").mkdir(parents=True)  # here the search for imports and specs ends
            index = {"GIT_INDEX_FILE": str(Path(temporary) / "index")}
            self._git("read-tree", revision, environment=index)
            self._git("checkout-index", "--all", "--force", f"--prefix={folder}/", environment=index)
            yield Export(self.root, folder)

    def _git(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        command = ["git", "-C", str(self.root), "--no-pager", *settings, *arguments]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(environment or {})},
            )
        except FileNotFoundError:
            raise failed("git is not installed", "Install git, or compare two saved reports.") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
            raise failed(f"git {arguments[0]}: {said[0].removeprefix('fatal: ')}")
        return done.stdout.decode("utf-8", "surrogateescape")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Treat a request to end, as a CI sends it, as an interrupt, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def failed(message: str, hint: str = "") -> ArchcheckError:
    """Return the error for a failure of git."""
    return ArchcheckError.of("HIS001", message, hint)


def _moved(path: str, old: Path, new: Path) -> str:
    """Return a path with one of its parent folders replaced by another."""
    return str(new / Path(path).relative_to(old)) if Path(path).is_relative_to(old) else path
