"""Gymnasium's observation spaces as named numbers and images.

Observations of every space that consists of numbers become one row of float32, next to images that stay what they are. A
number that is one of a few kinds becomes one feature per kind, because its size has no meaning. Other spaces are refused
with a message that proposes a solution.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

# The greatest number of a feature: the value of a missing bound.
UNBOUNDED = float(np.finfo(np.float32).max)
# Numbers from this size on are written where there is no bound, and count as none.
UNBOUNDED_FROM = 1e30
# Tolerance of a bound, relative to the range: float32 arithmetic rounds.
TOLERANCE = 1e-4
# With at least this number of entries, bytes in two or three dimensions and float32 in three count as an image.
IMAGE_ENTRIES = 1_000
# Native code has no more images than this in one observation.
IMAGES_MAX = 4
# The first of three dimensions has the channels if it is one of these and smaller than the other two, as PyTorch has images.
CHANNELS = (1, 3, 4)
# More features than this are a map or an image, whatever their type.
FEATURES_MAX = 20_000
# The name of all features together in an observation with images (`_tensors.FEATURES`), so no image has it.
FEATURES = "features"

# The key of the choices' mask in a dict of an observation, as RLlib's environments have it.
MASK = "action_mask"
# The key next to it whose value is the observation; any other keys are a dict of features.
NEXT_TO_MASK = ("observations", "observation", "obs")


class UnsupportedSpace(Exception):
    """A space that cannot become features, choices or axes. The message gives the reason and a solution."""


class Unexpected(Exception):
    """A value that its space does not allow. The message gives the found and the expected value."""


class Observations:
    """The conversion of a space's observations to rows of float32 and images."""

    def __init__(self, space: spaces.Space[Any], *, bounded: bool = True, actions: spaces.Space[Any] | None = None):
        """Unless `bounded`, the space's own bounds are ignored: every feature may be any finite number. With choices as
        `actions`, `action_mask` in a Dict is their mask and no feature."""
        #: Whether an observation holds the mask of the choices.
        self.masked = False
        self._leaf: Any
        if (
            isinstance(actions, (spaces.Discrete, spaces.MultiDiscrete))
            and isinstance(space, spaces.Dict)
            and MASK in space.spaces
        ):
            self.masked = True
            _check_mask_space(space.spaces[MASK], actions)
            self._leaf = _NextToMask(space)
        else:
            self._leaf = _leaf(space, "observation")
        self.size = self._leaf.size
        #: The images, in order; each is written into an array of its `shape` and `dtype`.
        self.images: list[_Image] = [part for part in self._leaf.parts() if isinstance(part, _Image)]
        for index, image in enumerate(self.images):
            image.index = index
        if len(self.images) > IMAGES_MAX:
            called = ", ".join(f"`{image.name}`" for image in self.images)
            raise UnsupportedSpace(
                f"the observation space has {len(self.images)} images ({called}), more than {IMAGES_MAX}: wrap the environment so that "
                "it observes the important ones, for example with gymnasium.wrappers.FilterObservation"
            )
        if self.size == 0 and not self.images:
            raise UnsupportedSpace("the observation space is empty: a policy needs at least one number")
        if self.size > FEATURES_MAX:
            raise UnsupportedSpace(
                f"the observation space has {self.size} numbers, more than {FEATURES_MAX}: wrap the environment so "
                "that it observes the important numbers, for example with gymnasium.wrappers.TransformObservation"
            )
        low = np.concatenate([np.ravel(part.low) for part in self._leaf.parts()]).astype(np.float64)
        high = np.concatenate([np.ravel(part.high) for part in self._leaf.parts()]).astype(np.float64)
        low = np.where(low <= -UNBOUNDED_FROM, -np.inf, low)
        high = np.where(high >= UNBOUNDED_FROM, np.inf, high)
        if not bounded:
            low, high = np.full_like(low, -np.inf), np.full_like(high, np.inf)
        self.names = _distinct([name for part in self._leaf.parts() for name in part.names])
        images = [_snake(image.name) for image in self.images]
        self._image_names = _distinct([*self.names, FEATURES, *images])[self.size + 1 :]
        self.low, self.high = _within_f32(low), _within_f32(high)
        # The bounds for the check of a step. A missing bound still excludes infinities.
        slack = np.where(
            np.isfinite(low) & np.isfinite(high),
            TOLERANCE * np.maximum(np.abs(high - low), 1e-3),
            TOLERANCE * np.maximum(np.abs(np.where(np.isfinite(low), low, high)), 1e-3),
        )
        self.least = _within_f32(np.where(np.isfinite(low), low - slack, low))
        self.greatest = _within_f32(np.where(np.isfinite(high), high + slack, high))
        #: Shape and type of an observation that is one array and needs no conversion except to float32; otherwise None.
        plain = isinstance(self._leaf, _Numbers)
        self.shape = self._leaf.shape if plain else None
        self.dtype = self._leaf.dtype if plain else None

    def write(self, observation: Any, row: np.ndarray, images: Sequence[np.ndarray] = ()) -> None:
        """Writes an observation of any of the spaces, its numbers and each of its images; raises `Unexpected` if it is not in
        the space."""
        self._leaf.write(observation, row, images)

    def tensors(self) -> list[dict[str, Any]]:
        """Name, description and form of every image."""
        described = []
        for name, image in zip(self._image_names, self.images):
            extents = dict(zip(("height", "width", "channels"), image.shape))
            form = {"image" if image.dtype == np.uint8 else "number_image": extents}
            described.append({"name": name, "description": f"{_called(image.name)} as an image", "form": form})
        return described

    def mask(self, observation: Any) -> Any:
        """The mask of the choices in an observation, if :attr:`masked`."""
        if not isinstance(observation, dict) or MASK not in observation:
            raise Unexpected(f"the observation was {_dict_found(observation)}; expected a dict with `{MASK}`, as in its space")
        return observation[MASK]

    def features(self) -> list[dict[str, Any]]:
        """Name, bounds and description of every feature."""
        descriptions = (text for part in self._leaf.parts() for text in part.descriptions)
        return [
            {"name": name, "low": float(low), "high": float(high), "description": description}
            for name, low, high, description in zip(self.names, self.low, self.high, descriptions)
        ]

    def outside(self, row: np.ndarray) -> str | None:
        """The error in the numbers of a row, if there is one."""
        within = (row >= self.least) & (row <= self.greatest)
        if 0 not in within.tobytes():
            return None
        for index in np.flatnonzero(~within):
            value, name = row[index], self.names[index]
            if not np.isfinite(value):
                return f"feature `{name}` of the observation was {value}; expected a finite number"
            return (
                f"feature `{name}` of the observation was {value}; the bounds of the observation space are {self.low[index]} to "
                f"{self.high[index]}. Correct the space's bounds, or write check_bounds = false"
            )
        return None


