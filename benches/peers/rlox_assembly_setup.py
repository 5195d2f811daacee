"""rlox's PPO (Rust buffers around PyTorch networks) on assembly-setup with the tutorial's settings; one JSON line."""

import json
import sys
import time

import gymnasium
import torch

gymnasium.register("AssemblySetup-v0", "assembly_setup_env:AssemblySetup")
torch.set_num_threads(1)
started = time.perf_counter()
from rlox import Trainer

trainer = Trainer(
    "ppo",
    env="AssemblySetup-v0",
    config={"n_envs": 4, "n_steps": 2048, "batch_size": 64, "n_epochs": 10, "gamma": 0.99, "learning_rate": 3e-4,
            "gae_lambda": 0.95, "clip_eps": 0.2, "vf_coef": 0.5, "ent_coef": 0.0, "max_grad_norm": 0.5,
            "anneal_lr": False, "clip_vloss": False},
    seed=int(sys.argv[1]),
)
trainer.train(total_timesteps=100_000)
print(json.dumps({"steps": 100_000, "seconds": time.perf_counter() - started}))
