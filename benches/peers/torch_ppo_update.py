"""One PPO update in PyTorch eager mode, as Stable-Baselines3's training loop does it; one core; one JSON line."""

import json
import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


def network(output):
    return nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, output))


actor, critic = network(15), network(1)
parameters = [*actor.parameters(), *critic.parameters()]
optimizer = torch.optim.Adam(parameters, lr=3e-4, eps=1e-5)
observation, action = torch.rand(64, 8), torch.randint(0, 15, (64,))
old, advantage, target = torch.full((64,), -2.7), torch.randn(64), torch.randn(64)


def update():
    distribution = torch.distributions.Categorical(logits=actor(observation))
    values = critic(observation).flatten()
    log = distribution.log_prob(action)
    entropy = distribution.entropy()
    normalized = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = torch.exp(log - old)
    surrogate = torch.min(normalized * ratio, normalized * torch.clamp(ratio, 0.8, 1.2))
    loss = -surrogate.mean() + 0.5 * nn.functional.mse_loss(target, values) - 0.0 * entropy.mean()
    with torch.no_grad():
        log_ratio = log - old
        torch.mean((torch.exp(log_ratio) - 1) - log_ratio).numpy()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 0.5)
    optimizer.step()


for _ in range(200):
    update()
times = []
for _ in range(15):
    started = time.perf_counter()
    for _ in range(100):
        update()
    times.append((time.perf_counter() - started) / 100)
print(json.dumps({"name": "ppo-update", "value": sorted(times)[7] * 1e6, "unit": "us"}))
