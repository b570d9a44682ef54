"""Finding what a target names, and holding the code that this runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from archcheck.errors import Problem, TargetError
from archcheck.model.importing import Loader
from archcheck.model.isolation import contained
from archcheck.source_location import shown_path
from archcheck.targets import FORMS

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file into a fresh folder, which is the current one."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    return write


def problem_of(target: str, *search: Path) -> Problem:
    with pytest.raises(TargetError) as caught:
        Loader(search or [Path()]).load(target, "model.target")
    (problem,) = caught.value.problems
    assert problem.path == "model.target"
    return problem


# What a target may name


def test_a_module_is_found_in_the_first_folder_that_has_it(write: Write, tmp_path: Path) -> None:
    write("target_a.py", "WHERE = 'current'")
    write("target_b.py", "WHERE = 'current'")
    write("specs/target_a.py", "WHERE = 'spec'")
    loader = Loader([tmp_path / "specs", Path()])
    assert loader.load("target_a:WHERE") == "spec"
    assert loader.load("target_b:WHERE") == "current"


def test_folders_above_the_spec_count_up_to_the_repositorys_root(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("repo/pyproject.toml", "")
    write("repo/pkg/net.py", "WHERE = 'repo'")
    write("repo/specs/deep/spec.yaml", "")
    write("outside.py", "")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    search = tmp_path / "repo/specs/deep"
    assert Loader([search]).load("pkg.net:WHERE") == "repo"
    assert Loader([search]).load("pkg/net.py:WHERE") == "repo"
    assert problem_of("outside:x", search).message == "there is no Python module 'outside'"


def test_an_installed_module_is_found_and_attributes_are_followed(write: Write) -> None:
    assert Loader().load("os.path:join") is os.path.join
    assert Loader().load("pathlib:Path.cwd")() == Path.cwd()


def test_a_file_may_import_its_siblings_and_they_its_folder(write: Write) -> None:
    write("model/net.py", "from layers import Block\nNet = Block")
    write("model/layers.py", "class Block: ...")
    assert Loader().load("model/net.py:Net").__name__ == "Block"


def test_a_file_in_a_package_is_imported_as_its_module(write: Write) -> None:
    write("src/target_pkg/__init__.py", "")
    write("src/target_pkg/sub/__init__.py", "")
    write("src/target_pkg/sub/net.py", "from ..layers import Block\nfrom . import net\nNet = Block")
    write("src/target_pkg/layers.py", "class Block: ...")
    assert Loader().load("src/target_pkg/sub/net.py:Net").__module__ == "target_pkg.layers"


def test_a_file_that_needs_nothing_of_its_package_runs_none_of_it(write: Write) -> None:
    write("lonely_pkg/__init__.py", "raise ValueError('unrelated')")
    write("lonely_pkg/net.py", "import os\nclass Net: ...")
    assert Loader().load("lonely_pkg/net.py:Net").__name__ == "Net"
    assert "lonely_pkg" not in sys.modules


def test_an_init_file_that_fails_is_left_out(write: Write) -> None:
    write("broken_pkg/__init__.py", "from . import data\nimport a_package_that_is_not_there")
    write("broken_pkg/data.py", "")
    write("broken_pkg/models/__init__.py", "raise ValueError('unrelated')")
    write("broken_pkg/models/net.py", "from ..layers import Block\nNet = Block")
    write("broken_pkg/layers.py", "class Block: ...")
    assert Loader().load("broken_pkg/models/net.py:Net").__module__ == "broken_pkg.layers"


def test_an_init_file_that_fails_and_is_needed_is_told(write: Write) -> None:
    write("needed_pkg/__init__.py", "import a_package_that_is_not_there\nWIDTH = 8")
    write("needed_pkg/net.py", "from . import WIDTH")
    problem = problem_of("needed_pkg/net.py:Net")
    assert (problem.code, Path(problem.file).parts[-2:], problem.line) == (
        "TGT003",
        ("needed_pkg", "__init__.py"),
        1,
    )
    assert problem.hint == "Install 'a_package_that_is_not_there' in archcheck's environment."


def test_folders_without_init_files_are_packages_too(write: Write) -> None:
    write("bare_pkg/models/net.py", "from ..layers import Block\nfrom .heads import Head\nNet = Block")
    write("bare_pkg/models/heads.py", "class Head: ...")
    write("bare_pkg/layers.py", "class Block: ...")
    assert Loader().load("bare_pkg/models/net.py:Net").__module__ == "bare_pkg.layers"


def test_a_sibling_that_is_not_there(write: Write) -> None:
    write("lone_pkg/net.py", "from .layers import x")
    problem = problem_of("lone_pkg/net.py:Net")
    assert problem.message.endswith("raised ModuleNotFoundError: No module named 'lone_pkg.layers'")
    assert problem.hint == "There is no 'layers.py' in 'lone_pkg': check the name."


def test_a_package_that_imports_its_own_file_by_name(write: Write) -> None:
    write("round_pkg/__init__.py", "from round_pkg.net import Net")
    write("round_pkg/net.py", "from round_pkg.layers import Block\nclass Net(Block): ...")
    write("round_pkg/layers.py", "class Block: ...")
    assert Loader().load("round_pkg/net.py:Net").__module__ == "round_pkg.net"


def test_a_file_named_like_a_standard_module_hides_nothing(write: Write) -> None:
    import types

    write("types.py", "class Net: ...")
    assert Loader().load("types.py:Net").__module__ == "archcheck_target_types"
    assert sys.modules["types"] is types


def test_two_folders_may_have_modules_of_the_same_name(write: Write) -> None:
    for folder in ("a", "b"):
        write(f"{folder}/net.py", "from layers import NAME")
        write(f"{folder}/layers.py", f"NAME = {folder!r}")
    assert [Loader().load(f"{folder}/net.py:NAME") for folder in "aba"] == ["a", "b", "a"]


def test_a_file_that_was_edited_is_imported_anew(write: Write) -> None:
    write("net.py", "from layers import NAME")
    write("layers.py", "NAME = 'first'")
    assert Loader().load("net.py:NAME") == "first"
    write("layers.py", "NAME = 'edited'")
    assert Loader().load("net.py:NAME") == "edited"


def test_sys_path_is_restored_and_what_the_code_added_is_known(write: Write) -> None:
    write("net.py", "import sys\nsys.path.append('extra')\nx = 1")
    before = list(sys.path)
    loader = Loader()
    loader.load("net.py:x")
    assert sys.path == before
    with loader.importable():
        assert "extra" in sys.path
    assert sys.path == before


# What goes wrong


@pytest.mark.parametrize("target", ["", "net", "net.py:", ":Net", "a..b:Net", "net:a b", "net:a..b"])
def test_a_text_that_is_no_target(target: str, write: Write) -> None:
    problem = problem_of(target)
    assert (problem.code, problem.message) == ("TGT001", f"'{target}' does not name a class or function")
    assert problem.hint == FORMS


def test_a_file_alone_names_what_is_in_it(write: Write) -> None:
    write("net.py", "import os\nclass Block: ...\nclass _Own: ...\ndef build(): ...\nx = 1")
    problem = problem_of("net.py")
    assert (problem.code, problem.hint) == ("TGT001", "Write one of these: net.py:Block, net.py:build.")


@pytest.mark.parametrize("text", ["", "class Net(:"])
def test_a_file_alone_in_which_there_is_nothing(text: str, write: Write) -> None:
    write("net.py", text)
    problem = problem_of("net.py")
    assert (problem.code, problem.hint) == ("TGT001", FORMS)


def test_a_missing_file_alone(write: Write) -> None:
    write("network.py", "")
    problem = problem_of("netwrk.py")
    assert (problem.code, problem.hint) == ("TGT002", "Did you mean 'network.py'?")


def test_a_missing_file_names_the_nearest_one(write: Write) -> None:
    write("models/network.py", "")
    problem = problem_of("models/netwrk.py:Net")
    assert (problem.code, problem.message) == ("TGT002", "there is no file 'models/netwrk.py'")
    assert problem.hint == "Did you mean 'models/network.py'?"
    assert problem_of("nowhere/x.py:Net").hint == (
        "A path is relative to the current folder, to the spec's, or to one above that."
    )


def test_a_path_may_lead_upwards(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("net.py", "x = 1")
    write("work/y.txt", "")
    monkeypatch.chdir(tmp_path / "work")
    assert Loader().load("../net.py:x") == 1


def test_a_folder_is_no_file(write: Write) -> None:
    write("models/x.py", "")
    problem = problem_of("./models:Net")
    assert (problem.code, problem.message) == ("TGT002", "'./models' is not a Python file")


def test_a_missing_module_names_the_nearest_one(write: Write) -> None:
    write("network.py", "")
    problem = problem_of("netwrk.sub:Net")
    assert (problem.code, problem.message) == ("TGT002", "there is no Python module 'netwrk.sub'")
    assert problem.hint == "Did you mean 'network.sub'?"


def test_a_missing_import_of_the_code_is_at_its_line(write: Write) -> None:
    write("net.py", "x = 1\nimport not_installed_anywhere.sub")
    problem = problem_of("net:Net")
    assert (problem.code, shown_path(problem.file), problem.line) == ("TGT003", "net.py", 2)
    assert problem.hint == "Install 'not_installed_anywhere' in archcheck's environment."


def test_an_exception_on_import_is_at_the_innermost_line_of_the_users_code(write: Write) -> None:
    write("net.py", "import helper\n\nhelper.parse('x')")
    write("helper.py", "import json\n\ndef parse(text):\n    return json.loads(text)")
    problem = problem_of("net.py:Net")
    assert (problem.code, shown_path(problem.file), problem.line) == ("TGT003", "helper.py", 4)
    assert problem.message == (
        "importing 'net.py' raised JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    )


def test_a_syntax_error_has_line_and_column(write: Write) -> None:
    write("net.py", "x = 1\ndef f(:\n")
    problem = problem_of("net.py:Net")
    assert (problem.code, shown_path(problem.file), problem.line, problem.column) == (
        "TGT003",
        "net.py",
        2,
        7,
    )
    assert problem.message == "importing 'net.py' met a syntax error: invalid syntax"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit(3)", "exited with code 3"),
        ("raise SystemExit", "exited with code None"),
        ("def f(): f()\nf()", "recurses without end"),
        ("class Odd(BaseException): ...\nraise Odd('why')", "raised Odd: why"),
        ("raise ValueError('first\\nsecond')", "raised ValueError: first"),
        ("raise ValueError", "raised ValueError: no message"),
        ("raise ValueError('x' * 1000)", "raised ValueError: " + "x" * 299 + "…"),
        (
            "class Mute(Exception):\n    def __str__(self): raise KeyError\nraise Mute",
            "raised Mute: no readable message",
        ),
    ],
)
def test_whatever_the_code_does_is_one_sentence(code: str, message: str, write: Write) -> None:
    write("net.py", code)
    problem = problem_of("net.py:Net")
    assert (problem.code, problem.message) == ("TGT003", f"importing 'net.py' {message}")
    assert (shown_path(problem.file), "net" in sys.modules) == ("net.py", False)


def test_a_keyboard_interrupt_passes(write: Write) -> None:
    write("net.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Loader().load("net.py:Net")


def test_a_missing_name_is_told_with_the_nearest_or_with_all(write: Write) -> None:
    write("net.py", "from pathlib import Path\nclass Net:\n    def small(): ...\ndef build(): ...")
    near = problem_of("net.py:Nett")
    assert (near.code, near.message, near.hint) == ("TGT004", "'net.py' has no 'Nett'", "Did you mean 'Net'?")
    assert problem_of("net.py:Decoder").hint == "It defines Net, build."
    inner = problem_of("net.py:Net.smal")
    assert (inner.message, inner.hint) == ("'Net' has no 'smal'", "Did you mean 'small'?")


# What is contained


def test_standard_output_stays_clean_at_every_level(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import os, sys, subprocess\n"
        "print('print')\n"
        "sys.__stdout__.write('original')\n"
        "os.write(1, b'descriptor')\n"
        "subprocess.run([sys.executable, '-c', 'print(1234)'])\n"
        "x = 1\n"
    )
    script = (
        "from archcheck.model.importing import Loader\n"
        "print('before', end=' ')\n"
        "print(Loader().load('net.py:x'))\n"
        "print('after')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, env=_env()
    )
    assert run.stdout == "before 1\nafter\n"
    assert all(word in run.stderr for word in ("print", "original", "descriptor", "1234"))


def test_the_command_line_and_the_working_folder_are_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["archcheck", "verify", "spec.yaml"])
    folder = Path.cwd()
    with contained("running", "TGT012"):
        assert sys.argv == ["archcheck"]
        os.chdir(tmp_path)
    assert (sys.argv, Path.cwd()) == (["archcheck", "verify", "spec.yaml"], folder)


def test_an_error_of_archchecks_own_passes_and_others_keep_their_cause() -> None:
    own = TargetError(Problem("", None, None, "TGT001", "mine"))
    with pytest.raises(TargetError) as caught, contained("running", "TGT012"):
        raise own
    assert caught.value is own
    with pytest.raises(TargetError) as caught, contained("running", "TGT012", path="model", hint="Do."):
        raise ValueError("theirs")
    assert isinstance(caught.value.__cause__, ValueError)
    (problem,) = caught.value.problems
    assert (problem.message, problem.path, problem.hint) == (
        "running raised ValueError: theirs",
        "model",
        "Do.",
    )


def test_an_error_is_told_with_what_it_came_from() -> None:
    with pytest.raises(TargetError) as caught, contained("building", "TGT006"):
        raise ModuleNotFoundError("could not import LlamaConfig") from RuntimeError("nms does not exist")
    assert caught.value.problems[0].message == (
        "building raised ModuleNotFoundError: could not import LlamaConfig"
        " (because of RuntimeError: nms does not exist)"
    )


@pytest.mark.slow
def test_loading_needs_no_torch() -> None:
    modules = "archcheck.model.importing, archcheck.commands.settings, archcheck.rules.pages"
    script = f"import sys, {modules}; print('torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=_env(), check=True
    )
    assert run.stdout == "False\n"


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
