"""Files are written whole or not at all, and what can't be written is known beforehand."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from archcheck import files
from archcheck.files import check_output, check_writable, write_bytes, write_text


def test_a_new_file_and_its_replacement(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "one\n")
    write_text(tmp_path / "a.txt", "zwei: ü\n")
    assert (tmp_path / "a.txt").read_bytes() == "zwei: ü\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_replaced_file_keeps_its_permissions_and_a_link_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", 0o640)


def test_on_failure_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(files.os, "replace", no_space)
    with pytest.raises(OSError, match="No space left") as caught:
        write_bytes(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_what_can_not_be_written_is_known_beforehand(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.txt")
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_writable(tmp_path / "no" / "new.txt")


def test_a_device_is_written_to(tmp_path: Path) -> None:
    write_text(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()


def test_a_report_replaces_no_input_and_no_source(tmp_path: Path) -> None:
    spec, link, model = tmp_path / "a.spec", tmp_path / "b", tmp_path / "net.py"
    spec.write_text("title: a")
    link.symlink_to(spec)
    for output in (spec, link):
        with pytest.raises(FileExistsError, match="this is an input of the run"):
            check_output(output, [spec])
    with pytest.raises(
        FileExistsError, match=r"a report should not end in \.py; choose another file, or add --force"
    ):
        check_output(model)
    with pytest.raises(FileExistsError, match=r"a report should not end in \.yaml"):
        check_output(tmp_path / "new.yaml")
    check_output(spec, [spec], force=True)
    check_output(model, force=True)
    check_output(tmp_path / "summary", [spec])
