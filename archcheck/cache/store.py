"""The folder of cached verdicts, `.archcheck_cache`: one file for each spec and way to check it.

Each is signed with a key in the user's own cache folder. What somebody else wrote, including a pull request's
commits, is ignored; so is what is half-written, damaged, or of another version.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archcheck import __version__
from archcheck.cache.states import Unsettled, check_settled, hold, states_of, surroundings
from archcheck.files import write_text
from archcheck.findings import Report, Status
from archcheck.seam.codec import decode, encode
from archcheck.seam.touched import Touched

FOLDER = ".archcheck_cache"
_VERSION = f"1 {__version__}"
_KEY_SIZE = 32


@dataclass(frozen=True)
class Question:
    """A question: a spec, as it was named, and the options that the verdict depends on."""

    spec: str
    options: Mapping[str, Any]


class Cache:
    """The verdicts cached in `project`'s folder. It never raises; if it can't be used, nothing is cached."""

    def __init__(self, project: Path, complain: Callable[[str], object]) -> None:
        self._folder = project / FOLDER
        self._complain = complain
        self._key = _key(project)
        self._surroundings = surroundings()
        self._stamps: dict[str, Any] = {}
        if self._key is None:
            complain("the cache is off: its key can't be stored in the user's cache folder")

    def get(self, question: Question) -> Report | None:
        """Return the cached report, if nothing has changed since."""
        try:
            signature, _, body = self._file(question).read_text("utf-8", "surrogatepass").partition("\n")
            if self._key is None or not hmac.compare_digest(signature, self._signature(body)):
                return None
            kept = json.loads(body)
            if kept["about"] != self._about(question) or not hold(kept["states"], self._stamps):
                return None
            report: Report = decode(Report, kept["report"])
            return report
        except Exception:  # whatever is wrong with it, it is not a verdict
            return None

    def put(self, question: Question, report: Report, touched: Sequence[Touched | None], since: int) -> str:
        """Cache a report; return "" or why not. `since` is when the check began (`time.time_ns()`)."""
        if self._key is None or report.status is Status.ERROR:
            return "" if self._key is None else "only verdicts are cached"
        seen = [each for each in touched if each is not None]
        if not seen or len(seen) < len(touched):
            return "what the model read was not recorded"
        try:
            states = states_of(seen, [os.path.abspath(question.spec)])
            check_settled(seen, states, since)
            kept = {"about": self._about(question), "states": states}
            body = json.dumps(kept | {"report": encode(Report, replace(report, picture=None))})
            self._write(question, f"{self._signature(body)}\n{body}")
        except Unsettled as why:
            return str(why)
        except OSError as error:
            self._complain(f"{error.filename or self._folder}: {error.strerror}; no verdict was cached")
        except (TypeError, ValueError) as error:  # a value that is not plain data
            return str(error)
        return ""

    def _about(self, question: Question) -> Any:
        options = {name: repr(value) for name, value in question.options.items()}
        return [_VERSION, question.spec, options, self._surroundings]

    def _file(self, question: Question) -> Path:
        options = sorted((name, repr(value)) for name, value in question.options.items())
        name = repr([os.path.abspath(question.spec), options]).encode("utf-8", "backslashreplace")
        return self._folder / f"{hashlib.sha256(name).hexdigest()[:32]}.json"

    def _signature(self, body: str) -> str:
        return hmac.new(self._key or b"", body.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def _write(self, question: Question, text: str) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(exist_ok=True)
            write_text(self._folder / ".gitignore", "*\n")
        write_text(self._file(question), text)


def _key(project: Path) -> bytes | None:
    """Return the user's key, created if need be; None where none can be stored, or inside the project."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base if os.path.isabs(base) else os.path.expanduser("~/.cache")) / "archcheck"
    file = folder / "key"
    if Path(os.path.realpath(file)).is_relative_to(os.path.realpath(project)):
        return None
    try:
        if not file.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "wb") as new:
                new.write(os.urandom(_KEY_SIZE))
            with contextlib.suppress(FileExistsError):
                os.link(name, file)  # whole or not at all, and only one of several
            os.unlink(name)
        key = file.read_bytes()
    except OSError:
        return None
    return key if len(key) == _KEY_SIZE else None