class _Numbers:
    """A Box: its numbers, flattened."""

    def __init__(self, space: spaces.Box, name: str):
        self.name, self.shape, self.dtype = name, space.shape, space.dtype
        self.low, self.high = space.low, space.high
        self.size = int(np.prod(space.shape))
        if space.shape == ():
            self.names = [_snake(name)]
        else:
            indices = itertools.product(*(range(extent) for extent in space.shape))
            self.names = ["_".join([_snake(name), *map(str, index)]) for index in indices]
        self.descriptions = [f"a number of {_called(name)}"] * self.size

    def parts(self) -> list[Any]:
        return [self]

    def write(self, observation: Any, row: np.ndarray, images: Any = ()) -> None:
        if observation.__class__ is np.ndarray and observation.dtype == self.dtype and observation.shape == self.shape:
            row[:] = observation if observation.ndim == 1 else observation.reshape(-1)
            return
        _check_array(observation, self.name, self.shape, self.dtype)
        row[:] = observation.reshape(-1)


class _Image:
    """A Box that is an image: an array of its own, of height, width and channels, and no features."""

    def __init__(self, space: spaces.Box, name: str):
        shape = space.shape
        self.name, self.dtype, self._own_shape = name, space.dtype, shape
        self._channels_first = len(shape) == 3 and shape[0] in CHANNELS and shape[0] < min(shape[1:])
        #: Height, width and channels.
        self.shape = (*shape[1:], shape[0]) if self._channels_first else (*shape, 1)[:3]
        #: Its place among the images of the observation.
        self.index = 0
        self.size, self.low, self.high = 0, np.zeros(0), np.zeros(0)
        self.names: list[str] = []
        self.descriptions: list[str] = []

    def parts(self) -> list[Any]:
        return [self]

    def write(self, observation: Any, row: np.ndarray, images: Sequence[np.ndarray]) -> None:
        _check_array(observation, self.name, self._own_shape, self.dtype)
        image = images[self.index]
        image[:] = observation.transpose(1, 2, 0) if self._channels_first else observation.reshape(self.shape)
        if self.dtype != np.uint8:
            finite = np.isfinite(image)
            if not finite.all():
                raise Unexpected(f"{_called(self.name)} held {image[~finite][0]}; expected an image of finite numbers")


