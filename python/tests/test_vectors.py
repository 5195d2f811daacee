"""Wrappers around vectors of environments are honoured or refused, never dropped."""

import inspect

import gymnasium as gym
import pytest
import setpoint
from gymnasium.vector import SyncVectorEnv


def make():
    return gym.make("setpoint/CartPole-v0")


def wrappers_of(module, base):
    found = [value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, base)]
    return [wrapper for wrapper in found if wrapper is not base]


def test_every_wrapper_around_a_gymnasium_vector_is_refused_by_name():
    wrappers = wrappers_of(gym.wrappers.vector, gym.vector.VectorWrapper)
    assert len(wrappers) > 5
    for wrapper in wrappers:
        # Their own arguments do not matter: the wrapper is refused for what it is.
        wrapped = wrapper.__new__(wrapper)
        wrapped.env = SyncVectorEnv([make])
        with pytest.raises(TypeError, match=f"the wrapper {wrapper.__name__} around"):
            setpoint.PPO("MlpPolicy", wrapped)


def test_every_wrapper_of_stable_baselines_is_refused_by_name():
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env", reason="Stable-Baselines3 is not installed")
    wrappers = wrappers_of(vec_env, vec_env.VecEnvWrapper)
    assert len(wrappers) > 3
    for wrapper in wrappers:
        wrapped = wrapper.__new__(wrapper)
        wrapped.venv = vec_env.DummyVecEnv([make])
        with pytest.raises(TypeError, match=f"the wrapper {wrapper.__name__} around"):
            setpoint.PPO("MlpPolicy", wrapped)


class VecEnvWrapper:
    """As Stable-Baselines3's: it passes on what it does not have itself."""

    def __init__(self, venv):
        self.venv = venv

    def __getattr__(self, name):
        return getattr(self.venv, name)


class VecFrameStack(VecEnvWrapper):
    pass


class Scaled(VecEnvWrapper):
    pass


def test_what_stands_for_a_wrapper_is_named():
    with pytest.raises(TypeError, match="VecFrameStack .*FrameStackObservation"):
        setpoint.PPO("MlpPolicy", VecFrameStack(SyncVectorEnv([make])))
    with pytest.raises(TypeError, match="Scaled .*single environments"):
        setpoint.PPO("MlpPolicy", Scaled(SyncVectorEnv([make])))


def test_wrappers_of_single_environments_are_honoured():
    stacked = [lambda: gym.wrappers.FlattenObservation(gym.wrappers.FrameStackObservation(make(), 3)) for _ in range(2)]
    model = setpoint.PPO("MlpPolicy", SyncVectorEnv(stacked), n_steps=64)
    assert model.policy.features == 12
    model.learn(128)
