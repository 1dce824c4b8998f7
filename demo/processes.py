"""What the demo starts, and how all of it ends.

Every process gets a session of its own, so that Ctrl-C reaches the demo alone, and it is the demo that stops them: each
by its process id, politely first.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

# A server drains for ten seconds at most; a client has nothing to wait for.
PATIENCE_S = 12


class Failure(Exception):
    """Why the demo did not work."""


class Processes:
    """Stops everything that was started when it is left, however it is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Processes":
        # Whoever stops the demo stops all of it; also where a shell has it begin with interrupts ignored.
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # A second Ctrl-C must not leave half of it behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if kind is not None and kind is not KeyboardInterrupt:
            self._show_logs()
        for name in reversed(list(self._running)):
            self.stop(name)

    def start(self, name: str, *command: str | Path) -> int:
        """Starts a process in a folder of its own, and gives its id."""
        folder = self.folder / name
        folder.mkdir()
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with open(folder / "output.log", "wb") as output:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )
        self._running[name] = process
        return process.pid

    def check(self) -> None:
        """Fails if one of them has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Failure(f"{name} has ended with exit code {process.returncode}")

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def leave(self, name: str) -> int:
        """Lets a process go on by itself, and gives its id."""
        return self._running.pop(name).pid

    def _show_logs(self) -> None:
        for name in self._running:
            text = (self.folder / name / "output.log").read_text(errors="replace")
            last = text.strip().splitlines()[-15:]
            print(f"\n--- the last words of {name}", *last, sep="\n", flush=True)


def wait_until(what: str, seconds: float, processes: Processes, look) -> object:
    """Looks until there is something to see, while all processes run."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        processes.check()
        if time.monotonic() > deadline:
            raise Failure(f"still waiting for {what} after {seconds:.0f} seconds")
        time.sleep(0.1)
    return seen


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
