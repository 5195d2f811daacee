"""Gymnasium environments that step together and write their results into arrays.

The same class serves environments in the training's own process and in separate workers (`env_worker`), where its
arrays are in shared memory. A finished episode is reset in the same step. Every value of an environment must be in
its spaces: it is cheaper to stop at the first wrong number than to learn from it for an hour.
"""

from __future__ import annotations

import contextlib
import math
import numbers
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from ._actions import Actions, allowed_choices
from ._spaces import Observations, Unexpected, _a

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2

# Types that need no further check.
_NUMBERS = frozenset({float, int, np.float64, np.float32, np.int64, np.int32})
_BOOLS = frozenset({bool, np.bool_})


class EnvironmentFailed(Exception):
    """An environment raised an exception, or gave values outside of its spaces."""

    def __init__(self, name: str, lane: int, step: int, episode: int, reason: str):
        super().__init__(f"{name}, environment {lane} at its step {step} (episode {episode}): {reason}")
        #: Name of the environments.
        self.name = name
        #: Index of the environment.
        self.lane = lane
        #: Number of its steps so far.
        self.step = step
        #: Its episode, from 1.
        self.episode = episode
        #: The error, the expected value, and a possible remedy.
        self.reason = reason


class Hung(BaseException):
    """Raised within an environment that took too long (`_watch`); its own `except Exception` must not catch it."""


class Progress(NamedTuple):
    """The progress of a host: equal values mean no progress."""

    #: Number of steps and resets so far.
    calls: int
    #: The environment that runs at the moment.
    lane: int
    #: Its thread.
    thread: int


