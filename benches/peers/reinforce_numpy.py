"""The source's REINFORCE on assembly-line as a NumPy notebook does it; one JSON line with the training time."""

import json
import sys
import time

import numpy as np


class Line:
    """See crates/processes/src/assembly_line.rs for dynamics and source."""

    def __init__(self, rng):
        self.rng = rng

    def reset(self):
        rng = self.rng
        self.cycle_times = rng.uniform(28, 35, 6)
        self.wip = int(rng.integers(6, 15))
        self.speed = rng.uniform(0.80, 1.00)
        self.failure = rng.uniform(0.05, 0.12)
        self.stops = int(rng.integers(0, 5))
        self.efficiency = rng.uniform(0.75, 0.95)
        self.steps = 0
        return self.observe()

    def observe(self):
        return np.concatenate([(self.cycle_times - 20) / 25,
                               [self.wip / 40, self.speed / 1.2, self.failure, self.stops / 15, self.efficiency]])

    def step(self, action):
        rng = self.rng
        if action == 0:
            self.efficiency += rng.uniform(0, 0.05)
            self.stops = max(0, self.stops - 1)
        elif action == 1:
            self.speed += 0.03
            self.cycle_times -= rng.uniform(0.3, 0.8, 6)
            self.failure += 0.02
        elif action == 2:
            self.speed -= 0.03
            self.cycle_times += rng.uniform(0.5, 1.2, 6)
            self.failure -= 0.015
        elif action == 3:
            self.stops = max(0, self.stops - 3)
            self.failure -= 0.03
            self.cycle_times += rng.uniform(0.2, 0.6, 6)
        elif action == 4:
            self.wip -= int(rng.integers(1, 4))
            self.speed += 0.01
        self.cycle_times += rng.uniform(-0.5, 0.5, 6)
        self.wip += int(rng.integers(-1, 2))
        self.stops += int(rng.integers(0, 2))
        self.failure += rng.uniform(-0.01, 0.01)
        self.cycle_times = np.clip(self.cycle_times, 20, 45)
        self.wip = int(np.clip(self.wip, 0, 40))
        self.speed = float(np.clip(self.speed, 0.5, 1.2))
        self.failure = float(np.clip(self.failure, 0, 0.25))
        self.stops = int(np.clip(self.stops, 0, 15))
        self.efficiency = float(np.clip(self.efficiency, 0.6, 1.0))
        throughput = 3600 / np.mean(self.cycle_times) * self.speed * self.efficiency
        reward = 1.2 * throughput - 4.0 * self.stops - 1.5 * self.wip - 10.0 * self.failure
        terminated = self.wip >= 40 or self.failure > 0.20
        self.steps += 1
        return self.observe(), reward - 200 * terminated, terminated or self.steps >= 100


def softmax(scores):
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def train(seed):
    rng = np.random.default_rng(seed)
    env = Line(rng)
    weights, bias = np.zeros((6, 11)), np.zeros(6)
    for _ in range(400):
        observation, done = env.reset(), False
        trace = []
        while not done:
            action = rng.choice(6, p=softmax(weights @ observation + bias))
            following, reward, done = env.step(action)
            trace.append((observation, action, reward))
            observation = following
        returns, following = [], 0.0
        for _, _, reward in reversed(trace):
            following = reward + 0.99 * following
            returns.insert(0, following)
        returns = np.array(returns)
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        for (observation, action, _), value in zip(trace, returns):
            gradient = -softmax(weights @ observation + bias)
            gradient[action] += 1.0
            weights += 0.002 * value * np.outer(gradient, observation)
            bias += 0.002 * value * gradient
    return weights, bias


started = time.perf_counter()
train(int(sys.argv[1]) if len(sys.argv) > 1 else 42)
print(json.dumps({"name": "reinforce-source", "value": time.perf_counter() - started, "unit": "s"}))
