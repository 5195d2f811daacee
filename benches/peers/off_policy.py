"""Peers' training from a replay buffer, in environment steps a second; one JSON line.

    off_policy.py sb3|sbx|rlox sac|td3|dqn

SAC and TD3 take one gradient step per step of Pendulum-v1 with 256 x 256 networks and batches of 256; DQN has
Stable-Baselines3's defaults on CartPole-v1. The clock starts once everything is compiled: after a short training.
"""

import json
import sys
import time

library, algorithm = sys.argv[1], sys.argv[2]
environment = "CartPole-v1" if algorithm == "dqn" else "Pendulum-v1"
warm, steps = (1_000, 10_000) if algorithm == "dqn" else (600, 1_500)

if library == "rlox":
    from rlox import Trainer

    settings = {} if algorithm == "dqn" else {"batch_size": 256, "learning_starts": 100, "hidden": 256}
    trainer = Trainer(algorithm, env=environment, seed=0, config=settings)
    started = time.perf_counter()
    trainer.train(total_timesteps=warm + steps)
    seconds = (time.perf_counter() - started) * steps / (warm + steps)
else:
    if library == "sbx":
        import sbx as algorithms
    else:
        import stable_baselines3 as algorithms
        import torch

        torch.set_num_threads(2)
    policy = {} if algorithm == "dqn" else {"policy_kwargs": {"net_arch": [256, 256]}, "batch_size": 256}
    model = getattr(algorithms, algorithm.upper())("MlpPolicy", environment, seed=0, verbose=0, **policy)
    model.learn(warm)
    started = time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    seconds = time.perf_counter() - started
print(json.dumps({"name": f"{algorithm}-training", "value": steps / seconds, "unit": "steps/s"}))
