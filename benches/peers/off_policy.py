"""Peers' training from a replay buffer, in environment steps a second; one JSON line.

    off_policy.py sb3|sbx|rlox sac|td3|dqn|catch-dqn|catch-ppo

SAC and TD3 take one gradient step per step of Pendulum-v1 with 256 x 256 networks and batches of 256; DQN has
Stable-Baselines3's defaults on CartPole-v1. `catch-…` learns from images, with the options of projects/catch; actor and
critic of PPO share their encoder, as they do by default. The clock starts once everything is compiled: after a short training.
"""

import json
import sys
import time

library, row = sys.argv[1], sys.argv[2]
algorithm, images = row.removeprefix("catch-"), row.startswith("catch-")
environment = "CartPole-v1" if algorithm == "dqn" else "Pendulum-v1"
warm, steps = (1_000, 10_000) if algorithm == "dqn" else (600, 1_500)
IMAGE_POLICY = {"net_arch": [64, 64], "features_extractor_kwargs": {"features_dim": 128}}
IMAGES = {
    "ppo": {"n_steps": 64, "batch_size": 256, "n_epochs": 4, "learning_rate": 1e-3},
    "dqn": {"learning_rate": 1e-3, "batch_size": 64, "buffer_size": 20_000, "learning_starts": 1_000, "train_freq": 1,
            "gradient_steps": 1, "target_update_interval": 500, "exploration_fraction": 0.2},
}  # fmt: skip

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
    if images:
        from catch_env import Catch
        from stable_baselines3.common.env_util import make_vec_env

        environment = make_vec_env(Catch, n_envs=16 if algorithm == "ppo" else 4, seed=0)
        warm, steps = (1_024, 4_096) if algorithm == "ppo" else (1_200, 2_000)
    policy = {} if algorithm == "dqn" else {"policy_kwargs": {"net_arch": [256, 256]}, "batch_size": 256}
    if images:
        policy = {**IMAGES[algorithm], "policy_kwargs": IMAGE_POLICY}
    kind = "CnnPolicy" if images else "MlpPolicy"
    model = getattr(algorithms, algorithm.upper())(kind, environment, seed=0, verbose=0, **policy)
    model.learn(warm)
    started = time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    seconds = time.perf_counter() - started
print(json.dumps({"name": f"{row}-training", "value": steps / seconds, "unit": "steps/s"}))