class EnvironmentHost:
    """Environments of one kind, one per lane."""

    def __init__(
        self,
        make: Sequence[Callable[[], gymnasium.Env]],
        *,
        signals: Sequence[str] = (),
        name: str = "",
        check_bounds: bool = True,
        masked: bool | None = None,
    ):
        """Makes the environments; each has an episode only after its reset.

        `signals` are the numbers of `info` that are reported in addition to the reward. Without `check_bounds` the
        bounds of the observation space are ignored. `masked` states whether actions are masked, if known; otherwise
        the first environment shows it, if needed by a reset.
        """
        self._environments: list[gymnasium.Env] = []
        for build in make:
            self._environments.append(build())
        first = self._environments[0]
        self.name = name or (first.spec.id if first.spec is not None else type(first.unwrapped).__name__)
        #: The conversion of observations to rows, and of an array to actions.
        self.observations = Observations(first.observation_space, bounded=check_bounds, actions=first.action_space)
        self.actions = Actions(first.action_space)
        for lane, other in enumerate(self._environments):
            if other.observation_space != first.observation_space or other.action_space != first.action_space:
                raise ValueError(f"environment {lane} of {self.name} has different spaces than environment 0")
        self.observation_space = first.observation_space
        #: Number of environments.
        self.lanes = len(self._environments)
        self._steps = [environment.step for environment in self._environments]
        self._every = list(range(self.lanes))
        #: Set to interrupt an environment that hangs.
        self.hung_after_s = math.inf
        self._calls, self._thread = 0, 0
        # A process written in Python (setpoint.Process) has its own names and units.
        named: dict[str, Any] = getattr(first.unwrapped, "process_description", dict)()
        self._signals = tuple(signals or [signal["name"] for signal in named.get("signals", ())])
        self._taken = np.zeros(self.lanes, dtype=np.int64)
        self._episodes = [0] * self.lanes
        self._mask_method = [_mask_method(environment) for environment in self._environments]
        self._masked = False
        if self.actions.choices:
            self._masked = self._asks_for_masks() if masked is None else masked
        #: The information for a learner before the first step.
        self.description: dict[str, Any] = {
            "name": self.name,
            "summary": f"the Gymnasium environment {self.name}",
            "observation": self.observations.features(),
            "tensors": self.observations.tensors(),
            "action": self.actions.description(),
            "masked": self._masked,
            "signals": [
                {"name": "reward", "description": "the environment's own reward"},
                *({"name": signal, "description": f"`{signal}` of the environment's info"} for signal in self._signals),
            ],
            "max_steps": _max_steps(first),
            "layout": None,
        }
        self._name(named)
        #: The arrays for actions (read) and results (written).
        self.arrays: dict[str, np.ndarray] = {}
        layout = self._layout()
        self.description["layout"] = layout
        self.bind({array["name"]: np.zeros(array["shape"], array["dtype"]) for array in layout["arrays"]})

    def _name(self, named: dict[str, Any]) -> None:
        """Replaces the names, units and descriptions from the spaces by a process's own."""
        if not named:
            return
        description = self.description
        description["summary"] = named["summary"]
        for generic, own in zip(description["observation"], named["observation"]):
            generic.update(own)
        for generic, own in zip(self.actions.choices, named.get("choices", ())):
            generic.update(own)
        for generic, own in zip(self.actions.groups, named.get("groups", ())):
            generic.update(own)
        for generic, own in zip(self.actions.axes, named.get("axes", ())):
            generic.update(own)
        own_signals = {signal["name"]: signal for signal in named["signals"]}
        for signal in description["signals"]:
            signal.update(own_signals.get(signal["name"], {}))

    def _asks_for_masks(self) -> bool:
        if self._mask_method[0] is not None or self.observations.masked:
            return True
        try:
            _, info = self._reset(0, 0)
        except Unexpected as error:
            raise self._failed(0, str(error)) from None
        except Exception as error:
            raise self._raised(0, error, "reset") from error
        return "action_mask" in info

    def _layout(self) -> dict[str, Any]:
        """Arrays in one block: first the values from a caller, then the results of every step, then the results at
        the end of an episode or after an environment stopped answering, then the images of every step and of the end."""
        lanes, features, signals = self.lanes, self.observations.size, 1 + len(self._signals)
        wanted = [
            ("actions", *self.actions.layout(lanes)),
            ("stepping", "uint8", [lanes]),
            ("observations", "float32", [lanes, features]),
            ("signals", "float32", [lanes, signals]),
            ("current_signals", "float32", [lanes, signals]),
            ("outcomes", "uint8", [lanes]),
        ]
        if self._masked:
            wanted.append(("allowed", "uint8", [lanes, len(self.actions.choices)]))
        wanted += [("final_observations", "float32", [lanes, features]), ("lane", "int32", [1])]
        for index, image in enumerate(self.observations.images):
            shape = [lanes, *image.shape]
            wanted += [(f"tensor_{index}", str(image.dtype), shape), (f"final_tensor_{index}", str(image.dtype), shape)]
        arrays, offset = [], 0
        for name, dtype, shape in wanted:
            arrays.append({"name": name, "dtype": dtype, "shape": shape, "offset": offset})
            # Whole cache lines, so that no side writes into a line that the other reads.
            offset += -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // 64) * 64
        return {"bytes": offset, "arrays": arrays}

    def bind(self, arrays: dict[str, np.ndarray]) -> None:
        """Uses these arrays, of the same names, shapes and types, instead of its own; the old content is lost."""
        for array in self.description["layout"]["arrays"]:
            name, shape, dtype = array["name"], tuple(array["shape"]), np.dtype(array["dtype"])
            # Only a waiting process reads this array.
            given = arrays[name] if name in arrays or name not in ("lane", "stepping") else np.zeros(shape, dtype)
            if given.shape != shape or given.dtype != dtype:
                raise ValueError(f"`{name}` has {given.dtype} {given.shape}; expected {dtype} {shape}")
            self.arrays[name] = given
        self._rows = list(self.arrays["observations"])
        self._images, self._final_images = self._by_lane("tensor"), self._by_lane("final_tensor")
        #: The last results of each environment.
        self._seen: list[Any] = [None] * self.lanes
        # If observations are arrays of one dimension: all of them as one array, and the length of each.
        plain = self.observations.shape is not None and len(self.observations.shape) == 1
        plain = plain and self.observations.dtype == np.float32
        self._flat = self.arrays["observations"].reshape(-1) if plain else None
        self._lengths = [self.observations.size] * self.lanes
        self._final_rows = list(self.arrays["final_observations"])
        self._rewards = [0.0] * self.lanes
        self._at = memoryview(self.arrays["lane"])  # type: ignore[arg-type]  # a buffer, which NumPy says of itself from Python 3.12 on
        shape = self.arrays["observations"].shape
        self._above, self._below = np.empty(shape, dtype=bool), np.empty(shape, dtype=bool)
        # One row per lane, so that a comparison needs no broadcast.
        self._least = np.tile(self.observations.least, (self.lanes, 1))
        self._greatest = np.tile(self.observations.greatest, (self.lanes, 1))
        self._finite = np.empty(self.arrays["signals"].shape, dtype=bool)

    def _by_lane(self, name: str) -> list[list[np.ndarray]]:
        """The arrays of the images of each environment."""
        arrays = [self.arrays[f"{name}_{index}"] for index in range(len(self.observations.images))]
        return [[array[lane] for array in arrays] for lane in range(self.lanes)]

    def progress(self) -> Progress | None:
        """Its progress; ``None`` while no environment runs."""
        thread = self._thread
        return Progress(self._calls, self._at[0], thread) if thread else None

    def reset(self, lane: int, seed: int | None) -> None:
        """Begins an episode, with new random numbers if a seed is given."""
        arrays = self.arrays
        self._at[0] = lane
        self._calls += 1
        self._thread = threading.get_ident()
        try:
            info = self._begin(lane, seed)
        finally:
            self._thread = 0
        self._rewards[lane] = 0.0
        for signals in (arrays["signals"], arrays["current_signals"]):
            signals[lane, 0] = 0.0
            self._write_signals(lane, info, signals)
        arrays["outcomes"][lane] = RUNNING
        if self._masked:
            self._write_mask(lane, info)

    def step(self, stepping: np.ndarray | None) -> None:
        """Takes the actions in every lane, or in the lanes whose `stepping` is not 0; the others do not change."""
        self._calls += 1
        self._thread = threading.get_ident()
        try:
            self._step(stepping)
        finally:
            self._thread = 0

    def _step(self, stepping: np.ndarray | None) -> None:
        arrays = self.arrays
        lanes = self._every if stepping is None else np.flatnonzero(stepping).tolist()
        steps, seen, rewards, at = self._steps, self._seen, self._rewards, self._at
        masked, more, outcomes = self._masked, self._signals, arrays["outcomes"]
        # A copy: an environment may keep its action, and the next actions come into the same array.
        actions = self.actions.read(arrays["actions"].copy())
        outcomes[:] = RUNNING
        over = []
        lane, result = -1, None
        try:
            for lane in lanes:
                at[0] = lane
                result = steps[lane](actions[lane])
                seen[lane], reward, terminated, truncated, info = result
                if (
                    reward.__class__ not in _NUMBERS
                    or terminated.__class__ not in _BOOLS
                    or truncated.__class__ not in _BOOLS
                ):
                    reward = _checked(reward, terminated, truncated)
                rewards[lane] = reward  # type: ignore[call-overload]  # one of _NUMBERS, or checked
                if more:
                    self._write_signals(lane, info, arrays["signals"])
                if terminated or truncated:
                    outcomes[lane] = TERMINATED if terminated else TRUNCATED
                    over.append(lane)
                elif masked:
                    self._write_mask(lane, info)
            if stepping is not None or not self._written_at_once():
                for lane in lanes:
                    self.observations.write(seen[lane], self._rows[lane], self._images[lane])
        except EnvironmentFailed:
            raise
        except Hung:
            raise self._hung(lane, "step") from None
        except Unexpected as error:
            raise self._failed(lane, str(error)) from None
        except Exception as error:
            raise self._raised(lane, error, "step", result) from error
        self._check(lanes, stepping is None)
        for lane in over:
            self._finish(lane)
        if stepping is None:
            self._taken += 1
        else:
            self._taken[lanes] += 1

    def close(self) -> None:
        """Closes every environment; an error in one does not keep the others open."""
        for environment in self._environments:
            try:
                environment.close()
            except Exception as error:
                # Standard error may be closed or full, which is no reason to leave the others open.
                with contextlib.suppress(OSError, ValueError):
                    traceback.print_exception(error)

    def _written_at_once(self) -> bool:
        """Writes the observations of all lanes, if each of them is an array of the exact type and length."""
        if self._flat is None:
            return False
        try:
            if list(map(len, self._seen)) != self._lengths:
                return False
            np.concatenate(self._seen, out=self._flat, casting="no")
        except (TypeError, ValueError):
            return False
        return True

    def _check(self, lanes: list[int], every: bool) -> None:
        """Checks the results of the lanes against their bounds, and copies the signals for the next decision."""
        arrays, observations, signals = self.arrays, self.arrays["observations"], self.arrays["signals"]
        # Both comparisons are false for NaN.
        np.greater_equal(observations, self._least, out=self._above)
        np.less_equal(observations, self._greatest, out=self._below)
        # A check of the bytes is several times as fast as `all` on a small array.
        if 0 in self._above.tobytes() or 0 in self._below.tobytes():
            for lane in lanes:
                reason = self.observations.outside(observations[lane])
                if reason is not None:
                    raise self._failed(lane, reason)
        if every:
            signals[:, 0] = self._rewards
            arrays["current_signals"][:] = signals
        else:
            signals[lanes, 0] = [self._rewards[lane] for lane in lanes]
            arrays["current_signals"][lanes] = signals[lanes]
        if 0 in np.isfinite(signals, out=self._finite).tobytes():
            lane, index = (int(found) for found in np.argwhere(~self._finite)[0])
            what = "the reward" if index == 0 else f"signal `{self._signals[index - 1]}`"
            found = self._rewards[lane] if index == 0 else signals[lane, index]
            raise self._failed(lane, f"{what} was {found}; expected a finite number within the range of float32")

    def _finish(self, lane: int) -> None:
        """Keeps the last observation of a finished episode and begins the next."""
        arrays = self.arrays
        self._final_rows[lane][:] = self._rows[lane]
        for final, image in zip(self._final_images[lane], self._images[lane]):
            final[:] = image
        self._at[0] = lane
        info = self._begin(lane, None)
        current = arrays["current_signals"]
        current[lane, 0] = 0.0
        self._write_signals(lane, info, current)
        if self._masked:
            self._write_mask(lane, info)

    def _begin(self, lane: int, seed: int | None) -> dict[str, Any]:
        """Resets an environment and writes its first observation; returns its info."""
        try:
            observation, info = self._reset(lane, seed)
        except Hung:
            raise self._hung(lane, "reset") from None
        except Unexpected as error:
            raise self._failed(lane, str(error)) from None
        except Exception as error:
            raise self._raised(lane, error, "reset") from error
        try:
            self._seen[lane] = observation
            self.observations.write(observation, self._rows[lane], self._images[lane])
        except Hung:
            raise self._hung(lane, "reset") from None
        except Unexpected as error:
            raise self._failed(lane, f"after a reset, {error}") from None
        except Exception as error:
            raise self._raised(lane, error, "reset") from error
        self._episodes[lane] += 1
        reason = self.observations.outside(self._rows[lane])
        if reason is not None:
            raise self._failed(lane, f"after a reset, {reason}")
        return info

    def _reset(self, lane: int, seed: int | None) -> tuple[Any, dict[str, Any]]:
        """An environment's first observation and info; raises `Unexpected` if its reset gives something else."""
        environment = self._environments[lane]
        result: Any = environment.reset() if seed is None else environment.reset(seed=seed)
        if not isinstance(result, (tuple, list)) or len(result) != 2 or not isinstance(result[1], dict):
            found = _a(result)
            if isinstance(result, (tuple, list)):
                found = f"{len(result)} values" if len(result) != 2 else f"two values, of which the second is {_a(result[1])}"
            raise Unexpected(
                f"`reset` gave {found}; expected two values: the observation, and info as a dict. (Before version 0.26, Gym's "
                "`reset` gave the observation alone.)"
            )
        return result[0], result[1]

    def _write_signals(self, lane: int, info: Any, signals: np.ndarray) -> None:
        if self._signals and not isinstance(info, dict):
            raise self._failed(lane, f"info was {_a(info)}; expected a dict")
        for index, name in enumerate(self._signals, start=1):
            value = info.get(name, 0.0)
            if value.__class__ not in _NUMBERS:
                value = _number(value)
                if value is None:
                    raise self._failed(lane, f"`{name}` of its info was {_a(info[name])}; expected a number")
            if not math.isfinite(value):
                raise self._failed(lane, f"`{name}` of its info was {value}; expected a finite number")
            signals[lane, index] = value

    def _write_mask(self, lane: int, info: Any) -> None:
        method = self._mask_method[lane]
        try:
            if method is not None:
                mask = method()
            elif self.observations.masked:
                mask = self.observations.mask(self._seen[lane])
            elif not isinstance(info, dict):
                raise Unexpected(f"info was {_a(info)}; expected a dict with `action_mask`")
            elif "action_mask" in info:
                mask = info["action_mask"]
            else:
                raise Unexpected("info has no `action_mask`, but it had at first; expected a mask after every reset and step")
            allowed_choices(mask, self.actions, self.arrays["allowed"][lane])
        except Unexpected as error:
            raise self._failed(lane, str(error)) from None
        except Exception as error:
            raise self._raised(lane, error, "action_masks") from error

    def _failed(self, lane: int, reason: str) -> EnvironmentFailed:
        return EnvironmentFailed(self.name, lane, int(self._taken[lane]), self._episodes[lane], reason)

    def _hung(self, lane: int, what: str) -> EnvironmentFailed:
        return self._failed(lane, f"`{what}` hangs: it took longer than {self.hung_after_s:g} s (timeout_s)")

    def _raised(self, lane: int, error: Exception, what: str, result: Any = None) -> EnvironmentFailed:
        """An exception in the method `what` as a sentence: its last line and where it was raised."""
        frames = traceback.extract_tb(error.__traceback__)
        if len(frames) == 1 and result is not None:
            # Raised here, where the result of a step is unpacked.
            found = f"{len(result)} values" if isinstance(result, (tuple, list)) else _a(result)
            reason = f"`{what}` gave {found}; expected 5: observation, reward, terminated, truncated and info"
            if isinstance(result, (tuple, list)) and len(result) == 5:
                reason = f"the result of `{what}` could not be read: {error}"
            return self._failed(lane, reason)
        line = traceback.format_exception_only(error)[-1].strip()
        where = f" ({frames[-1].filename}, line {frames[-1].lineno}, in {frames[-1].name})" if len(frames) > 1 else ""
        lacks = any(f"unexpected keyword argument '{name}'" in line for name in ("seed", "options"))
        if what == "reset" and isinstance(error, TypeError) and lacks:
            return self._failed(lane, f"`reset` takes no seed or no options: {line}; expected `reset(self, *, seed=None, options=None)`")
        return self._failed(lane, f"`{what}` raised {line}{where}")


