"""A kept verdict: it holds while nothing changes, and each thing that the model depends on is a miss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archcheck.cache import Cache, Question
from archcheck.cache.states import Unsettled, check_settled, hold, states_of
from archcheck.cache.store import FOLDER
from archcheck.cache.watched import watched
from archcheck.cli.checking import RunSettings, cache_of
from archcheck.cli.configuration import Configuration
from archcheck.commands.verify import verify
from archcheck.commands.workers import Workers
from archcheck.findings import Report, Status
from archcheck.seam.touched import Touched

MODEL = """\
import os
import torch
from torch import nn
import torch.package  # of torch, and not loaded before
from settings import WIDTH


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        here = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(here, "config.json")) as file:
            file.read()
        torch.load(os.path.join(here, "weights.pt"))
        if os.path.exists(os.path.join(here, "override.json")) or os.getenv("NET_VARIANT") == "b":
            raise NotImplementedError
        os.listdir(os.path.join(here, "plugins"))
        self.mlp = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        import late, installed.part
        return x + self.mlp(x)
"""
SPEC = """\
model: {target: "net.py:Net", inputs: {x: {shape: [2, 8]}}}
panels:
  net:
    boxes: {mlp: {label: Linear, module: mlp}}
    residuals: [{around: mlp}]
"""


def populate(folder: Path) -> None:
    import torch

    installed = folder / "site-packages" / "installed"
    (folder / "plugins").mkdir()
    (folder / "lib").mkdir()
    (folder / ".git").mkdir()
    installed.mkdir(parents=True)
    for name, text in {
        "net.py": MODEL,
        "net.yaml": SPEC,
        "config.json": "{}",
        "lib/settings.py": "WIDTH = 8\n",
        "lib/late.py": "x = 1\n",
        "site-packages/installed/__init__.py": "",
        "plugins/one.txt": "",
        "site-packages/installed/part.py": "x = 1\n",
    }.items():
        (folder / name).write_text(text)
    torch.save({}, folder / "weights.pt")


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        before = (folder / name).read_text()
        assert old in before or not old
        (folder / name).write_text(before.replace(old, new) if old else before + new)

    return change


def same_size_and_time(name: str) -> Callable[[Path], None]:
    """As a careless tool might: only the time of the last change of its status tells."""

    def change(folder: Path) -> None:
        status = (folder / name).stat()
        (folder / name).write_text((folder / name).read_text().replace("1", "2"))
        os.utime(folder / name, ns=(status.st_atime_ns, status.st_mtime_ns))

    return change


def new(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text("")  # type: ignore[return-value]


CHANGES: dict[str, Callable[[Path], Any]] = {
    "the spec": rewrite("net.yaml", "", "# a comment\n"),
    "the model": rewrite("net.py", "", "# a comment\n"),
    "what it imports": rewrite("lib/settings.py", "", "# a comment\n"),
    "what it imports late": rewrite("lib/late.py", "x = 1", "x = 2"),
    "an installed package": rewrite("site-packages/installed/part.py", "x = 1", "x = 23"),
    "an installed package, by stealth": same_size_and_time("site-packages/installed/part.py"),
    "what it reads as data": lambda folder: (folder / "weights.pt").write_bytes(b"other"),
    "a configuration": rewrite("config.json", "{}", "[]"),
    "a file looked for in vain": new("override.json"),
    "a file of a folder that it lists": new("plugins/two.txt"),
    "a module that shadows an import": new("settings.py"),
    "a package that shadows a late import": lambda folder: (folder / "late").mkdir(),
    "a file that goes": lambda folder: (folder / "lib" / "late.py").unlink(),
    "an environment variable": lambda _: os.environ.update(NET_VARIANT="a"),
    "a variable that only native code reads": lambda _: os.environ.update(OMP_NUM_THREADS="3"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report, list[Touched | None]]:
    """A model that was checked once, what the report was and what was touched."""
    folder = tmp_path_factory.mktemp("cached")
    populate(folder)
    seen: list[Touched | None] = []
    workers = Workers(fork=False)
    before = sys.path[:]
    sys.path += [str(folder / "lib"), str(folder / "site-packages")]
    try:
        report = verify(folder / "net.yaml", worker=lambda: watched(workers.worker, seen))
    finally:
        sys.path[:] = before
    assert report.status is Status.CONFORMS, report.problems
    return folder, report, seen


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_seen(
    change: str, run: tuple[Path, Report, list[Touched]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, seen = run
    for name in ("NET_VARIANT", "OMP_NUM_THREADS"):  # set and unset, so that the old state comes back
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    names = [path for path in folder.rglob("*") if path.is_file()]
    contents = {path: path.read_bytes() for path in names}
    states = json.loads(json.dumps(states_of(seen, [str(folder / "net.yaml")])))
    assert hold(states, {})
    try:
        CHANGES[change](folder)
        assert not hold(states, {})
    finally:
        for path in {*folder.rglob("*")} - set(names):
            if path.is_file():
                path.unlink()
            elif path.name == "late":
                path.rmdir()
        for path, content in contents.items():
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)


@pytest.mark.parametrize("name", ["notes.txt", "other.py", "lib/unrelated.py", "net.svg"])
def test_what_the_model_does_not_depend_on_may_change(
    name: str, run: tuple[Path, Report, list[Touched]]
) -> None:
    folder, _, seen = run
    states = states_of(seen, [str(folder / "net.yaml")])
    (folder / name).write_text("")
    try:
        assert hold(states, {})
    finally:
        (folder / name).unlink()


def test_a_file_that_changes_meanwhile_is_not_settled(run: tuple[Path, Report, list[Touched]]) -> None:
    folder, _, seen = run
    states = states_of(seen, [])
    last = max(path.stat().st_ctime_ns for path in folder.rglob("*"))
    with pytest.raises(Unsettled, match="changed during the run"):
        check_settled(seen, states, last)
    late = str(folder / "config.json")
    other = replace(NOTHING, opened={late: (0, 0, 0, 0, 0)})
    with pytest.raises(Unsettled, match=r"config\.json changed during the run"):
        check_settled([other], states, last + 10**12)


# -- the store ------------------------------------------------------------------------------------------

NOTHING = Touched({}, {}, (), {}, (), (), ())
LATER = 2**62


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "net.yaml").write_text(SPEC)
    return tmp_path / "project"


def cache_in(project: Path) -> Cache:
    return Cache(project, lambda complaint: pytest.fail(complaint))


def kept(project: Path) -> tuple[Question, Path]:
    question = Question(str(project / "net.yaml"), {"prove": False})
    report = Report(question.spec, Status.CONFORMS, title="kept")
    assert cache_in(project).put(question, report, [NOTHING], LATER) == ""
    assert cache_in(project).get(question) == report
    (file,) = (project / FOLDER).glob("*.json")
    return question, file


def test_what_is_kept_is_ignored_by_git(project: Path) -> None:
    kept(project)
    assert (project / FOLDER / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("damage", ["empty", "half", "other", "folder", "binary", "unsigned", "null"])
def test_a_damaged_cache_is_a_miss_and_mended(damage: str, project: Path) -> None:
    question, file = kept(project)
    text = file.read_text()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        signature, _, body = text.partition("\n")
        content = {
            "empty": "",
            "half": text[: len(text) // 2],
            "other": text.replace('"kept"', '"forged"'),
            "unsigned": f"\n{body}",
            "null": f"{signature}\nnull",
            "binary": "\udcff\x00",
        }[damage]
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
    cache = Cache(project, lambda _: None)
    assert cache.get(question) is None
    if damage != "folder":
        kept(project)


def test_another_users_cache_is_a_miss(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    question, file = kept(project)
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.parent / "another"))
    assert cache_in(project).get(question) is None
    assert file.exists()


def test_a_key_that_comes_with_the_project_counts_for_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, _ = kept(project)
    os.rename(project.parent / "user", project / "user")
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "user"))
    complaints: list[str] = []
    assert Cache(project, complaints.append).get(question) is None
    assert complaints == ["the cache is off: its key can't be stored in the user's cache folder"]


def test_other_options_and_another_spec_are_other_questions(project: Path) -> None:
    question, _ = kept(project)
    cache = cache_in(project)
    assert cache.get(replace(question, options={"prove": True})) is None
    (project / "other.yaml").write_text(SPEC)
    assert cache.get(replace(question, spec=str(project / "other.yaml"))) is None


def test_another_folder_is_another_question(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    question, _ = kept(project)
    monkeypatch.chdir(project)
    assert cache_in(project).get(question) is None


def test_what_is_no_verdict_is_not_kept(project: Path) -> None:
    question = Question(str(project / "net.yaml"), {})
    report = Report(question.spec, Status.CONFORMS)
    cache = cache_in(project)
    assert (
        cache.put(question, replace(report, status=Status.ERROR), [NOTHING], LATER)
        == "only verdicts are cached"
    )
    assert cache.put(question, report, [], LATER) == "what the model read was not recorded"
    assert cache.put(question, report, [NOTHING, None], LATER) == "what the model read was not recorded"
    beyond = cache.put(question, report, [replace(NOTHING, beyond=("socket.connect",))], LATER)
    assert beyond == "the model's code depends on something archcheck can't track:  socket.connect"
    assert "net.yaml changed during the run" in cache.put(question, report, [NOTHING], 0)
    assert not (project / FOLDER).exists()


def test_a_folder_that_can_not_be_written_is_told(project: Path) -> None:
    (project / FOLDER).write_text("in the way")
    complaints: list[str] = []
    question = Question(str(project / "net.yaml"), {})
    assert (
        Cache(project, complaints.append).put(question, Report("", Status.CONFORMS), [NOTHING], LATER) == ""
    )
    assert complaints == [f"{project / FOLDER}: File exists; no verdict was cached"]


def test_many_at_once(project: Path) -> None:
    question, _ = kept(project)
    report = Report(question.spec, Status.CONFORMS, title="kept")

    def write() -> None:
        for _ in range(5):
            cache_in(project).put(question, report, [NOTHING], LATER)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert cache_in(project).get(question) == report
    assert cache_in(project).get(question) == report


@pytest.mark.parametrize(
    ("configured", "option", "ci", "is_used"),
    [
        (False, None, "", False),
        (True, None, "", True),
        (True, None, "true", False),  # in a CI only who asks by name gets it
        (False, True, "true", True),
        (True, False, "", False),
    ],
)
def test_who_gets_the_cache(
    configured: bool,
    option: bool | None,
    ci: str,
    is_used: bool,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", ci)
    here, configuration = RunSettings(1, 600, None, False), Configuration(project, cache=configured)
    assert (cache_of(configuration, option, here) is not None) == is_used
    for elsewhere in (replace(here, python="python"), replace(here, in_process=True)):
        assert cache_of(configuration, option, elsewhere) is None


# -- the command ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    """Each change in turn is a miss, then a hit again, which imports no torch and gives the same report."""
    folder = tmp_path / "project"
    folder.mkdir()
    populate(folder)
    environment = os.environ | {
        "PYTHONDONTWRITEBYTECODE": "",  # compiled code is written, as for users
        "XDG_CACHE_HOME": str(tmp_path / "user"),
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parents[2]), str(folder / "lib"), str(folder / "site-packages")]
        ),
    }

    told: list[str] = []

    def verdict(**more: str) -> tuple[bool, str, int]:
        result = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "archcheck", "verify", "net.yaml", "--cache", "-v"],
            cwd=folder,
            env=environment | more,
            capture_output=True,
            text=True,
        )
        is_hit = "this is the cached verdict" in result.stderr
        assert is_hit != ("archcheck.commands.processes" in result.stderr)
        told[:] = [line for line in result.stderr.split("\n") if line.startswith("archcheck: ")]
        return is_hit, result.stdout, result.returncode

    first = verdict()
    assert (first[0], first[2]) == (False, 0)
    assert verdict() == (True, *first[1:])
    for name, change in CHANGES.items():
        more = {}
        if "variable" in name:
            more = {"NET_VARIANT": "a"} if "environment" in name else {"OMP_NUM_THREADS": "3"}
        elif "goes" in name or "data" in name or "in vain" in name or "shadows an import" in name:
            continue  # the model does not run then, which is no verdict
        else:
            change(folder)
        assert not verdict(**more)[0], name
        assert told == [], name
        assert verdict(**more)[0], (name, told)
    (folder / "override.json").touch()
    assert verdict()[::2] == (False, 2)
