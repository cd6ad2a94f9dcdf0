"""A child process: started with a log, waited for by what it shows, ended for sure."""

import ctypes
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from world import cleanup

_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: little may be done between fork and exec
_PR_SET_PDEATHSIG = 1


class ProcessFailed(RuntimeError):
    """A process ended or did not show in time what was waited for; the message holds the end of its log."""


def wait_for(check: Callable[[], object], timeout: float, what: str, interval: float = 0.05) -> object:
    """Calls check until it returns something true, and returns that. TimeoutError names what was waited for."""
    deadline = time.monotonic() + timeout
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(interval)


class Process:
    """One program with its arguments; may be started again after it ended. The log goes on over restarts.

    The child is the head of its own process group, so Ctrl-C in the terminal reaches us alone and we end the child;
    and the kernel signals it when this process dies without having had the chance.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        log: Path,
        env: Mapping[str, str] | None = None,
        stdout: Path | None = None,
        grace: float = 0,
    ) -> None:
        self.name = name
        self.command = [os.fspath(part) for part in command]
        self.log = log
        self.stdout = stdout  # where standard output goes; None: into the log with standard error
        self._grace = grace  # seconds that it is given to end by itself when we end; 0: SIGKILL at once
        self._env = dict(os.environ) | dict(env or {})
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0  # where the log of this run begins

    # --- life -------------------------------------------------------------------------------------------------

    def start(self) -> "Process":
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        parent = os.getpid()
        at_parents_death = signal.SIGTERM if self._grace else signal.SIGKILL

        def die_with_parent() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, at_parents_death)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

        with open(self.log, "ab") as log:
            self._log_start = log.tell()
            out = open(self.stdout, "wb") if self.stdout else log
            try:
                self._child = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=log,
                    env=self._env,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
            finally:
                if self.stdout:
                    out.close()
        cleanup.at_end(self._end)
        return self

    @property
    def pid(self) -> int:
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return None if self._child is None else self._child.poll()

    def wait_until_it_ends(self) -> int:
        """Blocks; its exit status. A signal's handler may end the process meanwhile: it is left for that to reap."""
        try:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:  # reaped already
            pass
        return self.exit_status or 0

    def signal(self, number: int) -> None:
        if self.running:
            self._child.send_signal(number)

    def pause(self) -> None:
        """Stops it where it is (SIGSTOP), as a stalled machine would; resume() lets it go on."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def terminate(self, timeout: float = 10) -> int:
        """SIGTERM, and its exit status; SIGKILL if it takes longer than the timeout. Harmless if it is gone."""
        self.signal(signal.SIGTERM)
        try:
            if self._child is not None:
                self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        self.kill9()
        return self.exit_status or 0

    def kill9(self) -> None:
        """SIGKILL to it and to what it started. Harmless if it is gone."""
        cleanup.forget(self._end)
        if self._child is None:
            return
        if self._child.poll() is None:
            self._kill_group()
            self._child.wait()
        else:
            self._kill_group()

    def restart(self) -> "Process":
        """SIGKILL and start, as after a crash."""
        self.kill9()
        return self.start()

    def _end(self) -> None:
        self.terminate(self._grace) if self._grace else self.kill9()

    def _kill_group(self) -> None:
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    # --- what it shows ----------------------------------------------------------------------------------------

    def output(self) -> str:
        """The log of this run."""
        with open(self.log, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def tail(self, lines: int = 25) -> str:
        return "\n".join(self.output().splitlines()[-lines:])

    def wait_until(self, check: Callable[[], object], timeout: float, what: str, interval: float = 0.05) -> object:
        """Waits for check to return something true; fails at once when the process ends, with the tail of its log."""

        def check_alive() -> object:
            result = check()
            if not result and not self.running:
                raise ProcessFailed(f"{self.name} ended with {self.exit_status} before: {what}\n{self._evidence()}")
            return result

        try:
            return wait_for(check_alive, timeout, what, interval)
        except TimeoutError as error:
            raise ProcessFailed(f"{self.name}: {error}\n{self._evidence()}") from None

    def wait_for_line(self, pattern: str, timeout: float, since: int = 0) -> re.Match[str]:
        """Waits for a line of this run's log that holds the pattern; since: characters of output() to skip."""
        compiled = re.compile(pattern)

        def find() -> re.Match[str] | None:
            complete, _, _ = self.output()[since:].rpartition("\n")
            return next((match for line in complete.splitlines() if (match := compiled.search(line))), None)

        return self.wait_until(find, timeout, f"a line that matches {pattern!r}")

    def _evidence(self) -> str:
        return f"$ {' '.join(self.command)}\n--- end of {self.log}\n{self.tail()}\n---"
