"""A trained policy in Python: it decides, but cannot learn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from setpoint import _native
from setpoint._numbers import seed_of
from setpoint._tensors import Form, parts_of


class Policy:
    """A trained policy, from a policy file: it decides, but cannot learn.

    :ivar manifest: its features, its actions and its origin
    """

    def __init__(self, native: _native.Policy) -> None:
        self._native = native
        self._draws = np.random.default_rng()
        self.manifest: dict[str, Any] = json.loads(native.manifest())
        self.kind: str = self.manifest["action"]["type"]
        self.features = len(self.manifest["observation"])
        self._form = Form(self.features, parts_of(self.manifest))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Policy:
        """Reads and verifies a policy file.

        :raises OSError: if it cannot be read
        :raises ValueError: if it is not a policy file, or is damaged
        """
        return cls(_native.Policy.load(path))

    @property
    def hash(self) -> str:
        """The hash of the policy: BLAKE3, in hex, of the bytes of its file. Evidence names the policy by it.

        A loaded policy has the hash of its file. Another policy has the hash of the file that :meth:`save` writes.
        """
        return self._native.hash()

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the policy file that the command line and :meth:`load` read."""
        replace_file(Path(path), self._native.to_bytes())

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
        action_masks: NDArray[Any] | None = None,
        seed: int | None = None,
        signals: Mapping[str, Any] | None = None,
    ) -> tuple[Any, None]:
        """An action for an observation ``(features,)``, or one for each of several ``(rows, features)``. A policy that reads images
        or points takes them as :class:`setpoint.ProcessEnv` gives them: an image ``(height, width, channels)``, or a dict; each with
        an axis of rows first for several observations.

        The constraints of the policy hold: a forbidden choice is never taken, and settings stay within the limits. A
        constraint that reads a signal which is neither in the observation nor given is active.

        :param deterministic: the most probable choice (the centre of the axes) instead of a draw
        :param action_masks: the allowed choices of all groups, of shape ``(choices,)`` or ``(rows, choices)``
        :param seed: of the draws
        :param signals: signals by name, as in an environment's ``info["signals"]``: numbers, or arrays of shape ``(rows,)``
        :return: an index (or an array of them), or the axes' values in their units; of several parts a dict with the index of
            a choice of each group, and the value of each axis in an array of shape ``(1,)`` or ``(rows, 1)``; and ``None``, because
            there is no state
        :raises ValueError: if mask and constraints leave no choice, and for an observation of another shape
        :raises TypeError: for an image or points of another type
        """
        tensors: list[NDArray[Any]] | None = None
        if self._form.parts:
            flat, tensors, count, single = self._form.read(observation)
        else:
            rows = np.ascontiguousarray(observation, np.float32)
            single = rows.ndim < 2
            if rows.shape[-1:] != (self.features,):
                raise ValueError(f"an observation has {self.features} features; the shape {rows.shape} was given")
            flat = rows.reshape(-1)
            count = flat.size // self.features
        draws = None
        if not deterministic:
            draws = int(self._draws.integers(2**63)) if seed is None else seed_of(seed)
        known = None if signals is None else self._known(signals, count)
        allowed = None if action_masks is None else np.asarray(action_masks, np.bool_).reshape(-1).tolist()
        if self.kind == "discrete":
            choices = self._native.choose(flat, allowed, draws, known, tensors)
            return (int(choices[0]) if single else choices), None
        if self.kind == "several":
            return self._parts(*self._native.act(flat, allowed, draws, known, tensors), single), None
        values = self._native.control(flat, draws, known, tensors).reshape(count, len(self.manifest["action"]["axes"]))
        return (values[0] if single else values), None

    def _parts(self, choices: NDArray[np.int64], values: NDArray[np.float32], single: bool) -> dict[str, Any]:
        """The parts of actions by name, of choices ``(rows × groups,)`` and values ``(rows × axes,)``."""
        action = self.manifest["action"]
        groups, axes = action["groups"], action["axes"]
        by_group, by_axis = choices.reshape(-1, len(groups)) if groups else choices, values.reshape(-1, max(len(axes), 1))
        parts: dict[str, Any] = {}
        for index, group in enumerate(groups):
            parts[group["name"]] = int(by_group[0, index]) if single else by_group[:, index]
        for index, axis in enumerate(axes):
            parts[axis["name"]] = by_axis[0, index : index + 1] if single else by_axis[:, index : index + 1]
        return parts

    def _known(self, signals: Mapping[str, Any], rows: int) -> NDArray[np.float32]:
        """Signals in the order of the policy, ``(rows × signals,)``, NaN where unknown."""
        names = [signal["name"] for signal in self.manifest["signals"]]
        known = np.full((rows, len(names)), np.nan, np.float32)
        for index, name in enumerate(names):
            if name in signals:
                known[:, index] = signals[name]
        return known.reshape(-1)

    def __reduce__(self) -> tuple[Callable[[bytes], Policy], tuple[bytes]]:
        return _policy_from_bytes, (self._native.to_bytes(),)


def _policy_from_bytes(content: bytes) -> Policy:
    return Policy(_native.Policy.from_bytes(content))


def replace_file(path: Path, content: bytes) -> None:
    """Writes a complete file or no file."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
