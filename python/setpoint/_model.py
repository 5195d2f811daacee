"""The common part of all models: they learn, decide, are saved and loaded. :mod:`setpoint.models` has their classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from setpoint import _native
from setpoint._actions import allowed_choices
from setpoint._host import EnvironmentHost
from setpoint._numbers import plain, seed_of, whole
from setpoint._policy import Policy, replace_file
from setpoint._progress import Bar, Lines
from setpoint._spaces import Unexpected
from setpoint._tensors import Form, parts_of
from setpoint._vectors import single_environments
from setpoint._watch import Watch
from setpoint.callbacks import BaseCallback, CallbackFunction, CallbackList
from setpoint.envs import ProcessEnv, ProcessVectorEnv, kind_of

Environment: TypeAlias = "str | gym.Env[Any, Any] | VectorEnv[Any, Any, Any] | Sequence[Callable[[], gym.Env[Any, Any]]]"
Callback: TypeAlias = "CallbackFunction | BaseCallback | Sequence[CallbackFunction | BaseCallback] | None"

# Wrappers that do not change the results of an environment.
_TRANSPARENT = (gym.wrappers.OrderEnforcing, gym.wrappers.PassiveEnvChecker)


class _Source:
    """The environment of a model: a process by its description, or environments in Python by their host."""

    def __init__(self, env: Environment, count: int | None, check_bounds: bool):
        self.host: EnvironmentHost | None = None
        self.name: str
        count = None if count is None else whole(count, "n_envs")
        self.count = 1 if count is None else count
        process = _process_of(env)
        if process is not None:
            self.description, own_count = process
            self.name = self.description["process"]["kind"]
            if own_count is not None:
                self._agree(count, own_count)
            return
        if isinstance(env, str):
            spec_id = env
            make: list[Callable[[], gym.Env[Any, Any]]]
            make = [lambda: gym.make(spec_id, disable_env_checker=True) for _ in range(self.count)]
            self.name = env
        elif isinstance(env, gym.Env):
            make = [_given(env)]
            self.name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
            self._agree(count, 1)
        elif (singles := single_environments(env)) is not None:
            make = [_given(single) for single in singles]
            spec = getattr(env, "spec", None)
            self.name = spec.id if spec is not None else type(singles[0].unwrapped).__name__
            self._agree(count, len(make))
        else:
            given = list(env) if isinstance(env, Sequence) else []
            make = [single for single in given if callable(single)]
            if not make or len(make) != len(given):
                raise TypeError(f"{env!r} is not an environment: give an id, a gymnasium.Env, or functions that make one")
            self.name = ""
            self._agree(count, len(make))
        self.host = EnvironmentHost(make, name=self.name, check_bounds=check_bounds)
        self.name = self.host.name
        self.description = {"process": {"kind": "gymnasium", "id": self.name}, "reward": {"reward": 1.0}}

    def _agree(self, asked: int | None, there: int) -> None:
        if asked is not None and asked != there:
            raise ValueError(f"n_envs is {asked}, but {there} environments were given")
        self.count = there


def _given(env: gym.Env[Any, Any]) -> Callable[[], gym.Env[Any, Any]]:
    return lambda: env


def _process_of(env: Environment) -> tuple[dict[str, Any], int | None] | None:
    """The description of a built-in process (and how many of it were given), if it is a built-in process without wrappers."""
    if isinstance(env, str):
        kind = kind_of(env)
        return None if kind is None else ({"process": {"kind": kind}}, None)
    while isinstance(env, _TRANSPARENT):
        env = env.env
    if isinstance(env, ProcessEnv):
        return env.processes.description, 1
    if isinstance(env, ProcessVectorEnv):
        return env.processes.description, env.num_envs
    return None


class Model:
    """A learner with its policy. Use :class:`setpoint.PPO`, :class:`setpoint.SAC` and the others.

    :param policy: ``"MlpPolicy"``, the only kind; images of the observation get convolutions by themselves
    :param env: its environment; ``None`` for a model that only decides
    :param n_envs: number of environments, if ``env`` is an id
    :param seed: seed of all random numbers; the same seed gives the same model for any number of threads
    :param policy_kwargs: ``net_arch`` and ``activation_fn`` as in Stable-Baselines3 (``"tanh"`` or ``"relu"``)
    :param threads: number of cores; 0 means all
    :param verbose: 1 prints a line of figures every few seconds
    :param device: ``"cpu"`` or ``"auto"``
    :param check_bounds: refuse observations outside of the bounds that an environment in Python declares
    :param timeout_s: time limit, in seconds, of a step or a reset of an environment in Python during the learning;
        ``math.inf`` waits for ever, for example in a debugger
    :param data: for algorithms that learn from a log: the meaning of its columns, like ``[data]`` of a project file
    :param options: the algorithm's own, with Stable-Baselines3's names: ``setpoint list algorithms NAME`` explains each
    :raises TypeError: for an option that the algorithm does not have
    :raises ValueError: for a value out of range, or an environment that the algorithm cannot learn
    """

    algorithm: ClassVar[str] = ""

    def __init__(
        self,
        policy: str = "MlpPolicy",
        env: Environment | None = None,
        *,
        n_envs: int | None = None,
        seed: int | None = 0,
        policy_kwargs: dict[str, Any] | None = None,
        threads: int = 0,
        verbose: int = 0,
        device: str = "auto",
        check_bounds: bool = True,
        timeout_s: float = 60.0,
        data: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if not timeout_s > 0:
            raise ValueError(f"timeout_s must be more than 0, not {timeout_s}")
        if policy != "MlpPolicy":
            raise ValueError(f"policy must be 'MlpPolicy', not {policy!r}: images get convolutions by themselves, and there are no other networks")
        if device not in ("auto", "cpu"):
            raise ValueError(f"device must be 'cpu' or 'auto', not {device!r}: models learn on the processor")
        self.verbose = verbose
        self.seed = seed_of(seed)
        self.options = _checked(self.algorithm, {**options, **_network(policy_kwargs)})
        self._threads = whole(threads, "threads")
        self._check_bounds = check_bounds
        self._timeout_s = timeout_s
        self._source: _Source | None = None
        self._native: _native.Learner | None = None
        self._decides: Policy | None = None
        self._state: bytes | None = None
        self._description: dict[str, Any] = {}
        self._data = None if data is None else plain(data)
        # Whether the model is a policy without its learner: its weights can decide, and fresh ones must not replace them.
        self._only_decides = False
        if env is not None:
            self.set_env(env, n_envs=n_envs)

    @property
    def num_timesteps(self) -> int:
        """Number of environment steps so far."""
        return 0 if self._native is None else self._native.steps()

    @property
    def policy(self) -> Policy:
        """The present policy."""
        if self._decides is None:
            self._decides = Policy(self._learner().policy())
        return self._decides

    def set_env(self, env: Environment, n_envs: int | None = None) -> None:
        """Sets other environments for the learning; their spaces must be the same. The model keeps its parameters."""
        state = self._state if self._native is None or self._only_decides else self._native.save()
        takes_count = "n_envs" in _option_names(self.algorithm)
        if not takes_count and n_envs not in (None, 1):
            raise ValueError(f"{self.algorithm} learns in one environment, but n_envs is {n_envs}")
        if n_envs is None and isinstance(env, str) and takes_count:
            n_envs = _default(self.algorithm, "n_envs")
        source = _Source(env, n_envs, self._check_bounds)
        data = {} if self._data is None else {"data": self._data}
        if not takes_count and source.count != 1:
            raise ValueError(f"{self.algorithm} learns in one environment, but {source.count} were given")
        options = {**self.options, **({"n_envs": source.count} if takes_count else {})}
        self._description = {
            **source.description,
            **data,
            "train": {"algorithm": self.algorithm, "seed": self.seed, self.algorithm: options},
        }
        native = _native.Learner(json.dumps(self._description), source.host, self._threads)
        if state is not None:
            native.restore(state)
        self._source, self._native, self._state = source, native, None

    def get_env(self) -> EnvironmentHost | None:
        """The host of the environments, if they are written in Python."""
        return None if self._source is None else self._source.host

    def learn(
        self,
        total_timesteps: int,
        callback: Callback = None,
        log_interval: int = 1,
        tb_log_name: str = "",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Takes environment steps and learns from them.

        :param total_timesteps: number of steps; an algorithm that collects in rounds may take one round more
        :param callback: called after every update, see :mod:`setpoint.callbacks`
        :param reset_num_timesteps: begin new episodes and schedules; ``False`` continues from the end of the last call
        :param progress_bar: draw a progress bar on standard error
        :raises EnvironmentFailed: if an environment raised an exception, or gave wrong values
        :raises RuntimeError: if the learner's numbers left the finite range, or if the model was loaded from a policy file
            without its learner
        """
        native = self._learner()
        if self._only_decides:
            raise RuntimeError(
                "this model was loaded from a policy file without its learner, so it can decide, but not learn: learning would "
                "begin with fresh weights. Load a file that Model.save wrote, or make a new model"
            )
        total_timesteps = whole(total_timesteps, "total_timesteps")
        own: list[BaseCallback] = [Bar(total_timesteps)] if progress_bar else []
        own += [Lines(self.algorithm)] if self.verbose else []
        every: list[CallbackFunction | BaseCallback]
        if callback is None:
            every = []
        elif isinstance(callback, Sequence):
            every = list(callback)
        else:
            every = [callback]
        together = CallbackList([*every, *own])
        together.model = self
        together.on_training_start()

        def look(figures: dict[str, Any]) -> bool:
            self._decides = None
            return together(figures)

        try:
            with Watch(self.get_env(), self._timeout_s):
                native.learn(total_timesteps, look if every or own else None, reset_num_timesteps)
        finally:
            self._decides = None
            together.on_training_end()
        return self

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
        action_masks: NDArray[Any] | None = None,
        seed: int | None = None,
        signals: Mapping[str, Any] | None = None,
    ) -> tuple[Any, None]:
        """As :meth:`Policy.predict`, for observations and actions of the model's environment. A mask in an observation
        is obeyed; ``action_masks`` goes first."""
        host = None if self._source is None else self._source.host
        keywords: dict[str, Any] = {
            "deterministic": deterministic,
            "action_masks": action_masks,
            "seed": seed,
            "signals": signals,
        }
        if host is None:
            return self.policy.predict(observation, **keywords)
        rows, count, single = _rows(host, observation)
        if action_masks is None and host.observations.masked:
            keywords["action_masks"] = _masks(host, [observation] if single else observation)
        chosen, _ = self.policy.predict(rows, **keywords)
        if isinstance(chosen, dict):
            groups, axes = ([part["name"] for part in parts] for parts in (host.actions.groups, host.actions.axes))
            stacked = [[chosen[name].reshape(count) for name in names] for names in (groups, axes)]
            chosen = host.actions.packed(*(np.stack(part, axis=1) if part else np.zeros((count, 0)) for part in stacked))
        actions = host.actions.read(chosen)
        if single:
            return actions[0], None
        is_one_array = not isinstance(actions[0], (dict, tuple))
        return (np.array(actions) if is_one_array else actions), None

    def save(self, path: str | PathLike[str]) -> None:
        """Writes a policy file, which the command line also reads, with the state that :meth:`load` needs to
        continue the learning. The replay buffer is not saved."""
        replace_file(Path(path), self._to_bytes())

    @classmethod
    def load(cls, path: str | PathLike[str], env: Environment | None = None, **keywords: Any) -> Self:
        """Loads a model, to decide, or to learn in ``env``. A policy file of the command line can only decide.

        :param keywords: arguments of the class (``seed``, ``threads``, ``n_envs`` …); they replace the saved values
        """
        return cls._from_bytes(Path(path).read_bytes(), env, fspath(path), keywords)

    def _to_bytes(self) -> bytes:
        state = self._state if self._native is None or self._only_decides else self._native.save()
        model = {
            "format": _FORMAT,
            "class": type(self).__name__,
            "seed": self.seed,
            "options": self.options,
            "project": self._description,
        }
        extras = {"model": json.dumps(model).encode()}
        if state is not None:
            extras["learner"] = state
        return self.policy._native.to_bytes_with(extras)

    @classmethod
    def _from_bytes(cls, content: bytes, env: Environment | None, name: str, keywords: dict[str, Any]) -> Self:
        policy = Policy(_native.Policy.from_bytes(content))
        if policy.manifest["algorithm"] != cls.algorithm:
            raise ValueError(f"{name} was learned by {policy.manifest['algorithm']}, not by {cls.algorithm}")
        written = _native.extra(content, "model")
        saved = {} if written is None else json.loads(written)
        if saved.get("format", 1) > _FORMAT:
            raise ValueError(
                f"{name} contains a model of format {saved['format']}; this Setpoint ({_native.__version__}) reads formats up to "
                f"{_FORMAT}. Use a newer Setpoint"
            )
        options = {**saved.get("options", {}), **{key: keywords[key] for key in keywords if key not in _GENERAL}}
        own = {"seed": saved.get("seed", 0), "data": saved.get("project", {}).get("data")}
        general = {**own, **{key: keywords[key] for key in keywords if key in _GENERAL}}
        count = general.pop("n_envs", None)
        model = cls(**general, **options)
        model._state = _native.extra(content, "learner")
        model._description = saved.get("project", {})
        model._decides = policy
        model._only_decides = model._state is None
        if env is not None:
            if count is None and isinstance(env, str):
                count = model._description.get("train", {}).get(cls.algorithm, {}).get("n_envs")
            model.set_env(env, n_envs=count)
        return model

    def __reduce__(self) -> tuple[Callable[[type[Model], bytes], Model], tuple[type[Model], bytes]]:
        return _model_from_bytes, (type(self), self._to_bytes())

    def _learner(self) -> _native.Learner:
        if self._native is None:
            raise RuntimeError("this model has no environment: give it one with set_env(env)")
        return self._native


