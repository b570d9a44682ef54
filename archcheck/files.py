"""Writing a file, whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

SPEC_SUFFIXES = (".yaml", ".yml")
SOURCE_SUFFIXES = (*SPEC_SUFFIXES, ".py", ".pyi", ".ipynb", ".toml")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8; on failure the old file stays. Raises OSError."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`; on failure the old file stays. Raises OSError, which names `path`."""
    check_writable(path)
    try:
        if path.exists() and not path.is_file():  # a pipe or a device, such as /dev/stdout
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def check_writable(path: Path) -> None:
    """Raise OSError if a file at `path` can't be written, before the work for it is done."""
    folder = path.parent
    if path.is_dir():
        raise IsADirectoryError(None, "this is a directory", str(path))
    if not folder.is_dir():
        raise FileNotFoundError(None, f"there is no folder {folder}", str(path))
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise PermissionError(None, "you don't have permission to write it", str(path))


def check_output(path: Path, inputs: Iterable[Path] = (), *, force: bool = False) -> None:
    """Check a report's file as `check_writable` does, and that it replaces no input, spec or source file.

    Otherwise a forgotten file name (`verify -o specs/*.yaml`, which the shell expands) would cost a spec.
    `force` allows it.
    """
    check_writable(path)
    if force:
        return
    if any(is_same_file(path, each) for each in inputs):
        raise FileExistsError(
            None, "this is an input of the run; choose another file, or add --force", str(path)
        )
    if path.suffix.lower() in SOURCE_SUFFIXES:
        raise FileExistsError(
            None, f"a report should not end in {path.suffix}; choose another file, or add --force", str(path)
        )


def is_same_file(one: Path | str, other: Path | str) -> bool:
    """Return whether two names are one regular file, which the second write would replace."""
    real = os.path.realpath(one)
    if os.path.exists(real) and not os.path.isfile(real):
        return False
    if os.path.exists(real) and os.path.exists(other):
        return os.path.samefile(real, other)
    return os.path.realpath(other) == real


def _replace(path: Path, content: bytes) -> None:
    """Replace a file by a new one, keeping its permissions."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int:
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
