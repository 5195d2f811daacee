"""Gymnasium's action spaces as groups of choices and bounded numbers, and their masks.

A `Discrete` is one group of choices, each number of a `MultiDiscrete` and each bit of a `MultiBinary` is one, a bounded
`Box` has one axis for each of its numbers, and a `Dict` or a `Tuple` has what its spaces have.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from ._spaces import UNBOUNDED_FROM, Unexpected, UnsupportedSpace, _a, _distinct, _snake


class Actions:
    """The conversion of arrays to actions of a space.

    An array has the choices of every lane, ``[lanes, groups]`` of uint32 (``[lanes]`` of a single group), or the numbers,
    ``[lanes, axes]`` of float32. With both it is one row of uint32: all choices, then the bits of all numbers.
    """

    def __init__(self, space: spaces.Space[Any]):
        self._leaf: Any = _leaf(space, "action")
        #: Groups of choices: name, description, and the choices with names and descriptions.
        self.groups: list[dict[str, Any]] = self._leaf.groups
        #: Names, bounds and descriptions of the axes.
        self.axes: list[dict[str, Any]] = self._leaf.axes
        #: The choices of all groups.
        self.choices: list[dict[str, str]] = [choice for group in self.groups for choice in group["choices"]]
        #: Number of choices of each group.
        self.counts = [len(group["choices"]) for group in self.groups]
        for parts in (self.choices + self.axes, self.groups):
            for part, name in zip(parts, _distinct([part["name"] for part in parts])):
                part["name"] = name
        self._is_one_choice = isinstance(self._leaf, _OneOf)
        self._is_numbers = isinstance(self._leaf, _Numbers)

    def description(self) -> dict[str, Any]:
        """The space as the project sees it."""
        if self._is_one_choice:
            return {"type": "discrete", "choices": self.choices}
        if self._is_numbers:
            return {"type": "continuous", "axes": self.axes}
        return {"type": "several", "groups": self.groups, "axes": self.axes}

    def layout(self, lanes: int) -> tuple[str, list[int]]:
        """Type and shape of an array for the actions of so many lanes."""
        groups, axes = len(self.groups), len(self.axes)
        if not groups:
            return "float32", [lanes, axes]
        return "uint32", [lanes * (groups + axes)] if axes or groups == 1 else [lanes, groups]

    def read(self, array: np.ndarray) -> list[Any]:
        """A list with the environment's action for every lane, of a copy of the array."""
        if self._is_one_choice:
            return self._leaf.alone(array)  # type: ignore[no-any-return]
        groups, axes = len(self.groups), len(self.axes)
        if not groups:
            return self._leaf.read(array[:, :0], array)  # type: ignore[no-any-return]
        flat = array.reshape(-1)
        lanes = flat.size // (groups + axes)
        choices = flat[: lanes * groups].reshape(lanes, groups)
        numbers = np.ascontiguousarray(flat[lanes * groups :]).view(np.float32) if axes else np.zeros(0, np.float32)
        return self._leaf.read(choices, numbers.reshape(lanes, axes))  # type: ignore[no-any-return]

    def packed(self, choices: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The array of choices ``[lanes, groups]`` and numbers ``[lanes, axes]``."""
        if not self.groups:
            return np.ascontiguousarray(numbers, np.float32)
        first = np.ascontiguousarray(choices, np.uint32).reshape(-1)
        if not self.axes:
            return first if len(self.groups) == 1 else first.reshape(-1, len(self.groups))
        return np.concatenate([first, np.ascontiguousarray(numbers, np.float32).reshape(-1).view(np.uint32)])

    def flat_mask(self, mask: Any) -> Any:
        """A mask in the form of the space as one array with the choices of all groups; any other mask as it is."""
        return self._leaf.flat_mask(mask)


class _OneOf:
    """A Discrete."""

    def __init__(self, space: spaces.Discrete, name: str):
        self._start = int(space.start)
        self.axes: list[dict[str, Any]] = []
        values = range(self._start, self._start + int(space.n))
        self.groups = [_group(name, name, [([value], f"{_of(name)}{value}") for value in values])]

    def alone(self, array: np.ndarray) -> list[int]:
        # Python's own integers: they are the fastest in an environment's `action_space.contains`.
        found: list[int] = array.tolist()
        return found if self._start == 0 else [self._start + choice for choice in found]

    def read(self, choices: np.ndarray, _numbers: np.ndarray) -> list[int]:
        return self.alone(choices[:, 0])

    def flat_mask(self, mask: Any) -> Any:
        return mask


class _Grid:
    """A MultiDiscrete or a MultiBinary: one group for each of its numbers."""

    def __init__(self, counts: np.ndarray, starts: np.ndarray, dtype: Any, name: str):
        self._shape, self._dtype = counts.shape, dtype
        self._starts = starts.astype(np.int64).reshape(counts.shape)
        self.axes: list[dict[str, Any]] = []
        self.groups = []
        for index in np.ndindex(*counts.shape):
            called, position = "_".join([name, *map(str, index)]), list(index)
            start = int(self._starts[index])
            values = range(start, start + int(counts[index]))
            told = [([value], f"number {position} of {_of(name)}{value}") for value in values]
            self.groups.append(_group(called, f"number {position} of {_of(name).rstrip()}", told))

    def read(self, choices: np.ndarray, _numbers: np.ndarray) -> list[np.ndarray]:
        found = choices.astype(np.int64).reshape(-1, *self._shape) + self._starts
        return list(found.astype(self._dtype))

    def flat_mask(self, mask: Any) -> Any:
        if isinstance(mask, (tuple, list)) and mask and not np.isscalar(mask[0]):
            return np.concatenate([np.ravel(part) for part in mask])
        return mask


class _Numbers:
    """A bounded Box: one axis for each of its numbers."""

    def __init__(self, space: spaces.Box, name: str):
        low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
        bounded = np.isfinite(low) & np.isfinite(high) & (low > -UNBOUNDED_FROM) & (high < UNBOUNDED_FROM)
        if not bounded.all():
            axis = int(np.argmin(bounded))
            raise UnsupportedSpace(
                f"the action space has no bounds: number {axis} of it goes from {low[axis]:g} to {high[axis]:g}, and a policy "
                "needs bounds for its numbers. Give it bounds, for example with gymnasium.wrappers.RescaleAction or ClipAction "
                "around your own bounds"
            )
        if (space.shape == () and name == "action") or 0 in space.shape:
            raise UnsupportedSpace(f"the action space has shape {space.shape}: expected at least one number, as (1,)")
        self._space = space
        self.groups: list[dict[str, Any]] = []
        indices = list(itertools.product(*(range(extent) for extent in space.shape)))
        self.axes = [
            {
                # The only number of a part has the part's name.
                "name": name if len(indices) == 1 and name != "action" else "_".join([name, *map(str, index)]),
                "low": float(np.float32(low[axis])),
                "high": float(np.float32(high[axis])),
                "description": f"a number of {_of(name).rstrip()}",
                # Whole numbers: the nearest one is taken.
                **({"step": 1.0} if np.issubdtype(space.dtype, np.integer) else {}),
            }
            for axis, index in enumerate(indices)
        ]
        shape, dtype = space.shape, space.dtype
        self._read: Callable[[np.ndarray], list[Any]]
        if dtype == np.float32 and len(shape) == 1:
            self._read = list
        elif np.issubdtype(dtype, np.integer):
            # Whole numbers: the nearest one.
            self._read = lambda actions: list(
                np.clip(np.rint(actions.reshape(-1, *shape)), space.low, space.high).astype(dtype)
            )
        else:
            # A bound may be slightly outside of the range after its conversion to float32.
            self._read = lambda actions: list(np.clip(actions.reshape(-1, *shape).astype(dtype), space.low, space.high))

    def read(self, _choices: np.ndarray, numbers: np.ndarray) -> list[Any]:
        return self._read(numbers)

    def flat_mask(self, _mask: Any) -> Any:
        return np.zeros(0, bool)


class _Parts:
    """A Dict or a Tuple: the groups and axes of its spaces, in the space's own order."""

    def __init__(self, keys: Sequence[Any], leaves: Sequence[Any], of_keys: bool):
        self._keys, self._leaves, self._of_keys = list(keys), list(leaves), of_keys
        self.groups = [group for leaf in self._leaves for group in leaf.groups]
        self.axes = [axis for leaf in self._leaves for axis in leaf.axes]

    def read(self, choices: np.ndarray, numbers: np.ndarray) -> list[Any]:
        columns, group, axis = [], 0, 0
        for leaf in self._leaves:
            groups, axes = len(leaf.groups), len(leaf.axes)
            own = np.ascontiguousarray(numbers[:, axis : axis + axes])
            columns.append(leaf.read(choices[:, group : group + groups], own))
            group, axis = group + groups, axis + axes
        rows = zip(*columns)
        return [dict(zip(self._keys, row)) for row in rows] if self._of_keys else list(rows)

    def flat_mask(self, mask: Any) -> Any:
        parts = None
        if self._of_keys and isinstance(mask, dict):
            # Gymnasium's masks of a Dict have None where there is no choice.
            parts = [(leaf, mask.get(key)) for key, leaf in zip(self._keys, self._leaves) if leaf.groups]
        elif not self._of_keys and isinstance(mask, tuple) and len(mask) == len(self._leaves):
            parts = [(leaf, part) for leaf, part in zip(self._leaves, mask) if leaf.groups]
        if parts is None:
            return mask
        return np.concatenate([np.ravel(leaf.flat_mask(_whole(part, leaf))) for leaf, part in parts])


def _whole(mask: Any, leaf: Any) -> Any:
    """A mask, or one that allows everything where there is none."""
    return np.ones(sum(len(group["choices"]) for group in leaf.groups), bool) if mask is None else mask


def _leaf(space: spaces.Space[Any], name: str) -> Any:
    if isinstance(space, spaces.Discrete):
        return _OneOf(space, name)
    if isinstance(space, spaces.MultiDiscrete):
        starts = getattr(space, "start", np.zeros_like(space.nvec))
        return _Grid(np.asarray(space.nvec), np.asarray(starts), space.dtype, name)
    if isinstance(space, spaces.MultiBinary):
        counts = np.full(space.shape, 2)
        return _Grid(counts, np.zeros_like(counts), space.dtype, name)
    if isinstance(space, spaces.Box):
        return _Numbers(space, name)
    within = "" if name == "action" else f"{name}_"
    if isinstance(space, spaces.Dict):
        keys = list(space.spaces)
        return _Parts(keys, [_leaf(space.spaces[key], f"{within}{_snake(key)}") for key in keys], of_keys=True)
    if isinstance(space, spaces.Tuple):
        leaves = [_leaf(inner, f"{within or 'action_'}{index}") for index, inner in enumerate(space.spaces)]
        return _Parts(range(len(leaves)), leaves, of_keys=False)
    raise UnsupportedSpace(
        f"the action space is a {type(space).__name__}: Discrete, MultiDiscrete, MultiBinary, bounded Box, and Dict and Tuple of "
        "these work. Wrap the environment, for example with gymnasium.wrappers.TransformAction"
    )


def _of(name: str) -> str:
    return "the environment's action " if name == "action" else f"`{name}` of the environment's action "


def _group(name: str, description: str, values: Sequence[tuple[list[int], str]]) -> dict[str, Any]:
    """A group with a choice for each value."""
    return {
        "name": name,
        "description": "" if name == "action" else description,
        "choices": [
            {"name": "_".join([name, *(str(n) if n >= 0 else f"minus_{-n}" for n in value)]), "description": told}
            for value, told in values
        ],
    }


def allowed_choices(mask: Any, actions: Actions, row: np.ndarray) -> None:
    """Writes an environment's action mask, the choices of all groups; raises `Unexpected` if it is not a mask."""
    found = np.asarray(actions.flat_mask(mask))
    if found.dtype.kind in "iuf" and not np.isin(found, (0, 1)).all():
        wrong = found[~np.isin(found, (0, 1))].ravel()[0]
        raise Unexpected(f"the action mask held {wrong}; expected zeros and ones")
    if found.shape == row.shape and found.dtype.kind in "biuf":
        np.not_equal(found, 0, out=row, casting="unsafe")
    else:
        raise Unexpected(
            f"the action mask was {_a(mask)} of shape {found.shape} and type {found.dtype}; expected {row.shape[0]} zeros "
            "and ones" + (", the masks of its groups of choices one after another" if len(actions.groups) > 1 else "")
        )
    begin = 0
    for group, count in zip(actions.groups, actions.counts):
        if not row[begin : begin + count].any():
            of_group = f" of `{group['name']}`" if len(actions.groups) > 1 else ""
            raise Unexpected(f"the action mask allows no choice{of_group}; expected at least one until the episode ends")
        begin += count