# The number of the layout of a model's bytes in its policy file. A file without a number has format 1.
_FORMAT = 1
_GENERAL = ("n_envs", "seed", "threads", "verbose", "device", "check_bounds", "timeout_s", "data", "policy", "policy_kwargs")


def _rows(host: EnvironmentHost, observation: Any) -> tuple[Any, int, bool]:
    """Observations of an environment in the form of its policy, in rows; their number, and whether there was only one.

    Several are an array with one dimension more than the space has, or a list of observations.
    """
    space = host.observation_space
    if isinstance(space, (gym.spaces.Dict, gym.spaces.Tuple)):
        single = not isinstance(observation, list)
        several = [observation] if single else observation
    else:
        single = np.ndim(observation) == len(space.shape or ())
        several = [observation] if single else list(observation)
    count, converted = len(several), host.observations
    rows = np.zeros((count, converted.size), np.float32)
    images = [np.zeros((count, *image.shape), image.dtype) for image in converted.images]
    for index, given in enumerate(several):
        try:
            converted.write(given, rows[index], [image[index] for image in images])
        except Unexpected as error:
            raise ValueError(str(error)) from None
    parts = parts_of(host.description)
    if not parts:
        return rows, count, single
    return Form(converted.size, parts).shown(rows, images, count), count, single


