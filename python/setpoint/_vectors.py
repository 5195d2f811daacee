"""Vectors of environments that are given to a model: the environments in them, or a refusal.

A wrapper around a vector changes what the learner sees. The environments below it are stepped one by one, so such a wrapper
would be lost: it is refused by its name, with the option or the wrapper of single environments that stands for it.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import SyncVectorEnv, VectorEnv, VectorWrapper

# What stands for a wrapper around a vector, by the name of its class.
_INSTEAD = {
    "VecNormalize": "the options normalize_observation and normalize_reward of the model do the same",
    "VecFrameStack": "wrap each environment with gymnasium.wrappers.FrameStackObservation",
    "VecMonitor": "the model counts episodes and returns itself; leave the wrapper out",
    "VecCheckNan": "the model refuses numbers that are not finite itself; leave the wrapper out",
    "VecTransposeImage": "the model reads images with their channels first or last; leave the wrapper out",
    "VecVideoRecorder": "wrap one environment with gymnasium.wrappers.RecordVideo",
    "VecExtractDictObs": "wrap each environment with gymnasium.wrappers.FilterObservation",
    "NormalizeObservation": "the option normalize_observation of the model does the same",
    "NormalizeReward": "the option normalize_reward of the model does the same",
    "RecordEpisodeStatistics": "the model counts episodes and returns itself; leave the wrapper out",
}
_ONE_BY_ONE = "give functions that make the single environments, each with the wrapper that it needs around it"


def single_environments(env: Any) -> list[gym.Env[Any, Any]] | None:
    """The environments of a vector that steps them one by one; ``None`` if it is no vector.

    :raises TypeError: for a wrapper around a vector, and for a vector whose environments cannot be reached
    """
    name = type(env).__name__
    if isinstance(env, VectorWrapper) or _is_wrapper_of_stable_baselines(env):
        advice = _INSTEAD.get(name, _ONE_BY_ONE)
        raise TypeError(f"the wrapper {name} around a vector of environments is not used by a model: {advice}")
    if type(env) is SyncVectorEnv or (_is_of_stable_baselines(env) and name == "DummyVecEnv"):
        return list(env.envs)
    if isinstance(env, VectorEnv) or hasattr(env, "num_envs"):
        raise TypeError(
            f"{name} keeps its environments elsewhere; give their id and n_envs, a list of functions that make them, or a "
            "SyncVectorEnv"
        )
    return None


def _is_of_stable_baselines(env: Any) -> bool:
    return type(env).__module__.startswith("stable_baselines3.")


def _is_wrapper_of_stable_baselines(env: Any) -> bool:
    # Stable-Baselines3 need not be installed: the class is known by its name.
    return any(base.__name__ == "VecEnvWrapper" for base in type(env).__mro__)
