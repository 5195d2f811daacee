"""Training on an environment of Gymnasium in Python, the environment's own time taken off; one JSON line.

    python_training.py setpoint|sb3 ppo|sac

PPO with Stable-Baselines3's defaults and 4 environments on CartPole-v1, SAC with its defaults on Pendulum-v1, through
`gymnasium.make` in both. What is left after the environments' own time is what a library costs: that is compared.
"""

import json
import sys
import time

import gymnasium as gym
import numpy as np

library, algorithm = sys.argv[1], sys.argv[2]
name, lanes, warm, steps = ("CartPole-v1", 4, 8_192, 40_960) if algorithm == "ppo" else ("Pendulum-v1", 1, 400, 1_500)


def own_seconds():
    """What so many steps of the environments take alone, with random actions."""
    environment = gym.make(name)
    environment.reset(seed=0)
    actions = [environment.action_space.sample() for _ in range(1_000)]
    started = time.perf_counter()
    for step in range(steps):
        _, _, terminated, truncated, _ = environment.step(actions[step % 1_000])
        if terminated or truncated:
            environment.reset()
    return time.perf_counter() - started


if library == "setpoint":
    import setpoint

    model = getattr(setpoint, algorithm.upper())("MlpPolicy", [lambda: gym.make(name)] * lanes, seed=0)
else:
    import stable_baselines3
    import torch
    from stable_baselines3.common.env_util import make_vec_env

    # One thread is the faster choice for PPO's small networks, two for SAC's larger ones.
    torch.set_num_threads(1 if algorithm == "ppo" else 2)
    model = getattr(stable_baselines3, algorithm.upper())("MlpPolicy", make_vec_env(name, lanes), seed=0)
model.learn(warm)
started = time.perf_counter()
model.learn(steps, reset_num_timesteps=False)
seconds = time.perf_counter() - started
own = float(np.median([own_seconds() for _ in range(3)]))
print(json.dumps({"name": f"{algorithm}-python", "value": seconds - own, "unit": "s", "environments_s": own}))
