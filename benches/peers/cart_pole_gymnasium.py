"""Gymnasium's own vectorised cart-pole, 256 environments in NumPy, on one core; one JSON line with steps per second."""

import json
import time

import gymnasium
import numpy as np

N = 256
envs = gymnasium.make_vec("CartPole-v1", num_envs=N, vectorization_mode="vector_entry_point")
envs.reset(seed=0)
actions = np.random.default_rng(0).integers(0, 2, (64, N))
for index in range(100):
    envs.step(actions[index % 64])
times = []
for _ in range(7):
    started = time.perf_counter()
    for index in range(1000):
        envs.step(actions[index % 64])
    times.append(1000 * N / (time.perf_counter() - started))
print(json.dumps({"name": "cart-pole-stepping", "value": sorted(times)[3], "unit": "steps/s"}))
