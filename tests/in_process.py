"""`verify` in this process: for tests of what is found, and not of the process that the model runs in."""

from __future__ import annotations

from functools import partial

from archcheck.commands.run_modes import in_this_process
from archcheck.commands.verify import verify as in_a_process

verify = partial(in_a_process, worker=in_this_process)
