"""Stable-Baselines3's PPO on assembly-setup with the tutorial's settings; one JSON line."""

import json
import sys
import time

import torch
from assembly_setup_env import AssemblySetup, evaluate
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
started = time.perf_counter()
env = make_vec_env(AssemblySetup, n_envs=4, seed=int(sys.argv[1]))
model = PPO("MlpPolicy", env, n_steps=2048, batch_size=64, n_epochs=10, gamma=0.99, learning_rate=3e-4,
            seed=int(sys.argv[1]), device="cpu")
model.learn(100_000)
seconds = time.perf_counter() - started
score = evaluate(lambda observation: model.predict(observation, deterministic=True)[0]) if "--score" in sys.argv else None
print(json.dumps({"steps": model.num_timesteps, "seconds": seconds, "return": score}))
