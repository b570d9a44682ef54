"""The ready parts for CI: parsed, and their scripts run in a scratch repository, as a runner does."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml
from ruamel.yaml import YAML

from tests.gate.repository import MODEL, ROOT, SPEC, bash, make


def parsed(name: str) -> Any:
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


ACTION = parsed("action.yml")
INSTALL, VERIFY = ACTION["runs"]["steps"]
JOB = parsed("ci/archcheck.gitlab-ci.yml")["archcheck"]
HOOKS = {hook["id"]: hook for hook in parsed(".pre-commit-hooks.yaml")}

BAD_SPEC = "model: {target: no_such_file.py:Net}\npanels: {p: {boxes: {a: {label: A, module: a}}}}\n"
LOST = ("        hidden_states += residual  # in place, on the tensor that attention returned\n", "")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make(tmp_path / "repository")


def line_of(text: str, file: Path) -> int:
    before, found, _ = file.read_text(encoding="utf-8").partition(text)
    assert found
    return before.count("\n") + 1


def step(which: dict[str, Any], folder: Path, inputs: dict[str, str], **more: str) -> Any:
    """Run a step as the runner does: inputs have their defaults, and stand in its environment alone."""
    values = {name: str(value["default"]) for name, value in ACTION["inputs"].items()} | inputs
    environment = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: values[match[1]], text)
        for name, text in which["env"].items()
    }
    summary = folder.parent / "summary"
    summary.touch()
    runner = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(folder),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_ACTION_PATH": str(ROOT),
        "CI": "true",
    }
    return bash(which["run"], folder, **(environment | runner | more))


# -- GitHub ----------------------------------------------------------------------------------------------


def test_no_input_is_text_of_a_script() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for each in (INSTALL, VERIFY):
        assert "${{" not in each["run"]
        assert each["shell"] == "bash"
        assert all(re.fullmatch(r"\$\{\{ inputs\.[\w-]+ \}\}", value) for value in each["env"].values())
        assert "secrets" not in str(each)
        assert "token" not in str(each)


def test_installing_takes_the_requirements_and_this_version(repository: Path) -> None:
    assert step(INSTALL, repository, {"requirements": "my requirements.txt"}).returncode == 0
    assert (repository.parent / "pip").read_text() == "-m pip install -q -r my requirements.txt\n"
    (repository.parent / "tools" / "archcheck").rename(repository.parent / "tools" / "hidden")
    where = f"{repository.parent}/tools:/usr/bin:/bin"
    assert step(INSTALL, repository, {}, PATH=where).returncode == 0
    assert (repository.parent / "pip").read_text().splitlines()[1:] == [f"-m pip install -q {ROOT}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ("nothing/*.yaml", "archcheck: no spec matches the input 'specs'"),
        ("$(touch /tmp/archcheck-was-here)", "There is no such file"),
        ("", "bad.yaml"),
        ("specs/**/bad.yaml", "bad.yaml"),
        ("--help", "--help"),
    ],
)
def test_the_specs_are_words_and_wildcards_and_no_code(specs: str, message: str, repository: Path) -> None:
    (repository / SPEC).unlink()
    (repository / "specs" / "deep").mkdir()
    (repository / "specs" / "deep" / "bad.yaml").write_text(BAD_SPEC)
    (repository / "specs" / "bad.yaml").write_text(BAD_SPEC)
    result = step(VERIFY, repository, {"specs": specs})
    assert result.returncode == 2
    assert message in result.stdout + result.stderr
    assert not Path("/tmp/archcheck-was-here").exists()


@pytest.mark.slow
def test_the_action_from_green_to_red(repository: Path) -> None:
    reports = {"reports": "sarif=out.sarif junit=out.xml", "options": "--strict"}
    green = step(VERIFY, repository, reports)
    assert (green.returncode, green.stderr) == (0, "")
    assert f"::notice file={SPEC},line=1,title=archcheck::{SPEC} conforms" in green.stdout
    model = repository / MODEL
    model.write_text(model.read_text().replace(*LOST))
    line = line_of("hidden_states, present = self.self_attn(", model)
    red = step(VERIFY, repository, reports)
    assert red.returncode == 1
    assert f"::error file={MODEL},line={line},title=RES001::" in red.stdout
    (sarif,) = json.loads((repository / "out.sarif").read_text())["runs"]
    assert sarif["results"][0]["ruleId"] == "RES001"
    assert JUnitXml.fromfile(str(repository / "out.xml")).failures == len(sarif["results"])
    summary = (repository.parent / "summary").read_text()
    assert summary.count("## archcheck") == 2
    assert f"<code>reference&#95;models/minimind.py&#58;{line}</code>" in summary


# -- GitLab ----------------------------------------------------------------------------------------------


def test_the_template_publishes_the_reports_that_its_script_writes() -> None:
    (script,) = JOB["script"]
    reports = JOB["artifacts"]["reports"]
    assert f"--format gitlab={reports['codequality']}" in script
    assert f"--format junit={reports['junit']}" in script
    assert JOB["artifacts"]["when"] == "always"
    assert set(JOB) == set(
        """
        image stage timeout variables rules before_script script artifacts
        """.split()
    )


@pytest.mark.slow
def test_the_template_from_green_to_red(repository: Path) -> None:
    variables = {**JOB["variables"], "CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(repository)}
    script = "\n".join([*JOB["before_script"], *JOB["script"]])
    assert bash(script, repository, **variables).returncode == 0
    assert (repository.parent / "pip").read_text() == "-m pip install -q -r requirements.txt\n"
    report = repository / JOB["artifacts"]["reports"]["codequality"]
    assert json.loads(report.read_text()) == []
    model = repository / MODEL
    model.write_text(model.read_text().replace(*LOST))
    red = bash(script, repository, **variables)
    assert (red.returncode, "RES001" in red.stdout) == (1, True)
    assert [issue["check_name"] for issue in json.loads(report.read_text())] == ["RES001"]


# -- pre-commit ------------------------------------------------------------------------------------------


def test_the_hooks_are_complete() -> None:
    assert list(HOOKS) == ["archcheck", "archcheck-picture"]
    for hook in HOOKS.values():
        assert {"id", "name", "entry", "language"} <= set(hook)
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)


@pytest.mark.slow
def test_the_hook_for_pictures(repository: Path) -> None:
    arguments = f" {SPEC} -o minimind.svg"
    check = HOOKS["archcheck-picture"]["entry"] + arguments
    assert bash(check, repository).returncode == 1
    assert bash(f"archcheck render{arguments}", repository).returncode == 0
    assert bash(check, repository).returncode == 0


@pytest.mark.slow
def test_the_hook_from_green_to_red(repository: Path) -> None:
    hook = shlex.join(shlex.split(HOOKS["archcheck"]["entry"]))
    assert bash(hook, repository).stdout == ""
    model = repository / MODEL
    model.write_text(model.read_text().replace(*LOST))
    red = bash(hook, repository)
    assert (red.returncode, "RES001" in red.stdout) == (1, True)