class _Kinds:
    """A Discrete or MultiDiscrete: for each of its numbers one feature per kind, 1 for its present kind."""

    def __init__(self, name: str, counts: np.ndarray, starts: np.ndarray):
        self.name, self.shape = name, counts.shape
        self._counts, self._starts = counts.ravel().astype(np.int64), starts.ravel().astype(np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self._counts)[:-1]])
        self.size = int(self._counts.sum())
        self.low, self.high = np.zeros(self.size), np.ones(self.size)
        self.names, self.descriptions = [], []
        for index, position in enumerate(itertools.product(*(range(extent) for extent in self.shape))):
            of = "_".join([_snake(name), *map(str, position)])
            for kind in range(self._starts[index], self._starts[index] + self._counts[index]):
                self.names.append(f"{of}_{kind}" if kind >= 0 else f"{of}_minus_{-kind}")
                self.descriptions.append(f"1 where {_called(of)} is {kind}, else 0")

    def parts(self) -> list[Any]:
        return [self]

    def write(self, observation: Any, row: np.ndarray, images: Any = ()) -> None:
        if self.shape == ():
            try:
                values = np.array([operator.index(observation)])
            except TypeError:
                raise Unexpected(f"{_called(self.name)} was {_a(observation)}; expected a whole number") from None
        else:
            values = _whole_numbers(observation, self.name, self.shape)
        kinds = values - self._starts
        wrong = np.flatnonzero((kinds < 0) | (kinds >= self._counts))
        if wrong.size:
            least, count = int(self._starts[wrong[0]]), int(self._counts[wrong[0]])
            raise Unexpected(
                f"{_called(self.name)} was {values[wrong[0]]}; expected a whole number from {least} to {least + count - 1}"
            )
        row[:] = 0.0
        row[self._offsets + kinds] = 1.0


class _Bits:
    """A MultiBinary: its zeros and ones."""

    def __init__(self, space: spaces.MultiBinary, name: str):
        self.name, self.shape = name, space.shape
        self.size = int(np.prod(space.shape))
        self.low, self.high = np.zeros(self.size), np.ones(self.size)
        indices = itertools.product(*(range(extent) for extent in space.shape))
        self.names = ["_".join([_snake(name), *map(str, index)]) for index in indices]
        self.descriptions = [f"a bit of {_called(name)}"] * self.size

    def parts(self) -> list[Any]:
        return [self]

    def write(self, observation: Any, row: np.ndarray, images: Any = ()) -> None:
        bits = _whole_numbers(observation, self.name, self.shape)
        if ((bits != 0) & (bits != 1)).any():
            raise Unexpected(f"{_called(self.name)} held {bits[(bits != 0) & (bits != 1)][0]}; expected zeros and ones")
        row[:] = bits


