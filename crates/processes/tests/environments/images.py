"""Environments with images for tests/images.rs. Every pixel follows from two features: `start`, which is drawn, and `steps`."""

import os

import gymnasium
import numpy as np
from gymnasium import spaces

# Channels first, and a number of bytes that fills no cache line.
BYTES, NUMBERS = (3, 20, 30), (20, 25, 2)


class Images(gymnasium.Env):
    """Bytes in the order of PyTorch and numbers, next to features. An episode has three steps."""

    observation_space = spaces.Dict(
        {
            "camera": spaces.Box(0, 255, BYTES, np.uint8),
            "depth": spaces.Box(-np.inf, np.inf, NUMBERS, np.float32),
            "start": spaces.Box(0, 255, (1,), np.float32),
            "steps": spaces.Box(0, 9, (1,), np.float32),
        }
    )
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.start = 0, int(self.np_random.integers(256))
        return self.observe(), {}

    def step(self, action):
        self.steps += 1
        return self.observe(), 1.0, self.steps >= 3, False, {}

    def observe(self):
        camera = np.arange(np.prod(BYTES)) + self.start + 7 * self.steps
        depth = self.start + 0.5 * self.steps - np.arange(np.prod(NUMBERS))
        return {
            "camera": (camera % 256).astype(np.uint8).reshape(BYTES),
            "depth": depth.astype(np.float32).reshape(NUMBERS),
            "start": np.array([self.start], np.float32),
            "steps": np.array([self.steps], np.float32),
        }


class Camera(Images):
    """The same camera alone."""

    observation_space = Images.observation_space["camera"]

    def observe(self):
        return super().observe()["camera"]


class DiesOnce(Images):
    """Ends its process in the second step, unless a file says that it did before."""

    def __init__(self, file):
        self.file = file

    def step(self, action):
        if self.steps == 1 and not os.path.exists(self.file):
            with open(self.file, "w"):
                os._exit(3)
        return super().step(action)


class Faulty(Images):
    """Its second observation has another value for a key."""

    def __init__(self, fault):
        self.fault = fault

    def observe(self):
        sound = super().observe()
        if self.steps < 2:
            return sound
        return sound | {
            "nan": {"depth": np.full(NUMBERS, np.nan, np.float32)},
            "shape": {"camera": sound["camera"].transpose(1, 2, 0)},
            "type": {"camera": sound["camera"].astype(np.int64)},
            "list": {"camera": sound["camera"].tolist()},
        }[self.fault]


class TooMany(Images):
    observation_space = spaces.Dict({f"camera_{index}": Images.observation_space["camera"] for index in range(5)})
