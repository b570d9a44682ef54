"""A worker as a process: it answers one judge, or forks a child for each that asks. Imports torch.

Standard input is the socket to the judge. Standard output goes where standard error goes: what the model
prints is no report. Messages to the worker are `["run", request, surroundings]`, `["prove", joins]`,
`["probe", probes]`, `["measure", cuts]` and `["touched"]`; from it first `["ready"]`, then
`["progress", text]`, and as the last word on each question `["answer", value]` or
`["problems", problems, traceback]`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any

import numpy.random  # noqa: F401 (a session needs it: loaded here, no child has to)
import torch

from archcheck.dataflow.cuts import Answers, Cuts
from archcheck.dataflow.join import Join
from archcheck.dataflow.probe import Probe
from archcheck.errors import ArchcheckError, Problem, own_failure
from archcheck.seam.codec import decode, encode
from archcheck.seam.messages import RecordedRun, Request
from archcheck.seam.touched import Touched
from archcheck.worker.channel import Channel
from archcheck.worker.limits import Surroundings, isolate, kill_group
from archcheck.worker.session import Session


def main() -> None:
    """Serve the judge at the other end of standard input, as `sys.argv` says: `once` or by forking."""
    judge = socket.socket(fileno=os.dup(0))
    os.set_inheritable(judge.fileno(), False)
    _no_streams()
    torch.set_num_threads(1)  # more could not be forked, and small inputs have no use for them
    if sys.argv[-1] == "once":
        _answer_and_exit(judge)
    _fork_on_demand(judge)


def _no_streams() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)


# -- one conversation -------------------------------------------------------------------------------


def _answer_and_exit(end: socket.socket) -> None:
    """Answer until the judge is done. No code of the model runs afterwards: no thread, no atexit."""
    channel = Channel(end)
    leave, process = os._exit, os.getpid  # as they are before the model's code runs
    own = process()
    with contextlib.suppress(OSError):
        channel.send(["ready"])
        session = Session()
        while True:
            question = channel.receive()
            if question is None:
                break
            answer = _answer(session, channel, question)
            if process() != own:  # the model forked, and this is the copy
                leave(0)
            channel.send(answer)
    leave(0)


def _answer(session: Session, channel: Channel, question: list[Any]) -> list[Any]:
    def progress(doing: str) -> None:
        channel.send(["progress", doing])

    kind, *body = question
    try:
        if kind == "prove":
            return ["answer", session.prove(decode(list[list[Join]], body[0]), progress)]
        if kind == "probe":
            return ["answer", session.probe(decode(list[list[Probe]], body[0]), progress)]
        if kind == "measure":
            return ["answer", encode(Answers, session.measure(decode(Cuts, body[0]), progress))]
        if kind == "touched":
            return ["answer", encode(Touched | None, session.touched())]
        isolate(decode(Surroundings, body[1]))
        return ["answer", encode(list[RecordedRun], session.run(decode(Request, body[0]), progress))]
    except ArchcheckError as error:
        return ["problems", encode(tuple[Problem, ...], error.problems), _text(error)]
    except (KeyboardInterrupt, GeneratorExit, SystemExit) as error:
        problem = Problem(
            "", None, None, "TGT012", f"the model raised {type(error).__name__}", "model.target"
        )
        return ["problems", encode(tuple[Problem, ...], (problem,)), _text(error)]
    except Exception as error:
        return ["problems", encode(tuple[Problem, ...], (own_failure(error),)), _text(error)]


def _text(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


# -- a process with torch loaded that forks a child for each conversation -----------------------------


def _fork_on_demand(judge: socket.socket) -> None:
    """Fork for each `["fork", job]`, which comes with a socket and a pipe for what the child prints.

    Tells the judge how each child ended. Ends, with all children, when the judge does.
    """
    faulthandler.disable()
    gc.freeze()  # no child looks at what it shares with the others, which would copy it
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    children: dict[int, int] = {}  # process -> job
    with selectors.DefaultSelector() as selector:
        selector.register(judge, selectors.EVENT_READ)
        selector.register(reader, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if reader in ready:
                with contextlib.suppress(BlockingIOError):
                    reader.recv(4096)
                _report_ended(judge, children)
            if judge not in ready:
                continue
            message, handles, _, _ = socket.recv_fds(judge, 4096, 2)
            if not message:
                break
            kind, job = json.loads(message)
            if kind == "kill":
                for process in [process for process, other in children.items() if other == job]:
                    kill_group(process)
                continue
            process = os.fork()
            if not process:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                selector.close()
                _be_child(handles, (judge, reader, writer))
            children[process] = job
            for handle in handles:
                os.close(handle)
    for process in children:
        kill_group(process)


def _be_child(handles: list[int], unneeded: tuple[socket.socket, ...]) -> None:
    os.setpgid(0, 0)
    for each in unneeded:
        each.close()
    end, prints = handles
    os.dup2(prints, 1)
    os.dup2(prints, 2)
    os.close(prints)
    _answer_and_exit(socket.socket(fileno=end))


def _report_ended(judge: socket.socket, children: dict[int, int]) -> None:
    for process, job in list(children.items()):
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            kill_group(process)  # what it left running
            _, status = os.waitpid(process, 0)
            del children[process]
            judge.send(json.dumps(["ended", job, os.waitstatus_to_exitcode(status)]).encode())
