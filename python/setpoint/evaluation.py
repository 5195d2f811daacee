"""The evaluation of a policy in an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from setpoint._model import Model
from setpoint._numbers import whole
from setpoint._policy import Policy


class Predicts(Protocol):
    """A model to evaluate: a :class:`setpoint.Model`, a :class:`setpoint.Policy`, or anything with their ``predict``."""

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False) -> Any:
        """An action and a state."""


def evaluate_policy(
    model: Predicts,
    env: gym.Env[Any, Any],
    n_eval_episodes: int = 10,
    deterministic: bool = True,
    return_episode_rewards: bool = False,
    seed: int | None = None,
) -> tuple[float, float] | tuple[list[float], list[int]]:
    """Plays whole episodes and sums their rewards, undiscounted.

    :param model: the model that decides
    :param env: a single environment
    :param n_eval_episodes: number of episodes
    :param deterministic: the most probable action instead of a draw
    :param return_episode_rewards: return every episode's return and length instead
    :param seed: of the first reset; later episodes follow from it
    :return: mean and (population) standard deviation of the returns
    """
    # Constraints may read signals that are not in the observation; other models need not know the argument.
    reads_signals = isinstance(model, (Model, Policy))
    returns: list[float] = []
    lengths: list[int] = []
    for episode in range(whole(n_eval_episodes, "n_eval_episodes")):
        observation, info = env.reset(seed=seed if episode == 0 else None)
        total, length, over = 0.0, 0, False
        while not over:
            mask = info.get("action_mask")
            keywords = {} if mask is None else {"action_masks": mask}
            if reads_signals and isinstance(info.get("signals"), Mapping):
                keywords["signals"] = info["signals"]
            action, _ = model.predict(observation, deterministic=deterministic, **keywords)
            observation, reward, terminated, truncated, info = env.step(action)
            total += float(reward)
            length += 1
            over = terminated or truncated
        returns.append(total)
        lengths.append(length)
    if return_episode_rewards:
        return returns, lengths
    return float(np.mean(returns)), float(np.std(returns))