def _masks(host: EnvironmentHost, observations: list[Any]) -> NDArray[np.bool_]:
    """The masks in observations; refuses one that is no mask or allows no choice."""
    masks = np.zeros((len(observations), len(host.actions.choices)), np.bool_)
    for row, given in zip(masks, observations):
        try:
            allowed_choices(host.observations.mask(given), host.actions, row)
        except Unexpected as error:
            raise ValueError(str(error)) from None
    return masks


def _model_from_bytes(cls: type[Model], content: bytes) -> Model:
    return cls._from_bytes(content, None, "the pickled model", {})


@cache
def _described(algorithm: str) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = json.loads(_native.options_of(algorithm))
    return described


def _option_names(algorithm: str) -> list[str]:
    return [option["name"] for option in _described(algorithm)]


def _default(algorithm: str, name: str) -> Any:
    return next(option["default"] for option in _described(algorithm) if option["name"] == name)


def _checked(algorithm: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options that are given, as in a project file; refuses an option that the algorithm does not have."""
    known = _option_names(algorithm)
    for name, value in options.items():
        if name not in known or name == "n_envs":
            near = get_close_matches(name, known, 1)
            advice = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise TypeError(f"{algorithm} has no option {name!r}: {advice}")
        if callable(value):
            raise TypeError(f'{name} cannot be a function; write a falling value as "linear_3e-4"')
    return {name: plain(value) for name, value in options.items() if value is not None}


def _network(policy_kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Stable-Baselines3's ``policy_kwargs`` as options."""
    options = dict(policy_kwargs or {})
    for name in options:
        if name not in ("net_arch", "activation_fn"):
            raise TypeError(f"policy_kwargs may contain net_arch and activation_fn, not {name!r}")
    activation = options.get("activation_fn")
    if activation is not None and not isinstance(activation, str):
        # A class such as torch.nn.Tanh, by its name: PyTorch is not needed for that.
        options["activation_fn"] = activation.__name__.lower()
    architecture = options.get("net_arch")
    if isinstance(architecture, dict) and "qf" in architecture:
        options["net_arch"] = {"pi": architecture["pi"], "vf": architecture["qf"]}
    return options
