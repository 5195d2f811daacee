"""Callbacks observe a model during the learning, and may stop it.

A callback is a function of a dictionary, or a :class:`BaseCallback`. It runs on the thread that called ``learn``, after every
update of the learner (a rollout's, or a thousand steps of an off-policy algorithm), never once per step: between
callbacks the training runs in native code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from setpoint.models import Model

Figures = dict[str, Any]
CallbackFunction = Callable[[Figures], object]


class BaseCallback:
    """A base class. ``self.model`` is the model; ``self.figures`` has the figures of the last update: ``steps`` and
    ``total_steps`` of this call of ``learn``, ``updates``, ``episodes``, ``return_mean_100`` (``None`` before the first
    episode ended), and the algorithm's own (losses, entropy …)."""

    def __init__(self) -> None:
        self.model: Model | None = None
        self.figures: Figures = {}
        self.n_calls = 0
        self.num_timesteps = 0

    def on_training_start(self) -> None:
        """Called before the first update."""

    def on_update(self) -> bool:
        """Called after every update; ``False`` ends the training."""
        return True

    def on_training_end(self) -> None:
        """Called at the end, also after a stop."""

    def __call__(self, figures: Figures) -> bool:
        self.figures = figures
        self.n_calls += 1
        self.num_timesteps = figures["steps"]
        return self.on_update()


class CallbackList(BaseCallback):
    """Several callbacks in order; the training ends when one of them returns ``False``."""

    def __init__(self, callbacks: Sequence[BaseCallback | CallbackFunction]) -> None:
        super().__init__()
        self.callbacks = list(callbacks)

    def on_training_start(self) -> None:
        for callback in self._own():
            callback.model = self.model
            callback.on_training_start()

    def on_update(self) -> bool:
        answers = [callback(self.figures) for callback in self.callbacks]
        return all(answer is None or bool(answer) for answer in answers)

    def on_training_end(self) -> None:
        for callback in self._own():
            callback.on_training_end()

    def _own(self) -> list[BaseCallback]:
        return [callback for callback in self.callbacks if isinstance(callback, BaseCallback)]


class StopTrainingOnReturn(BaseCallback):
    """Ends the training when the mean return of the last 100 episodes reaches a threshold."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def on_update(self) -> bool:
        mean = self.figures["return_mean_100"]
        return mean is None or self.figures["episodes"] < 100 or mean < self.threshold


class CheckpointCallback(BaseCallback):
    """Saves the model after a number of environment steps, as ``{name}_{steps}_steps.safetensors``."""

    def __init__(self, every_steps: int, folder: str | Path, name: str = "model") -> None:
        super().__init__()
        self.every_steps, self.folder, self.name = every_steps, Path(folder), name
        self._next = every_steps

    def on_training_start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._next = self.every_steps

    def on_update(self) -> bool:
        if self.num_timesteps >= self._next:
            assert self.model is not None
            self.model.save(self.folder / f"{self.name}_{self.num_timesteps}_steps.safetensors")
            self._next += self.every_steps * ((self.num_timesteps - self._next) // self.every_steps + 1)
        return True
