"""Environments that break one promise each, for tests/environments.rs, and some that keep all of them in unusual ways."""

import os
import time

import gymnasium
import numpy as np
from gymnasium import spaces

# Steps that are in order before something breaks.
SOUND_STEPS = 5


class Counter(gymnasium.Env):
    """Counts its steps; its first observation is drawn. Every fault below is one method of its own."""

    observation_space = spaces.Box(-1.0, 100.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, length=8):
        self.length = length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.start = self.np_random.uniform(-1.0, 1.0)
        return self.observe(), {}

    def step(self, action):
        self.steps += 1
        if self.steps > SOUND_STEPS:
            return self.broken()
        return self.sound()

    def sound(self):
        return self.observe(), float(self.start), self.steps >= self.length, False, {"twice": 2 * self.steps}

    def broken(self):
        return self.sound()

    def observe(self):
        return np.array([self.start, self.steps], dtype=np.float32)

    def but(self, **changes):
        """What a sound step gives, with changes."""
        names = ["observation", "reward", "terminated", "truncated", "info"]
        return tuple({**dict(zip(names, self.sound())), **changes}[name] for name in names)


class NaN(Counter):
    def broken(self):
        return self.but(observation=np.array([0.5, np.nan], dtype=np.float32))


class Infinite(Counter):
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def broken(self):
        return self.but(observation=np.array([np.inf, 0.0], dtype=np.float32))


class WrongShape(Counter):
    def broken(self):
        return self.but(observation=np.zeros(1, dtype=np.float32))


class WrongType(Counter):
    def broken(self):
        return self.but(observation=np.zeros(2))


class NotAnArray(Counter):
    def broken(self):
        return self.but(observation=[0.0, 0.0])


class BeyondBounds(Counter):
    def broken(self):
        return self.but(observation=np.array([0.0, 101.0], dtype=np.float32))


class NaNReward(Counter):
    def broken(self):
        return self.but(reward=float("nan"))


class TextReward(Counter):
    def broken(self):
        return self.but(reward="1.0")


class ArrayReward(Counter):
    def broken(self):
        return self.but(reward=np.ones(1))


class NumberAsFlag(Counter):
    def broken(self):
        return self.but(terminated=1)


class OldStep(Counter):
    def broken(self):
        return self.sound()[:4]


class Raises(Counter):
    def broken(self):
        raise ValueError("the valve is stuck")


class RaisesInReset(Counter):
    def reset(self, *, seed=None, options=None):
        if seed is None:
            raise RuntimeError("no licence left")
        return super().reset(seed=seed)


class NaNSignal(Counter):
    def broken(self):
        return self.but(info={"twice": float("nan")})


class Hangs(Counter):
    def broken(self):
        time.sleep(3600)


class Slow(Counter):
    """Takes a while, but not too long: many of them in one worker are not one that hangs."""

    def step(self, action):
        time.sleep(0.15)
        return self.sound()


class DiesAlways(Counter):
    def broken(self):
        print("last words", flush=True)
        os._exit(7)


class DiesAtOnce(Counter):
    def step(self, action):
        os._exit(7)


class DiesOnce(Counter):
    """Dies as long as a file is not there, which it writes before."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def broken(self):
        if not os.path.exists(self.file):
            with open(self.file, "w"):
                os._exit(9)
        return self.sound()


class Prints(Counter):
    def step(self, action):
        print("ok")
        os.write(1, b'{"failed": null}\n')
        return self.sound()


class Reads(Counter):
    def step(self, action):
        try:
            input()
        except EOFError:
            pass
        return self.sound()


class SeveralImages(Counter):
    observation_space = spaces.Box(0, 255, (4, 96, 96, 3), np.uint8)


class Words(Counter):
    observation_space = spaces.Text(10)


class Unbounded(Counter):
    action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)


class NotAnEnvironment:
    pass


class Mixed(Counter):
    """Every space that can be observed, in a dict, and an action of two numbers in a grid."""

    observation_space = spaces.Dict(
        {
            "position": spaces.Box(-1.0, 1.0, (2,), np.float64),
            "mode": spaces.Discrete(3, start=1),
            "Bits": spaces.MultiBinary(2),
            "pair": spaces.Tuple((spaces.MultiDiscrete([2, 2]), spaces.Box(0, 9, (), np.int64))),
        }
    )
    action_space = spaces.Box(np.array([[-2.0], [0.0]], dtype=np.float64), 2.0, (2, 1), np.float64)

    def step(self, action):
        assert self.action_space.contains(action), action
        self.steps += 1
        return self.observe(), action.sum(), False, self.steps == 3, {"applied": action[1, 0]}

    def observe(self):
        return {
            "position": np.array([self.start, -self.start]),
            "mode": np.int64(1 + self.steps % 3),
            "Bits": np.array([1, 0], dtype=np.int8),
            "pair": (np.array([1, 0]), np.array(self.steps)),
        }


class Masked(Counter):
    """Two numbers in one choice; their allowed values follow from the count. The reward counts allowed choices."""

    action_space = spaces.MultiDiscrete([2, 3], start=[0, 5])

    def action_masks(self):
        return [True, False] + [self.steps % 3 == kind for kind in range(3)]

    def step(self, action):
        assert self.action_space.contains(action), action
        forbidden = action[0] != 0 or action[1] - 5 != self.steps % 3
        self.steps += 1
        return self.observe(), -1.0 if forbidden else 1.0, self.steps >= self.length, False, {}


class MaskInInfo(Counter):
    def reset(self, *, seed=None, options=None):
        observation, _ = super().reset(seed=seed)
        return observation, {"action_mask": np.array([1, 0], dtype=np.int8)}

    def sound(self):
        observation, reward, terminated, truncated, _ = super().sound()
        return observation, reward, terminated, truncated, {"action_mask": np.array([self.steps % 2, 1], dtype=np.int8)}
