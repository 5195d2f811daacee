"""assembly-line for 4,096 lines at once in NumPy, on one core; one JSON line with steps per second."""

import json
import time

import numpy as np

N = 4096
rng = np.random.default_rng(0)


def fresh(n):
    return [rng.uniform(28, 35, (n, 6)), rng.integers(6, 15, n).astype(float), rng.uniform(0.8, 1, n),
            rng.uniform(0.05, 0.12, n), rng.integers(0, 5, n).astype(float), rng.uniform(0.75, 0.95, n)]


def step(state, steps, action):
    cycle, wip, speed, failure, stops, efficiency = state
    chosen = [action == index for index in range(6)]
    efficiency += chosen[0] * rng.uniform(0, 0.05, N)
    stops[:] = np.maximum(0, stops - chosen[0] - 3.0 * chosen[3])
    speed += 0.03 * chosen[1] - 0.03 * chosen[2] + 0.01 * chosen[4]
    failure += 0.02 * chosen[1] - 0.015 * chosen[2] - 0.03 * chosen[3]
    low = -0.8 * chosen[1] + 0.5 * chosen[2] + 0.2 * chosen[3]
    high = -0.3 * chosen[1] + 1.2 * chosen[2] + 0.6 * chosen[3]
    cycle += low[:, None] + (high - low)[:, None] * rng.random((N, 6)) + rng.uniform(-0.5, 0.5, (N, 6))
    wip += rng.integers(-1, 2, N) - chosen[4] * rng.integers(1, 4, N)
    stops += rng.integers(0, 2, N)
    failure += rng.uniform(-0.01, 0.01, N)
    for values, bounds in zip(state, [(20, 45), (0, 40), (0.5, 1.2), (0, 0.25), (0, 15), (0.6, 1)]):
        np.clip(values, *bounds, out=values)
    throughput = 3600 / cycle.mean(1) * speed * efficiency
    terminated = (wip >= 40) | (failure > 0.2)
    reward = 1.2 * throughput - 4 * stops - 1.5 * wip - 10 * failure - 200 * terminated
    steps += 1
    done = terminated | (steps >= 100)
    if done.any():
        for values, start in zip(state, fresh(int(done.sum()))):
            values[done] = start
        steps[done] = 0
    observation = np.concatenate([(cycle - 20) / 25, (wip / 40)[:, None], (speed / 1.2)[:, None], failure[:, None],
                                  (stops / 15)[:, None], efficiency[:, None]], 1)
    return observation, reward, done


state, steps = fresh(N), np.zeros(N)
actions = rng.integers(0, 6, (64, N))
for index in range(20):
    step(state, steps, actions[index % 64])
times = []
for _ in range(7):
    started = time.perf_counter()
    for index in range(60):
        step(state, steps, actions[index % 64])
    times.append(60 * N / (time.perf_counter() - started))
print(json.dumps({"name": "assembly-line-stepping", "value": sorted(times)[3], "unit": "steps/s"}))
