"""Containing foreign code: it may print, exit, raise anything, alter the process. No torch."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import TracebackType

from archcheck.errors import ArchcheckError, Problem, TargetError
from archcheck.source_location import real_path

_OWN_FOLDER = Path(__file__).parents[1]
_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_LONGEST_MESSAGE = 300


@contextmanager
def contained(doing: str, code: str, *, path: str = "", hint: str = "") -> Iterator[None]:
    """Turn everything that is raised inside into a TargetError; send standard output to standard error.

    The message begins with `doing` ("importing net.py" raised …) and has the line of the user's own code;
    `code` is its TGT code, `path` the place in the spec. The working folder and sys.argv, which shows no
    arguments inside, are restored. KeyboardInterrupt and archcheck's own errors pass through.
    """
    try:
        with _process_state(), _stdout_to_stderr():
            yield
    except (KeyboardInterrupt, ArchcheckError):
        raise
    except BaseException as error:
        # The cause stays attached for --debug.
        raise TargetError(_problem(error, doing, code, path, hint)) from error


def is_installed(file: str) -> bool:
    """Return whether a file belongs to an installed package."""
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def is_machinery(file: str) -> bool:
    """Return whether a file is archcheck's, torch's or the standard library's."""
    path = Path(file)
    torch = getattr(sys.modules.get("torch"), "__file__", None)
    return (
        path.is_relative_to(_OWN_FOLDER)
        or (torch is not None and path.is_relative_to(Path(torch).parent))
        or (path.is_relative_to(_STDLIB) and not is_installed(file))
    )


@contextmanager
def _process_state() -> Iterator[None]:
    folder, arguments = os.getcwd(), sys.argv
    sys.argv = arguments[:1]
    try:
        yield
    finally:
        sys.argv = arguments
        os.chdir(folder)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Redirect sys.stdout, and file descriptor 1 for code that writes to it directly."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(sys.stderr))
        try:
            stdout = os.dup(1)
        except OSError:  # the process has no standard output
            yield
            return
        stack.callback(os.close, stdout)
        _flush_stdout()
        os.dup2(2, 1)
        stack.callback(os.dup2, stdout, 1)
        stack.callback(_flush_stdout)
        yield


def _flush_stdout() -> None:
    if sys.__stdout__ is not None and not sys.__stdout__.closed:
        sys.__stdout__.flush()


def _problem(error: BaseException, doing: str, code: str, path: str, hint: str) -> Problem:
    file, line = _user_place(error.__traceback__) or ("", None)
    column = None
    message = f"{doing} raised {type(error).__name__}: {_first_line(error)}"
    if (cause := _first_cause(error)) is not error:
        message += f" (because of {type(cause).__name__}: {_first_line(cause)})"
    if isinstance(error, SyntaxError) and error.filename and os.path.isfile(error.filename):
        file, line, column = error.filename, error.lineno or 1, error.offset or None
        message = f"{doing} met a syntax error: {error.msg}"
        hint = ""
    elif isinstance(error, SystemExit):
        message = f"{doing} exited with code {error.code!r}"
        hint = 'Move everything but definitions under `if __name__ == "__main__":`.'
    elif isinstance(error, RecursionError):
        message = f"{doing} recurses without end"
    elif isinstance(error, ModuleNotFoundError) and error.name:
        package, dot, rest = error.name.partition(".")
        hint = f"Install '{package}' in archcheck's environment."
        if dot and package in sys.modules:
            hint = f"There is no '{rest.replace('.', '/')}.py' in '{package}': check the name."
    elif isinstance(error, ImportError) and "relative import" in str(error):
        hint = "Add an __init__.py to its folder, or name the target as package.module:Class."
    return Problem(real_path(file) if file else "", line, column, code, message, path, hint)


def _user_place(trace: TracebackType | None) -> tuple[str, int] | None:
    """Return file and line of the innermost frame in the user's own code, else in an installed package."""
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(trace)
        if not frame.f_code.co_filename.startswith("<") and not is_machinery(frame.f_code.co_filename)
    ]
    own = [place for place in frames if not is_installed(place[0])]
    return (own or frames)[-1] if frames else None


def _first_cause(error: BaseException) -> BaseException:
    """Return the deepest cause that `raise … from` gives for an error: the library that can't be imported."""
    seen = [error]
    while (cause := seen[-1].__cause__) is not None and cause not in seen:
        seen.append(cause)
    return seen[-1]


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's text, with the next one if it ends with a colon."""
    try:
        line, _, rest = str(error).strip().partition("\n")
        line = f"{line} {rest.strip().partition(chr(10))[0]}" if line.endswith(":") else line or "no message"
    except Exception:
        return "no readable message"
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"