class _Several:
    """A Tuple or Dict: its spaces in the space's own order."""

    def __init__(self, name: str, keys: Sequence[Any], leaves: Sequence[Any], of_keys: bool):
        self.name, self._keys, self._leaves, self._of_keys = name, list(keys), list(leaves), of_keys
        self._key_set = set(self._keys)
        self.size = sum(leaf.size for leaf in self._leaves)

    def parts(self) -> list[Any]:
        return [part for leaf in self._leaves for part in leaf.parts()]

    def write(self, observation: Any, row: np.ndarray, images: Any = ()) -> None:
        if self._of_keys:
            _check_keys(observation, self._key_set, self.name)
        elif not isinstance(observation, (tuple, list)) or len(observation) != len(self._keys):
            found = f"{_a(observation)} of {len(observation)}" if hasattr(observation, "__len__") else _a(observation)
            raise Unexpected(f"{_called(self.name)} was {found}; expected a tuple of {len(self._keys)}")
        begin = 0
        for key, leaf in zip(self._keys, self._leaves):
            leaf.write(observation[key], row[begin : begin + leaf.size], images)
            begin += leaf.size


class _NextToMask:
    """A Dict with an action mask: everything in it but the mask."""

    def __init__(self, space: spaces.Dict):
        self._keys = set(space.spaces)
        others = {key: inner for key, inner in space.spaces.items() if key != MASK}
        if not others:
            raise UnsupportedSpace(f"the observation is a Dict of `{MASK}` alone: a policy needs at least one number next to the mask")
        #: The key of the observation; None if all keys but the mask's are features.
        self._key = next((key for key in NEXT_TO_MASK if set(others) == {key}), None)
        self._leaf = _leaf(spaces.Dict(others) if self._key is None else others[self._key], "observation")
        self.size = self._leaf.size

    def parts(self) -> list[Any]:
        parts: list[Any] = self._leaf.parts()
        return parts

    def write(self, observation: Any, row: np.ndarray, images: Any = ()) -> None:
        _check_keys(observation, self._keys, "observation")
        if self._key is None:
            self._leaf.write({key: value for key, value in observation.items() if key != MASK}, row, images)
        else:
            self._leaf.write(observation[self._key], row, images)


def _check_mask_space(space: spaces.Space[Any], actions: spaces.Space[Any]) -> None:
    """Refuses the space of a mask that has not one number for each choice."""
    # Of a MultiDiscrete one after another: the masks of its numbers.
    size = int(np.sum(getattr(actions, "nvec", getattr(actions, "n", 0))))
    numbers = isinstance(space, (spaces.Box, spaces.MultiBinary, spaces.MultiDiscrete))
    if not numbers or len(space.shape or ()) != 1 or (space.shape or ())[0] != size:
        found = f"a {type(space).__name__}" + (f" of shape {space.shape}" if numbers else "")
        raise UnsupportedSpace(
            f"`{MASK}` of the observation is {found}; the mask of this action space has the shape ({size},), one number for each "
            f"choice, for example gymnasium.spaces.MultiBinary({size}). If it is no mask, give it another name"
        )


