"""Revisions of a scratch repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from archcheck.errors import ArchcheckError
from archcheck.history.revisions import Repository
from tests.history.scratch import Scratch


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    scratch = Scratch(tmp_path)
    for number, text in enumerate(("one\n", "two\n", "three\n")):
        scratch.commit(f"Write {text.strip()}", {"net.py": text, "notes ü.txt": str(number // 2)})
    (tmp_path / "net.py").write_text("not committed\n")
    return Repository(tmp_path)


def test_a_revision_is_exported_aside(repository: Repository) -> None:
    status = subprocess.check_output(["git", "-C", str(repository.root), "status", "--porcelain"])
    (repository.root / ".git" / "hooks" / "post-checkout").write_text("#!/bin/sh\ntouch hooked\n")
    (repository.root / ".git" / "hooks" / "post-checkout").chmod(0o755)
    with repository.exported(repository.resolve("HEAD~1")) as export:
        assert (export.folder / "net.py").read_text() == "two\n"
        assert (export.folder / "notes ü.txt").read_text() == "0"
        assert export.inside(repository.root / "net.py") == str(export.folder / "net.py")
        assert export.outside(str(export.folder / "a" / "b")) == str(repository.root / "a" / "b")
        assert export.outside("/usr/lib/x.py") == "/usr/lib/x.py"
    assert not export.folder.exists()
    assert (repository.root / "net.py").read_text() == "not committed\n"
    assert subprocess.check_output(["git", "-C", str(repository.root), "status", "--porcelain"]) == status


def test_the_export_goes_also_after_an_interrupt(repository: Repository) -> None:
    def interrupted() -> None:
        with repository.exported("HEAD") as export:
            folders.append(export.folder)
            raise KeyboardInterrupt

    folders: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not folders[0].parent.exists()


def test_the_history_with_what_was_before_each_commit(repository: Repository) -> None:
    steps = repository.history()
    assert [(step.commit.subject, step.commit.author, step.commit.date) for step in steps] == [
        ("Write three", "Ann", "2026-01-02"),
        ("Write two", "Ann", "2026-01-02"),
        ("Write one", "Ann", "2026-01-02"),
    ]
    trees = [repository.files(step.commit.revision) for step in steps]
    assert steps[0].changed == {name: trees[1][name] for name in ("net.py", "notes ü.txt")}
    assert steps[1].changed == {"net.py": trees[2]["net.py"]}
    assert steps[2].changed == {"net.py": None, "notes ü.txt": None}
    assert [step.commit.subject for step in repository.history("HEAD~1", 1)] == ["Write two"]


def test_of_a_merge_what_it_brought(repository: Repository) -> None:
    scratch = Scratch.at(repository.root)
    scratch.git("checkout", "-qf", "-b", "side", "HEAD~1")
    scratch.commit("Aside", {"side.py": "x", ":odd\nname": "y"})
    scratch.git("checkout", "-q", "main")
    scratch.git("merge", "-q", "--no-ff", "-m", "Merge it", "side")
    step = repository.history(most=1)[0]
    assert (step.commit.subject, step.changed) == ("Merge it", {"side.py": None, ":odd\nname": None})


def test_names_that_are_no_revision(repository: Repository) -> None:
    assert repository.find("HEAD") == repository.history()[0].commit.revision
    assert repository.find("net.py") is None
    assert repository.find("--output=x") is None
    with pytest.raises(ArchcheckError, match="HIS001 there is no revision 'v1' Name a commit"):
        repository.resolve("v1")


def test_a_folder_that_is_in_no_repository(tmp_path: Path) -> None:
    with pytest.raises(ArchcheckError, match="HIS001 git rev-parse: not a git repository"):
        Repository(tmp_path)


def test_a_shallow_clone_says_so(repository: Repository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    source = f"file://{repository.root}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", source, str(clone)], check=True)
    with pytest.raises(ArchcheckError, match="no revision 'HEAD~1' This clone is shallow"):
        Repository(clone).resolve("HEAD~1")
