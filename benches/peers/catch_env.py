"""The process `catch` as an environment of Gymnasium, for Stable-Baselines3: the same field, image and reward."""

import gymnasium
import numpy as np
from gymnasium import spaces

PLACES, PIXELS = 12, 3
SIDE = PLACES * PIXELS


class Catch(gymnasium.Env):
    observation_space = spaces.Box(0, 255, (SIDE, SIDE, 1), np.uint8)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.row, (self.part, self.tray) = 0, self.np_random.integers(PLACES, size=2)
        return self._image(), {}

    def step(self, action):
        self.tray = min(max(self.tray + int(action) - 1, 0), PLACES - 1)
        self.row += 1
        over = self.row == PLACES - 1
        reward = (1.0 if self.part == self.tray else -1.0) if over else 0.0
        return self._image(), reward, over, False, {}

    def _image(self):
        image = np.zeros((SIDE, SIDE, 1), np.uint8)
        for row, place in ((self.row, self.part), (PLACES - 1, self.tray)):
            image[row * PIXELS : (row + 1) * PIXELS, place * PIXELS : (place + 1) * PIXELS] = 255
        return image
