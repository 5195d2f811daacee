"""A process written in Python, with the same interface as the built-in processes: named features, actions and signals.

>>> class Tank(Process):
...     "A tank that is filled or drained."
...     features = [Feature("level", "m", 0.0, 2.0)]
...     actions = [Choice("drain"), Choice("hold"), Choice("fill")]
...     signals = [Signal("overflow", "l"), Signal("error", "m")]
...     max_steps = 200
...
...     def begin(self, random):
...         self.level = random.uniform(0.5, 1.5)
...         return [self.level], self.measure()
...
...     def act(self, action, random):
...         self.level = min(max(self.level + 0.1 * (action - 1), 0.0), 2.0)
...         return [self.level], self.measure(), False
...
...     def measure(self):
...         return {"overflow": max(self.level - 1.9, 0.0), "error": abs(self.level - 1.0)}

It computes no reward: a project gives weights to its signals (``kind = "gymnasium"``, ``entry = "tank:Tank"``), so reward terms,
constraints, scenarios and reports use its names. It is also a Gymnasium environment, with ``reward`` as its own weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

Observation = NDArray[np.float32]


@dataclass(frozen=True)
class _Number:
    """A bounded number: its name in snake case, its unit, and its bounds."""

    name: str
    unit: str
    low: float
    high: float
    description: str = ""


class Feature(_Number):
    """A number that the policy sees."""


class Axis(_Number):
    """A setting of every step."""


@dataclass(frozen=True)
class Choice:
    """One of several choices."""

    name: str
    description: str = ""


@dataclass(frozen=True)
class Choices:
    """A group of choices, of which an action takes one: for processes whose actions have several parts."""

    name: str
    choices: Sequence[Choice]
    description: str = ""


@dataclass(frozen=True)
class Signal:
    """A measurement of every step. ``aggregate`` is its summary: its mean over steps, the share of steps at 1, or
    the total of an episode. A bound ``None`` is unknown."""

    name: str
    unit: str = "1"
    low: float | None = None
    high: float | None = None
    description: str = ""
    aggregate: Literal["mean", "share", "total"] = "mean"


class Process(gym.Env[Observation, Any]):
    """A base class: describe the process in the class variables, and implement :meth:`begin` and :meth:`act`.

    :cvar features: the features that the policy sees, in order
    :cvar actions: choices, or axes, or for actions of several parts groups of choices and axes
    :cvar signals: the measurements of every step
    :cvar max_steps: steps after which an episode is truncated
    :cvar reward: weights of signals, for its use as a Gymnasium environment; projects have their own
    """

    features: ClassVar[Sequence[Feature]] = ()
    actions: ClassVar[Sequence[Choice] | Sequence[Axis] | Sequence[Choices | Axis]] = ()
    signals: ClassVar[Sequence[Signal]] = ()
    max_steps: ClassVar[int | None] = None
    reward: ClassVar[Mapping[str, float]] = {}

    def __init__(self) -> None:
        cls = type(self)
        if not cls.features or not cls.actions or not cls.signals:
            raise TypeError(f"{cls.__name__} must name features, actions and signals")
        for what in (cls.features, cls.actions, cls.signals):
            names = [part.name for part in what]
            if len(set(names)) != len(names):
                raise TypeError(f"{cls.__name__} uses a name twice: {', '.join(names)}")
        unknown = set(cls.reward) - {signal.name for signal in cls.signals}
        if unknown:
            raise TypeError(f"{cls.__name__} has no signal {', '.join(sorted(unknown))}, which its reward uses")
        self.observation_space = gym.spaces.Box(_column(cls.features, "low"), _column(cls.features, "high"))
        self.action_space: gym.spaces.Discrete | gym.spaces.Box | gym.spaces.Dict
        kinds = {type(part) for part in cls.actions}
        if kinds == {Choice}:
            self.action_space = gym.spaces.Discrete(len(cls.actions))
        elif kinds == {Axis}:
            self.action_space = gym.spaces.Box(_column(cls.actions, "low"), _column(cls.actions, "high"))
        elif kinds <= {Choices, Axis}:
            self.action_space = gym.spaces.Dict([(part.name, _space(part)) for part in cls.actions])
            names = [choice.name for part in cls.actions if isinstance(part, Choices) for choice in part.choices]
            names += [part.name for part in cls.actions if isinstance(part, Axis)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise TypeError(f"{cls.__name__} uses a name of a choice or an axis twice: {', '.join(twice)}")
        else:
            raise TypeError(f"{cls.__name__}: several choices at once need groups of them: Choices(\"name\", [Choice(…), …])")
        if cls.allowed is not Process.allowed:
            self.action_masks = lambda: np.asarray(self.allowed(), np.bool_)
        self._taken = 0

    def begin(self, random: np.random.Generator) -> tuple[Sequence[float], Mapping[str, float]]:
        """Begins an episode.

        :return: the first observation, one number per feature; and the signals of the state of the first decision
        """
        raise NotImplementedError

    def act(self, action: Any, random: np.random.Generator) -> tuple[Sequence[float], Mapping[str, float], bool]:
        """Takes one action: the index of a choice, ``float32`` of shape ``(axes,)``, or a dict with the index of a choice of each
        group and ``float32`` of shape ``(1,)`` of each axis.

        :return: the next observation, the signals of this step, and whether the process ended the episode
        """
        raise NotImplementedError

    def allowed(self) -> Sequence[bool]:
        """The choices that the present state allows, at least one. Override it if the process forbids choices."""
        raise NotImplementedError

    @classmethod
    def process_description(cls) -> dict[str, Any]:
        """Names, units and descriptions, for the native side."""

        def named(parts: Sequence[Any], *keys: str) -> list[dict[str, Any]]:
            return [{key: value for key, value in asdict(part).items() if key in keys} for part in parts]

        numbers = ("name", "unit", "description")
        groups = [part for part in cls.actions if isinstance(part, Choices)]
        choices = [part for part in cls.actions if isinstance(part, Choice)]
        choices += [choice for group in groups for choice in group.choices]
        return {
            "summary": " ".join((cls.__doc__ or cls.__name__).split()),
            "observation": named(cls.features, *numbers),
            "groups": [{"name": group.name, "description": group.description} for group in groups],
            "choices": named(choices, "name", "description"),
            "axes": named([part for part in cls.actions if isinstance(part, Axis)], *numbers),
            "signals": [asdict(signal) for signal in cls.signals],
        }

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """See Gymnasium; ``info`` contains the signals."""
        super().reset(seed=seed)
        self._taken = 0
        observation, signals = self.begin(self.np_random)
        return np.array(observation, np.float32), self._checked(signals)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """See Gymnasium; ``info`` contains the signals, the reward is their sum with the weights of ``reward``."""
        observation, signals, terminated = self.act(action, self.np_random)
        self._taken += 1
        truncated = self.max_steps is not None and self._taken >= self.max_steps and not terminated
        info = self._checked(signals)
        reward = float(sum(weight * info[name] for name, weight in self.reward.items()))
        return np.array(observation, np.float32), reward, bool(terminated), truncated, info

    def _checked(self, signals: Mapping[str, float]) -> dict[str, Any]:
        info = dict(signals)
        missing = [signal.name for signal in self.signals if signal.name not in info]
        if missing:
            raise KeyError(f"{type(self).__name__} did not measure {', '.join(missing)}")
        return info


def _space(part: Any) -> gym.spaces.Space[Any]:
    if isinstance(part, Choices):
        return gym.spaces.Discrete(len(part.choices))
    return gym.spaces.Box(np.float32(part.low), np.float32(part.high), (1,))


def _column(parts: Sequence[Any], name: str) -> NDArray[np.float32]:
    return np.array([getattr(part, name) for part in parts], np.float32)
