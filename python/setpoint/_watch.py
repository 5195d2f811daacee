"""Detects environments that hang in this process, where no other process can end them.

A watch checks the progress of the host from its own thread. If the host has been in one environment for too long,
the watch interrupts the thread of that environment by an exception at its next line of Python. Code that waits in C
cannot be interrupted, and the watch prints a message.
"""

from __future__ import annotations

import ctypes
import math
import threading
import time

from ._host import EnvironmentHost, Hung
from ._say import say

# Time for an interrupted environment to reach its next line of Python before the message.
_GRACE_S = 5.0


class Watch:
    """Watches a host during its use: ``with Watch(host, 60.0): …``. ``math.inf`` waits for ever."""

    def __init__(self, host: EnvironmentHost | None, timeout_s: float):
        self._host = host
        self._timeout_s = timeout_s
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        if self._host is not None and math.isfinite(self._timeout_s):
            self._thread = threading.Thread(target=self._look, args=(self._host,), name="setpoint-watch", daemon=True)
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self, host: EnvironmentHost) -> None:
        seen, since, interrupted, said = host.progress(), time.monotonic(), False, False
        while not self._over.wait(min(0.5, self._timeout_s / 4)):
            progress = host.progress()
            if progress is None or progress != seen:
                seen, since, interrupted = progress, time.monotonic(), False
                continue
            waited = time.monotonic() - since
            if not interrupted and waited > self._timeout_s:
                host.hung_after_s = self._timeout_s
                _interrupt(progress.thread)
                interrupted, since = True, time.monotonic()
            elif interrupted and waited > _GRACE_S and not said:
                said = True
                say(
                    f"setpoint: {host.name}, environment {progress.lane} does not answer, and cannot be interrupted: it waits "
                    'outside of Python. A project with kind = "gymnasium" steps it in a worker, which can be killed.'
                )


def _interrupt(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Hung))
