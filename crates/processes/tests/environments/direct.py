"""Steps environments by Gymnasium alone, for tests/environments.rs: an id, then a line of space-separated actions a step on
standard input; the seeds of the environments come first. Each line of the answer holds, for every environment, the outcome,
the reward, the observation after the step and the one that the next decision sees."""

import sys

import gymnasium
import numpy as np

identifier, *seeds = sys.stdin.readline().split()
environments = [gymnasium.make(identifier) for _ in seeds]
firsts = [environment.reset(seed=int(seed))[0] for environment, seed in zip(environments, seeds)]
print(" ".join(str(float(value)) for first in firsts for value in first))
for line in sys.stdin:
    shown = []
    for environment, action in zip(environments, line.split()):
        discrete = isinstance(environment.action_space, gymnasium.spaces.Discrete)
        action = int(action) if discrete else np.array([float(action)], dtype=np.float32)
        observation, reward, terminated, truncated, _ = environment.step(action)
        after = observation
        if terminated or truncated:
            observation, _ = environment.reset()
        outcome = 1 if terminated else 2 if truncated else 0
        shown += [outcome, float(np.float32(reward)), *map(float, after), *map(float, observation)]
    print(" ".join(map(str, shown)))
