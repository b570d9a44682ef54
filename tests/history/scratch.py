"""A repository that a test builds commit by commit."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


class Scratch:
    """A git repository in a folder, whose commits are all by Ann on one day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ann")
        self.git("config", "user.email", "ann@example.org")

    @classmethod
    def at(cls, folder: Path) -> Scratch:
        """The repository that is in a folder already."""
        scratch = cls.__new__(cls)
        scratch.folder = folder
        return scratch

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, subject: str, files: Mapping[str, str | None]) -> str:
        """Write these files (None: remove), commit, and give the revision."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "--date=2026-01-02T03:04:05Z", "-m", subject)
        return self.git("rev-parse", "HEAD")
