"""Observations with images and sets of points: their Gymnasium spaces, and their way to and from native code.

Native code has each image as a flat array, and each set of points as two: its numbers, and how many points there are. In
Python an observation that is one image is an array of its shape; any other is a dict of ``features``, of each image and set of
points by its name, and of ``<name>_count`` of each set of points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

FEATURES = "features"
IMAGE, NUMBER_IMAGE, POINTS = "image", "number_image", "points"


class Part(NamedTuple):
    """An image or a set of points."""

    name: str
    #: ``image`` (of bytes), ``number_image`` or ``points``.
    kind: str
    #: ``(height, width, channels)``, or ``(points, dimensions)``.
    shape: tuple[int, ...]

    @property
    def count_name(self) -> str:
        """The key of the number of points."""
        return f"{self.name}_count"

    @property
    def dtype(self) -> type[np.uint8] | type[np.float32]:
        """The type of its numbers."""
        return np.uint8 if self.kind == IMAGE else np.float32


def parts_of(described: Mapping[str, Any]) -> list[Part]:
    """The parts of a process's spec, or of a policy's manifest."""
    parts = []
    for part in described.get("tensors", ()):
        if "form" in part:
            ((kind, extents),) = part["form"].items()
            names = ("points", "dimensions") if kind == POINTS else ("height", "width", "channels")
            parts.append(Part(part["name"], kind, tuple(extents[name] for name in names)))
        else:
            parts.append(Part(part["name"], part["type"], tuple(part["shape"])))
    return parts


class Form:
    """How observations of a process, or of a policy, look in Python."""

    def __init__(self, features: int, parts: Sequence[Part]):
        self.features, self.parts = features, list(parts)
        #: Whether an observation is one image and nothing else.
        self.is_image = features == 0 and len(self.parts) == 1 and self.parts[0].kind != POINTS
        keys = [FEATURES] if features else []
        for part in self.parts:
            keys += [part.name, part.count_name] if part.kind == POINTS else [part.name]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"an observation in Python has one value for each name, but {', '.join(twice)} is there twice")
        self.keys = keys

    def space(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> gym.spaces.Space[Any]:
        """The space of one observation, with the bounds of the features."""
        boxes: dict[str, gym.spaces.Space[Any]] = {}
        if self.features or not self.parts:
            boxes[FEATURES] = gym.spaces.Box(low, high)
        for part in self.parts:
            least, most = (0, 255) if part.kind == IMAGE else (-np.inf, np.inf)
            boxes[part.name] = gym.spaces.Box(least, most, part.shape, part.dtype)
            if part.kind == POINTS:
                boxes[part.count_name] = gym.spaces.Discrete(part.shape[0] + 1)
        return boxes[self.keys[0]] if self.is_image or not self.parts else gym.spaces.Dict(boxes)

    def shown(self, features: NDArray[np.float32], arrays: Sequence[NDArray[Any]], rows: int | None) -> Any:
        """Observations from flat arrays: of so many rows, or one without an axis of rows."""
        lead = () if rows is None else (rows,)
        seen: dict[str, Any] = {FEATURES: features.reshape(*lead, self.features)} if self.features else {}
        given = iter(arrays)
        for part in self.parts:
            seen[part.name] = next(given).reshape(*lead, *part.shape)
            if part.kind == POINTS:
                # Gymnasium's whole numbers have 64 bits.
                counts = next(given).astype(np.int64)
                seen[part.count_name] = counts[0] if rows is None else counts
        return seen[self.parts[0].name] if self.is_image else seen

    def parted(self, observation: Any) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
        """The features of one observation, and its images by name."""
        if self.is_image:
            return np.zeros(0, np.float32), {self.parts[0].name: observation}
        if not self.parts:
            return observation, {}
        images = {part.name: observation[part.name] for part in self.parts if part.kind != POINTS}
        return observation.get(FEATURES, np.zeros(0, np.float32)), images

    def read(self, observation: Any) -> tuple[NDArray[np.float32], list[NDArray[Any]], int, bool]:
        """Features and tensors of observations as flat arrays, the number of rows, and whether there was one without an axis of
        rows.

        :raises ValueError: for another form, shape or type; the message names the part, the found and the expected
        :raises TypeError: for something else than numbers
        """
        if self.is_image:
            part = self.parts[0]
            if isinstance(observation, Mapping):
                raise ValueError(f"the observation was a dict of {_names(observation)}; expected {_wanted(part)}")
            observation = {part.name: observation}
        elif not isinstance(observation, Mapping):
            raise ValueError(f"the observation was a {type(observation).__name__}; expected a dict of {_names(self.keys)}")
        if set(observation) != set(self.keys):
            raise ValueError(f"the observation was a dict of {_names(observation)}; expected a dict of {_names(self.keys)}")
        found = list(self._arrays(observation))
        first = found[0]
        for other in found[1:]:
            if (other.rows, other.single) != (first.rows, first.single):
                raise ValueError(f"the parts of the observation do not belong together: {first} and {other}")
        flat = [part.array.reshape(-1) for part in found]
        features = flat.pop(0) if self.features else np.zeros(0, np.float32)
        return features, flat, first.rows, first.single

    def _arrays(self, observation: Mapping[str, Any]) -> Iterator[_Rows]:
        """In the order of native code."""
        if self.features:
            wanted = f"{self.features} numbers"
            yield _rows(FEATURES, observation[FEATURES], (self.features,), np.float32, wanted)
        for part in self.parts:
            yield _rows(part.name, observation[part.name], part.shape, part.dtype, _wanted(part))
            if part.kind == POINTS:
                name, most = part.count_name, part.shape[0]
                wanted = f"a whole number from 0 to {most}"
                counts = _rows(name, observation[name], (), np.int64, wanted)
                if ((counts.array < 0) | (counts.array > most)).any():
                    raise ValueError(f"`{name}` of the observation was {observation[name]}; expected {wanted}")
                yield counts._replace(array=counts.array.astype(np.uint32))


def rows_where(which: NDArray[np.bool_], ours: Any, others: Any) -> Any:
    """The rows of one batch of observations where ``which`` is true, otherwise those of the other."""
    if isinstance(ours, dict):
        return {key: rows_where(which, value, others[key]) for key, value in ours.items()}
    return np.where(which.reshape(-1, *[1] * (ours.ndim - 1)), ours, others)


def copied(observations: Any) -> Any:
    """A copy of the arrays of observations."""
    if isinstance(observations, dict):
        return {key: value.copy() for key, value in observations.items()}
    return observations.copy()


def row_of(observations: Any, row: int) -> Any:
    """One observation of a batch."""
    if isinstance(observations, dict):
        return {key: value[row] for key, value in observations.items()}
    return observations[row]


class _Rows(NamedTuple):
    """One value of observations."""

    name: str
    array: NDArray[Any]
    #: Number of observations.
    rows: int
    #: Whether it is one observation without an axis of rows.
    single: bool

    def __str__(self) -> str:
        return f"`{self.name}` has {'no axis of rows' if self.single else f'{self.rows} rows'}"


def _rows(name: str, value: Any, shape: tuple[int, ...], dtype: Any, wanted: str) -> _Rows:
    """A value as an array of its type."""
    array = np.asarray(value)
    single = array.shape == shape
    if not single and (array.ndim != len(shape) + 1 or array.shape[1:] != shape):
        several = f"({', '.join(map(str, ('rows', *shape)))})"
        raise ValueError(
            f"{_called(name)} had the shape {array.shape}; expected {wanted}: the shape {shape}, or {several} for "
            "several observations"
        )
    kinds = {np.uint8: "", np.int64: "iu"}.get(dtype, "iuf")
    if array.dtype != dtype and array.dtype.kind not in kinds:
        raise TypeError(f"{_called(name)} had the type {array.dtype}; expected {wanted}")
    return _Rows(name, np.ascontiguousarray(array, dtype), 1 if single else len(array), single)


def _wanted(part: Part) -> str:
    extents = " × ".join(map(str, part.shape))
    if part.kind == POINTS:
        return f"{part.shape[0]} points of {part.shape[1]} numbers"
    return f"an image of {extents} {'bytes (uint8)' if part.kind == IMAGE else 'numbers'}"


def _called(name: str) -> str:
    # An environment of Gymnasium whose observation is an image has no other name for it.
    return "the observation" if name == "observation" else f"`{name}` of the observation"


def _names(keys: Any) -> list[str]:
    return sorted(map(str, keys))
