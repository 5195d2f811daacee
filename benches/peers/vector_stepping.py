"""256 carts in a vector environment in Python, random actions, one core; one JSON line.

    vector_stepping.py setpoint|gymnasium|envpool|rlox
"""

import json
import sys
import time

import gymnasium as gym
import numpy as np

library = sys.argv[1]
LANES, STEPS = 256, 2_000
if library == "setpoint":
    import setpoint  # noqa: F401  importing it registers its environments

    vector = gym.make_vec("setpoint/CartPole-v0", num_envs=LANES)
elif library == "envpool":
    import envpool

    vector = envpool.make_gymnasium("CartPole-v1", num_envs=LANES)
elif library == "rlox":
    import rlox

    vector = rlox.VecEnv(n=LANES, seed=0)
else:
    vector = gym.make_vec("CartPole-v1", num_envs=LANES, vectorization_mode="vector_entry_point")
actions = np.random.default_rng(0).integers(0, 2, (STEPS, LANES))
if library == "rlox":
    reset, step, actions = vector.reset_all, vector.step_all, actions.tolist()
else:
    reset, step = vector.reset, vector.step
reset()
rates = []
for _ in range(5):
    started = time.perf_counter()
    for chosen in actions:
        step(chosen)
    rates.append(LANES * STEPS / (time.perf_counter() - started))
print(json.dumps({"name": "make-vec", "value": float(np.median(rates)), "unit": "steps/s"}))
