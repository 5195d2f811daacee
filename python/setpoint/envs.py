"""Processes as Gymnasium environments: the built-in processes, and the processes of your own native module.

``gymnasium.make("setpoint/AssemblyLine-v0")`` gives a :class:`ProcessEnv`, ``gymnasium.make_vec("setpoint/AssemblyLine-v0",
num_envs=4096)`` a :class:`ProcessVectorEnv` that steps all of them at once in native code. Keyword arguments are those of
``[process]`` in a project file (``max_steps``, and the process's own); ``reward`` replaces the source's reward by weights of
signals, like ``[reward]``. Processes from a log have no id: ``ProcessEnv("learned", like="assembly-line",
log="line.csv")``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space, create_empty_array
from numpy.typing import NDArray

from setpoint import _native, _picture
from setpoint._numbers import plain, whole
from setpoint._tensors import Form, copied, parts_of, row_of, rows_where

#: An array of features, an image, or a dict of them.
Observation: TypeAlias = Any

_INFO_SIGNALS, _INFO_TERMS, _INFO_MASK = "signals", "reward_terms", "action_mask"


def environment_id(kind: str) -> str:
    """The Gymnasium id of a process: ``assembly-line`` becomes ``setpoint/AssemblyLine-v0``."""
    return f"setpoint/{''.join(word.capitalize() for word in kind.split('-'))}-v0"


def kind_of(id: str) -> str | None:
    """The process of a Gymnasium id (or of a process's own name), if there is one."""
    kinds = _native.kinds()
    return next((kind for kind in kinds if id in (kind, environment_id(kind))), None)


def register() -> None:
    """Registers every process with Gymnasium. The import of the package calls it."""
    for kind in _native.kinds():
        gym.register(
            id=environment_id(kind),
            entry_point="setpoint.envs:ProcessEnv",
            vector_entry_point="setpoint.envs:ProcessVectorEnv",
            kwargs={"kind": kind},
            # The process truncates by itself, at the project's `max_steps`.
            max_episode_steps=None,
            disable_env_checker=True,
        )


class _Processes:
    """The common part of single and vector environments: the native environments, their spaces and the results of a step."""

    def __init__(
        self,
        kind: str,
        lanes: int | None,
        max_steps: int | None,
        reward: dict[str, float] | None,
        data: dict[str, Any] | None,
        keys: dict[str, Any],
    ):
        """Without `lanes` there is one environment, and its observations have no axis for it."""
        self._rows = None if lanes is None else whole(lanes, "num_envs")
        lanes = 1 if self._rows is None else self._rows
        self.description: dict[str, Any] = {"process": {"kind": kind, **plain(keys)}}
        if data is not None:
            self.description["data"] = plain(data)
        if max_steps is not None:
            self.description["process"]["max_steps"] = whole(max_steps, "max_steps")
        if reward is not None:
            self.description["reward"] = plain(reward)
        self.native = _native.Environments(json.dumps(self.description), lanes)
        self.spec: dict[str, Any] = json.loads(self.native.spec())
        self.lanes = lanes
        self.terms = self.native.terms()
        self.signal_names = [signal["name"] for signal in self.spec["signals"]]
        features = self.spec["observation"]
        self.form = Form(len(features), parts_of(self.spec))
        self._shape = (len(features),) if self._rows is None else (self._rows, len(features))
        # Native results are observations as they are.
        self._is_plain = not self.form.parts and self._rows is None
        self.observation_space = self.form.space(
            np.array([feature["low"] for feature in features], np.float32),
            np.array([feature["high"] for feature in features], np.float32),
        )
        action = self.spec["action"]
        self.kind: str = action["type"]
        groups, axes = action.get("groups", ()), action.get("axes", ())
        #: Number of choices of all groups.
        self.choices = len(action.get("choices", ())) + sum(len(group["choices"]) for group in groups)
        self.action_space: gym.spaces.Discrete | gym.spaces.Box | gym.spaces.Dict
        low = np.array([axis["low"] for axis in axes], np.float32)
        high = np.array([axis["high"] for axis in axes], np.float32)
        if self.kind == "discrete":
            self.action_space = gym.spaces.Discrete(self.choices)
        elif self.kind == "continuous":
            self.action_space = gym.spaces.Box(low, high)
        else:
            parts: dict[str, gym.spaces.Space[Any]] = {
                group["name"]: gym.spaces.Discrete(len(group["choices"])) for group in groups
            }
            bounds = zip(axes, low, high)
            parts |= {axis["name"]: gym.spaces.Box(least, most, (1,)) for axis, least, most in bounds}
            self.action_space = gym.spaces.Dict(parts)
        self._groups, self._axes = [group["name"] for group in groups], [axis["name"] for axis in axes]

    def reset(self, lanes: list[tuple[int, int | None]]) -> tuple[Observation, NDArray[np.float32]]:
        """Begins episodes with seeds; observations and signals of all lanes."""
        features, signals = self.native.reset(lanes)
        return self._seen(features, False), signals

    def step(self, actions: Any, steps: NDArray[np.bool_] | None = None) -> Any:
        """One native step of the lanes for which ``steps`` is true."""
        stepped = self._stepped(actions, steps)
        if self._is_plain:
            return stepped
        features, rewards, terminated, truncated, signals, terms, finals = stepped
        last = None if finals is None else self._seen(finals, True)
        return self._seen(features, False), rewards, terminated, truncated, signals, terms, last

    def _seen(self, features: NDArray[np.float32], last: bool) -> Observation:
        """Observations of all lanes; the ``last`` ones of episodes that have just ended."""
        if not self.form.parts:
            return features.reshape(self._shape)
        return self.form.shown(features, self.native.tensors(last), self._rows)

    def _stepped(self, actions: Any, steps: NDArray[np.bool_] | None) -> Any:
        if self.kind == "discrete":
            return self.native.choose(np.asarray(actions, np.int64).reshape(-1), steps)
        if self.kind == "continuous":
            return self.native.control(np.ascontiguousarray(actions, np.float32).reshape(-1), steps)
        choices = self._column(actions, self._groups, np.dtype(np.int64))
        return self.native.act(choices, self._column(actions, self._axes, np.dtype(np.float32)), steps)

    def _column(self, actions: Any, names: Sequence[str], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Some parts of the actions of every environment, ``(lanes × parts,)``."""
        missing = [name for name in names if name not in actions]
        if missing:
            raise ValueError(f"the action names no {', '.join(missing)}; expected a dict as in the action space")
        columns = [np.asarray(actions[name], dtype).reshape(self.lanes) for name in names]
        return np.ascontiguousarray(np.stack(columns, axis=1)).reshape(-1) if columns else np.zeros(0, dtype)

    def mask(self) -> NDArray[np.int8] | None:
        """The choices that the process allows, ``(lanes, choices)``, for Gymnasium's ``Discrete.sample``."""
        allowed = self.native.allowed()
        return None if allowed is None else allowed.reshape(self.lanes, self.choices).astype(np.int8)


class ProcessEnv(gym.Env[Observation, Any]):
    """A built-in process as a Gymnasium environment.

    Observations are ``float32`` of shape ``(features,)`` within the space's bounds, or one image of ``uint8`` of shape ``(height,
    width, channels)``, or a dict with ``features``, each image and set of points by its name, and the number of points as
    ``<name>_count`` (points from there on are zeros); actions an index, or ``float32`` of
    shape ``(axes,)`` in the axes' own units (values beyond the bounds are clipped). An action of several parts is a dict: an
    index for each group of choices, and ``float32`` of shape ``(1,)`` for each setting. ``info`` holds every signal of the step
    by name under ``signals``, every reward term under ``reward_terms`` and, where the process forbids choices,
    ``action_mask`` of shape ``(choices,)``, the choices of all groups; the first allowed choice replaces a forbidden choice.

    :param kind: the process, a name of ``setpoint list processes``
    :param max_steps: steps after which an episode is truncated; by default the process's own limit
    :param reward: weights of signals, with ``on_terminated`` and ``on_truncated``; by default the source's reward
    :param render_mode: ``"ansi"`` for a table of the present state, ``"rgb_array"`` for a picture of it
    :param data: ``[data]``: the meaning of a log's columns, if ``kind`` is ``"learned"`` or ``"replay"``
    :param keys: the process's own keys of ``[process]``
    :raises ValueError: for an unknown process, key or signal; the message names the nearest one
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 10}

    def __init__(
        self,
        kind: str,
        *,
        max_steps: int | None = None,
        reward: dict[str, float] | None = None,
        data: dict[str, Any] | None = None,
        render_mode: str | None = None,
        **keys: Any,
    ):
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode must be one of {self.metadata['render_modes']}, not {render_mode!r}")
        self.render_mode = render_mode
        self.processes = _Processes(kind, None, max_steps, reward, data, keys)
        self.observation_space = self.processes.observation_space
        self.action_space = self.processes.action_space
        self._seeded = False
        self._over = True
        self._observation: Observation = row_of(create_empty_array(self.observation_space, 1, np.zeros), 0)
        # The first observation of the next episode: the native side resets in the last step of an episode.
        self._next: Observation | None = None
        self._signals: NDArray[np.float32] = np.zeros(len(self.processes.signal_names), np.float32)
        self._last: tuple[Any, float] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode; the same seed gives the same sequence of episodes."""
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**31))
        if seed is not None or self._next is None:
            self._observation, self._signals = self.processes.reset([(0, seed)])
        else:
            self._observation = self._next
        self._seeded = True
        self._over = False
        self._next = self._last = None
        return self._observation, self._info(None)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Takes one action: an index, or one number per axis."""
        if self._over:
            raise gym.error.ResetNeeded("call reset() before the first step and after the end of an episode")
        observations, rewards, terminated, truncated, self._signals, terms, finals = self.processes.step(action)
        reward, is_terminated, is_truncated = float(rewards[0]), bool(terminated[0]), bool(truncated[0])
        self._observation = observations
        if finals is not None:
            self._next, self._observation = observations, finals
            self._over = True
        self._last = (action, reward)
        return self._observation, reward, is_terminated, is_truncated, self._info(terms)

    def action_masks(self) -> NDArray[np.bool_]:
        """The allowed choices, ``(choices,)``; all if the process never forbids any."""
        mask = self.processes.mask()
        return np.ones(self.processes.choices, np.bool_) if mask is None else mask[0].astype(np.bool_)

    def render(self) -> Any:
        """The present state as text (``"ansi"``) or as a picture of shape ``(height, width, 3)`` (``"rgb_array"``)."""
        features, images = self.processes.form.parted(self._observation)
        state = _picture.State(self.processes.spec, features, self._signals, self._last, images)
        if self.render_mode == "ansi":
            return _picture.text(state)
        if self.render_mode == "rgb_array":
            return _picture.pixels(state)
        return None

    def _info(self, terms: NDArray[np.float64] | None) -> dict[str, Any]:
        info: dict[str, Any] = {_INFO_SIGNALS: dict(zip(self.processes.signal_names, self._signals.tolist()))}
        if terms is not None:
            info[_INFO_TERMS] = dict(zip(self.processes.terms, terms.tolist()))
        if not self._over and (mask := self.processes.mask()) is not None:
            info[_INFO_MASK] = mask[0]
        return info


class ProcessVectorEnv(VectorEnv[Observation, Any, NDArray[Any]]):
    """Many environments of a built-in process, stepped at once by native code without the interpreter's lock.

    Observations are ``float32`` of shape ``(num_envs, features)``, or with images and points as in :class:`ProcessEnv`, each with an
    axis of ``num_envs`` first; rewards are ``float64`` of shape ``(num_envs,)``. ``info``
    holds ``signals`` and ``reward_terms``: dictionaries of arrays of shape ``(num_envs,)``; ``action_mask`` of shape
    ``(num_envs, choices)`` where the process forbids choices; with same-step autoreset ``final_obs`` (and ``_final_obs``)
    for the environments whose episode ended.

    :param kind: the process, a name of ``setpoint list processes``
    :param num_envs: number of environments
    :param autoreset_mode: treatment of an environment whose episode has ended: Gymnasium's ``NEXT_STEP`` (its default),
        ``SAME_STEP`` or ``DISABLED`` (``reset(options={"reset_mask": …})``)
    :param max_steps: steps after which an episode is truncated; by default the process's own limit
    :param reward: weights of signals, with ``on_terminated`` and ``on_truncated``; by default the source's reward
    :param data: ``[data]``: the meaning of a log's columns, if ``kind`` is ``"learned"`` or ``"replay"``
    :param keys: the process's own keys of ``[process]``
    :raises ValueError: for an unknown process, key or signal; the message names the nearest one
    """

    def __init__(
        self,
        kind: str,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_steps: int | None = None,
        reward: dict[str, float] | None = None,
        data: dict[str, Any] | None = None,
        render_mode: str | None = None,
        **keys: Any,
    ):
        if render_mode is not None:
            raise ValueError("a vector of processes has no picture; render a single environment")
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"autoreset_mode": self.autoreset_mode, "render_modes": []}
        self.processes = _Processes(kind, num_envs, max_steps, reward, data, keys)
        self.num_envs = self.processes.lanes
        self.single_observation_space = self.processes.observation_space
        self.single_action_space = self.processes.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        # Environments that wait for their reset. The native side has begun their next episodes; their first
        # observations are kept until the reset.
        self._over = np.ones(self.num_envs, np.bool_)
        self._begun = np.zeros(self.num_envs, np.bool_)
        self._next: Observation = create_empty_array(self.single_observation_space, self.num_envs, np.zeros)
        self._observations: Observation = copied(self._next)
        self._seeded = False

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins episodes: in all environments, or in the environments of ``options["reset_mask"]``.

        Environment ``i`` draws from ``seed + i``, or from the ``i``-th seed of a list.
        """
        mask = (options or {}).get("reset_mask")
        which = np.ones(self.num_envs, np.bool_) if mask is None else np.asarray(mask, np.bool_)
        if which.shape != (self.num_envs,) or not which.any():
            raise ValueError(f"reset_mask must name some of {self.num_envs} environments, not {mask!r}")
        super().reset(seed=seed if isinstance(seed, int) else None)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**31))
        if seed is None:
            seeds: Sequence[int | None] = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            seeds = [int(seed) + index for index in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} environments")
        self._seeded = True
        unseeded = np.array([seed is None for seed in seeds])
        to_begin = which & ~(self._begun & unseeded)
        observations, signals = self.processes.reset([(lane, seeds[lane]) for lane in np.flatnonzero(to_begin).tolist()])
        observations = rows_where(to_begin, observations, self._next)
        self._observations = rows_where(which, observations, self._observations)
        self._over &= ~which
        self._begun &= ~which
        return copied(self._observations), self._info(signals, None)

    def step(
        self, actions: Any
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Takes one action in every environment."""
        standing = self._over
        stands = bool(standing.any())
        if stands and self.autoreset_mode != AutoresetMode.NEXT_STEP:
            raise gym.error.ResetNeeded(
                f"environments {np.flatnonzero(standing).tolist()} must be reset before the next step"
            )
        stepped = self.processes.step(actions, ~standing if stands else None)
        observations, rewards, terminated, truncated, signals, terms, finals = stepped
        info = self._info(signals, terms)
        self._over = self._begun = np.zeros(self.num_envs, np.bool_)
        if finals is not None:
            over = terminated | truncated
            if self.autoreset_mode == AutoresetMode.SAME_STEP:
                info["final_obs"] = _objects(finals, over)
                info["_final_obs"] = over
                info["final_info"] = {
                    _INFO_SIGNALS: info[_INFO_SIGNALS],
                    f"_{_INFO_SIGNALS}": over,
                    _INFO_TERMS: info[_INFO_TERMS],
                    f"_{_INFO_TERMS}": over,
                }
                info["_final_info"] = over
            else:
                self._next = observations
                observations = finals
                self._over, self._begun = over, over.copy()
        self._observations = observations
        return (
            copied(observations) if self.autoreset_mode == AutoresetMode.DISABLED else observations,
            rewards,
            terminated,
            truncated,
            info,
        )

    def _info(self, signals: NDArray[np.float32], terms: NDArray[np.float64] | None) -> dict[str, Any]:
        columns = signals.reshape(self.num_envs, -1)
        info: dict[str, Any] = {
            _INFO_SIGNALS: {name: columns[:, index] for index, name in enumerate(self.processes.signal_names)}
        }
        if terms is not None:
            rows = terms.reshape(self.num_envs, -1)
            info[_INFO_TERMS] = {name: rows[:, index] for index, name in enumerate(self.processes.terms)}
        if (mask := self.processes.mask()) is not None:
            info[_INFO_MASK] = mask
        return info


def _objects(rows: Observation, where: NDArray[np.bool_]) -> NDArray[np.object_]:
    """One row per environment whose episode ended, otherwise ``None``: Gymnasium's form of final observations."""
    objects = np.full(len(where), None, dtype=object)
    for index in np.flatnonzero(where):
        objects[index] = row_of(rows, int(index))
    return objects


def make_vec_env(
    env_id: str | Callable[..., gym.Env[Any, Any]],
    n_envs: int = 1,
    seed: int | None = None,
    env_kwargs: dict[str, Any] | None = None,
) -> VectorEnv[Any, Any, Any]:
    """Several environments of one kind, like Stable-Baselines3's function of the same name.

    :param env_id: a Gymnasium id, a built-in process, or a function that makes an environment
    :param n_envs: number of environments
    :param seed: environment ``i`` is reset with ``seed + i``
    :param env_kwargs: arguments of each environment
    """
    kwargs = env_kwargs or {}
    vector: VectorEnv[Any, Any, Any]
    kind = kind_of(env_id) if isinstance(env_id, str) else None
    if kind is not None:
        vector = ProcessVectorEnv(kind, n_envs, **kwargs)
    elif isinstance(env_id, str):
        vector = SyncVectorEnv([partial(gym.make, env_id, **kwargs) for _ in range(n_envs)])
    else:
        vector = SyncVectorEnv([partial(env_id, **kwargs) for _ in range(n_envs)])
    if seed is not None:
        vector.reset(seed=seed)
    return vector
