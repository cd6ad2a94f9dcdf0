"""Leaves nothing behind, however this process ends.

What is registered here runs, last in first out, at a normal end, at an exception, at Ctrl-C, SIGTERM and SIGHUP.
SIGKILL cannot be caught: there the kernel ends the children (process.py), and the next run removes the folders.
"""

import atexit
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

_PREFIX = "portcullis-world-"

_actions: list[Callable[[], None]] = []
_armed_by: int | None = None  # a forked child must not clean up what is its parent's


def at_end(action: Callable[[], None]) -> None:
    """Runs the action when this process ends. The action must be harmless when its work is already done."""
    _arm()
    _actions.append(action)


def forget(action: Callable[[], None]) -> None:
    if action in _actions:
        _actions.remove(action)


def run_all() -> None:
    while _armed_by == os.getpid() and _actions:
        action = _actions.pop()
        try:
            action()
        except Exception as error:  # the others must still run
            print(f"cleanup: {error}", file=sys.stderr)


def temporary_folder(name: str) -> Path:
    """A private folder that goes with this process. With PORTCULLIS_KEEP=1 it stays, for looking at logs."""
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{name}-"))
    if os.environ.get("PORTCULLIS_KEEP") == "1":
        print(f"kept: {folder}", file=sys.stderr)
    else:
        at_end(lambda: shutil.rmtree(folder, ignore_errors=True))
    return folder


def _arm() -> None:
    global _armed_by
    if _armed_by == os.getpid():
        return
    _armed_by = os.getpid()
    _actions.clear()
    atexit.register(run_all)
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end_by_signal)


def _end_by_signal(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    run_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # so that the exit status tells the truth


def _remove_leftovers() -> None:
    """Removes folders of this user whose process is gone, which happens only after a SIGKILL."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        match = re.fullmatch(rf"{_PREFIX}(\d+)-.*", folder.name)
        if match and os.environ.get("PORTCULLIS_KEEP") != "1" and not Path(f"/proc/{match[1]}").exists():
            if folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)