def _checked(reward: Any, terminated: Any, truncated: Any) -> float:
    """The reward as a number, if it is a number and the flags are flags."""
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        if flag.__class__ not in _BOOLS:
            raise Unexpected(f"`{name}` was {flag!r}, {_a(flag)}; expected True or False")
    number = _number(reward)
    if number is None:
        shape = f" of shape {reward.shape}" if isinstance(reward, np.ndarray) else ""
        raise Unexpected(f"the reward was {_a(reward)}{shape}; expected a number")
    return number


def _number(value: Any) -> float | None:
    """A number of any type, also an array without dimensions."""
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, (np.ndarray, np.generic)) and value.shape == () and value.dtype.kind in "biuf":
        return float(value)
    return None


def _mask_method(environment: gymnasium.Env) -> Callable[[], Any] | None:
    """`action_masks`, of the environment or one of its wrappers."""
    if environment.has_wrapper_attr("action_masks"):
        method: Callable[[], Any] = environment.get_wrapper_attr("action_masks")
        return method
    return None


def _max_steps(environment: gymnasium.Env) -> int | None:
    """The limit after which an episode is truncated, if known."""
    while isinstance(environment, gymnasium.Wrapper):
        if isinstance(environment, gymnasium.wrappers.TimeLimit):
            return int(environment._max_episode_steps)
        environment = environment.env
    limit = environment.spec.max_episode_steps if environment.spec is not None else None
    return int(limit) if limit is not None and limit > 0 else None
