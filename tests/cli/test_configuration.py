"""The project's configuration: where it is found, what it says, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.cli.configuration import Configuration, configuration
from archcheck.errors import ArchcheckError


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.archcheck]\nignore = ["FLOW"]\nstrict = true\n')
    assert configuration(inner) == Configuration(tmp_path, ignore=("FLOW",), strict=True)
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert configuration(inner).folder == tmp_path
    (tmp_path / "a" / "archcheck.toml").write_text('specs = "*.yaml"\nbaseline = "known.json"\n')
    assert configuration(inner) == Configuration(tmp_path / "a", specs=("*.yaml",), baseline="known.json")


def test_the_repository_is_where_the_search_ends(tmp_path: Path) -> None:
    (tmp_path / "archcheck.toml").write_text("strict = true\n")
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    assert configuration(tmp_path / "repository") == Configuration(tmp_path / "repository")


def test_specs_are_found_by_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "specs").mkdir()
    for name in ("b.yaml", "a.yml", "c.txt"):
        (tmp_path / "specs" / name).write_text("")
    monkeypatch.chdir(tmp_path)
    assert Configuration(tmp_path).find_specs() == [Path("specs/a.yml"), Path("specs/b.yaml")]
    monkeypatch.chdir(tmp_path / "specs")
    assert Configuration(tmp_path).find_specs() == [Path("a.yml"), Path("b.yaml")]


def test_no_spec_at_all_is_an_error_and_not_a_pass(tmp_path: Path) -> None:
    with pytest.raises(ArchcheckError, match=r"CFG002 no spec in .* matches specs/\*.yaml, specs/\*.yml"):
        Configuration(tmp_path).find_specs()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("specs = [1]", "archcheck.toml 'specs' must be a list of strings"),
        ("strict = 1", "archcheck.toml 'strict' must be true or false"),
        ("cache = 'yes'", "archcheck.toml 'cache' must be true or false"),
        ("baseline = []", "archcheck.toml 'baseline' must be a file name"),
        ("ignor = []", "archcheck.toml has an unknown key 'ignor' Did you mean 'ignore'?"),
        (
            "folder = 'x'",
            "archcheck.toml has an unknown key 'folder' Known keys: baseline, cache, ignore, select,",
        ),
        ("specs = [", "archcheck.toml can't be read: "),
    ],
)
def test_what_is_wrong_with_it(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "archcheck.toml").write_text(text + "\n")
    with pytest.raises(ArchcheckError) as error:
        configuration(tmp_path)
    assert f"CFG001 {message}" in str(error.value)
