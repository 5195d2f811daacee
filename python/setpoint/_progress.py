"""The progress of a learning: a bar, or a line of figures every few seconds."""

from __future__ import annotations

import sys
import time

from setpoint._say import say
from setpoint.callbacks import BaseCallback


class Bar(BaseCallback):
    """A progress bar on standard error."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total
        self.started = time.monotonic()

    def on_update(self) -> bool:
        share = min(self.num_timesteps / self.total, 1.0)
        seconds = time.monotonic() - self.started
        filled = int(share * 30)
        mean = self.figures["return_mean_100"]
        shown = "–" if mean is None else f"{mean:.1f}"
        rate = self.num_timesteps / max(seconds, 1e-9)
        bar = "=" * filled + " " * (30 - filled)
        say(f"[{bar}] {share:4.0%}  {rate:,.0f} steps/s  return {shown}", begin="\r", end="")
        return True

    def on_training_end(self) -> None:
        say("")


class Lines(BaseCallback):
    """A line of figures every few seconds."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.last = float("-inf")

    def on_update(self) -> bool:
        now = time.monotonic()
        if now - self.last >= 5.0 or self.num_timesteps >= self.figures["total_steps"]:
            self.last = now
            own = {"total_steps", "updates"}
            shown = ", ".join(
                f"{name} {value:,.4g}" for name, value in self.figures.items() if name not in own and value is not None
            )
            say(f"{self.name}: {shown}", file=sys.stdout)
        return True