def _leaf(space: spaces.Space[Any], name: str, within: str = "") -> Any:
    """The writer of a space; `within` is the prefix of the names of its keys."""
    if isinstance(space, spaces.Box):
        return _Image(space, name) if _is_image(space, name) else _Numbers(space, name)
    if isinstance(space, spaces.Discrete):
        return _Kinds(name, np.array(space.n), np.array(space.start))
    if isinstance(space, spaces.MultiDiscrete):
        return _Kinds(name, space.nvec, getattr(space, "start", np.zeros_like(space.nvec)))
    if isinstance(space, spaces.MultiBinary):
        return _Bits(space, name)
    if isinstance(space, spaces.Dict):
        keys = list(space.spaces)
        behind = [f"{within}{key}" for key in keys]
        leaves = [_leaf(space.spaces[key], full, f"{full}_") for key, full in zip(keys, behind)]
        return _Several(name, keys, leaves, of_keys=True)
    if isinstance(space, spaces.Tuple):
        behind = [f"{name}_{index}" for index in range(len(space.spaces))]
        leaves = [_leaf(inner, full, f"{full}_") for inner, full in zip(space.spaces, behind)]
        return _Several(name, range(len(leaves)), leaves, of_keys=False)
    raise UnsupportedSpace(
        f"{_called(name)} is a {type(space).__name__} space, which has no fixed number of numbers: Box, Discrete, "
        "MultiDiscrete, MultiBinary, and Tuple and Dict of these work. Wrap the environment so that it observes numbers, "
        "for example with gymnasium.wrappers.TransformObservation"
    )


def _is_image(space: spaces.Box, name: str) -> bool:
    """Whether an array is an image; refuses bytes of more dimensions than an image has."""
    dimensions = len(space.shape)
    if np.prod(space.shape) < IMAGE_ENTRIES or dimensions < 2:
        return False
    if space.dtype == np.uint8 and dimensions > 3:
        raise UnsupportedSpace(
            f"{_called(name)} is an array of bytes of shape {space.shape}: an image has two or three dimensions, height, width and "
            "channels. Wrap the environment so that several images become the channels of one, for example with "
            "gymnasium.wrappers.ReshapeObservation or TransformObservation"
        )
    return bool(space.dtype == np.uint8) or (bool(space.dtype == np.float32) and dimensions == 3)


def _check_array(observation: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raises `Unexpected` unless it is an array of this shape and type."""
    if not isinstance(observation, (np.ndarray, np.generic)):
        raise Unexpected(f"{_called(name)} was {_a(observation)}; expected an array of {dtype} with shape {shape}")
    if observation.shape != shape:
        raise Unexpected(f"{_called(name)} had shape {observation.shape}; expected {shape}")
    if observation.dtype != dtype:
        raise Unexpected(
            f"{_called(name)} had type {observation.dtype}; its space has {dtype}: convert it with .astype({dtype}), or correct "
            "the space"
        )


def _whole_numbers(value: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value)
    if array.shape != shape:
        raise Unexpected(f"{_called(name)} had shape {array.shape}; expected {shape}")
    if array.dtype.kind not in "biu":
        raise Unexpected(f"{_called(name)} had type {array.dtype}; expected whole numbers")
    return array.reshape(-1).astype(np.int64)


def _within_f32(values: np.ndarray) -> np.ndarray:
    clipped: np.ndarray = np.clip(values, -UNBOUNDED, UNBOUNDED).astype(np.float32)
    return clipped


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name))
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "observation"


def _called(name: str) -> str:
    return "the observation" if name == "observation" else f"`{name}` of the observation"


def _check_keys(observation: Any, keys: set[Any], name: str) -> None:
    """Raises `Unexpected` unless an observation is a dict of exactly these keys."""
    if not isinstance(observation, dict) or set(observation) != keys:
        expected = sorted(map(str, keys))
        raise Unexpected(f"{_called(name)} was {_dict_found(observation)}; expected a dict of {expected}")


def _dict_found(observation: Any) -> str:
    """A description of what was found in place of a dict, with the keys if it is one."""
    return f"a dict of {sorted(map(str, observation))}" if isinstance(observation, dict) else _a(observation)


def _a(value: Any) -> str:
    """A description of a value."""
    return "None" if value is None else f"a {type(value).__name__}"


def _distinct(names: list[str]) -> list[str]:
    """The names, with a number after repeated names: different keys may give the same name."""
    seen: set[str] = set()
    distinct = []
    for name in names:
        candidate, number = name, 2
        while candidate in seen:
            candidate, number = f"{name}_{number}", number + 1
        seen.add(candidate)
        distinct.append(candidate)
    return distinct
