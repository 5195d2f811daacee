"""assembly-setup as a Gymnasium environment, as its tutorial's readers would write it."""

import gymnasium
import numpy as np


class AssemblySetup(gymnasium.Env):
    """5 tools × 3 parameters; see crates/processes/src/assembly_setup.rs for dynamics and source."""

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (8,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(15)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation = self.np_random.random(8, dtype=np.float32)
        self.elapsed = 0.0
        return self.observation, {}

    def step(self, action):
        tool, parameter = divmod(int(action), 3)
        setup_time = 1.0 + 0.5 * abs(tool - self.observation[0]) + 0.3 * abs(parameter - self.observation[1])
        self.elapsed += setup_time
        reward = -setup_time + (10.0 if (tool, parameter) == (2, 1) else 0.0)
        self.observation = np.concatenate(
            [np.array([tool / 5, parameter / 3], np.float32), self.np_random.random(6, dtype=np.float32)]
        )
        return self.observation, float(reward), bool(self.elapsed > 50.0), False, {}


def evaluate(act, episodes=100):
    """Mean return of a deterministic policy."""
    env = AssemblySetup()
    total = 0.0
    for episode in range(episodes):
        observation, _ = env.reset(seed=1_000_000 + episode)
        done = False
        while not done:
            observation, reward, done, _, _ = env.step(act(observation))
            total += reward
    return total / episodes
