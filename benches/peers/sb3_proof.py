"""Stable-Baselines3 on a ready project's settings, read from the project file itself; one JSON line.

    sb3_proof.py PROJECT ALGORITHM STEPS SEED

A key that is absent from [train.ALGORITHM] keeps Stable-Baselines3's default, which is ours too; a key that is not known
here ends the program, so that no setting is lost in silence.
"""

import json
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import torch
from catch_env import Catch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import VecNormalize

ENVIRONMENTS = {
    "cart-pole": "CartPole-v1",
    "acrobot": "Acrobot-v1",
    "mountain-car": "MountainCar-v0",
    "mountain-car-continuous": "MountainCarContinuous-v0",
    "pendulum": "Pendulum-v1",
    "catch": Catch,
}
ALGORITHMS = {"ppo": PPO, "dqn": DQN, "sac": SAC, "td3": TD3, "ddpg": DDPG}
# The same word for the same thing.
SAME = {
    "n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "normalize_advantage", "ent_coef", "vf_coef",
    "max_grad_norm", "target_kl", "buffer_size", "learning_starts", "train_freq", "gradient_steps", "tau",
    "target_update_interval", "exploration_fraction", "exploration_initial_eps", "exploration_final_eps",
    "policy_delay", "target_policy_noise", "target_noise_clip", "target_entropy",
}  # fmt: skip
SCHEDULED = {"learning_rate", "clip_range", "clip_range_vf"}
POLICY = {"log_std_init", "ortho_init"}


def scheduled(value):
    if not isinstance(value, str):
        return value
    start = float(value.removeprefix("linear_"))
    return lambda remaining: remaining * start


def noise_of(settings, axes):
    kind = settings.pop("action_noise", "none")
    sigma = np.full(axes, settings.pop("noise_sigma", 0.1))
    theta, dt = settings.pop("noise_theta", 0.15), settings.pop("noise_dt", 0.01)
    if kind == "normal":
        return NormalActionNoise(np.zeros(axes), sigma)
    if kind == "ornstein-uhlenbeck":
        return OrnsteinUhlenbeckActionNoise(np.zeros(axes), sigma, theta=theta, dt=dt)
    return None


project, algorithm, steps, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(1)
file = tomllib.loads((project / "setpoint.toml").read_text())
settings = dict(file["train"].get(algorithm, {}))
process = file["process"]
# Features that the policy does not see are 0, as in rl-zoo3's MaskVelocityWrapper.
HIDDEN = {"cart-pole": {"cart_velocity": 1, "pole_angular_velocity": 3}}
hidden = [HIDDEN[process["kind"]][feature] for feature in process.get("hide", [])]
# A project on one of Gymnasium's environments names it itself.
name = process["id"] if process["kind"] == "gymnasium" else ENVIRONMENTS[process["kind"]]


def make():
    environment = gymnasium.make(name, **process.get("kwargs", {})) if isinstance(name, str) else name()
    if hidden:
        shown = np.ones(environment.observation_space.shape, np.float32)
        shown[hidden] = 0.0
        environment = gymnasium.wrappers.TransformObservation(
            environment, lambda seen: seen * shown, environment.observation_space
        )
    # Ours learns settings on [-1, 1]. The off-policy algorithms here do so too, PPO leaves it to its users.
    if algorithm == "ppo" and isinstance(environment.action_space, gymnasium.spaces.Box):
        environment = gymnasium.wrappers.RescaleAction(environment, -1.0, 1.0)
    return environment


environment = make_vec_env(make, n_envs=settings.pop("n_envs", 8 if algorithm == "ppo" else 1), seed=seed)
observation, reward = settings.pop("normalize_observation", False), settings.pop("normalize_reward", False)
clip_observation, clip_reward = settings.pop("clip_observation", 10.0), settings.pop("clip_reward", 10.0)
if observation or reward:
    environment = VecNormalize(environment, norm_obs=observation, norm_reward=reward, clip_obs=clip_observation,
                               clip_reward=clip_reward, gamma=settings.get("gamma", 0.99))  # fmt: skip
keywords, policy = {}, {}
if isinstance(environment.action_space, gymnasium.spaces.Box) and algorithm != "ppo":
    keywords["action_noise"] = noise_of(settings, environment.action_space.shape[0])
if "net_arch" in settings:
    widths = settings.pop("net_arch")
    if isinstance(widths, dict) and algorithm != "ppo":
        widths = {"pi": widths["pi"], "qf": widths.get("qf", widths.get("vf"))}
    policy["net_arch"] = widths
if "activation_fn" in settings:
    policy["activation_fn"] = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[settings.pop("activation_fn")]
if "adam_epsilon" in settings:
    policy["optimizer_kwargs"] = {"eps": settings.pop("adam_epsilon")}
recurrent = settings.pop("memory", "none") != "none"
if recurrent:
    # A long short-term memory: there is no other memory here.
    policy["lstm_hidden_size"], policy["enable_critic_lstm"] = settings.pop("memory_size", 64), True
if "features_dim" in settings:
    policy["features_extractor_kwargs"] = {"features_dim": settings.pop("features_dim")}
    if algorithm == "ppo":
        # Ours has an encoder for the actor and another one for the critic.
        policy["share_features_extractor"] = False
for key, value in settings.items():
    if key in SAME:
        keywords[key] = value
    elif key in SCHEDULED:
        keywords[key] = scheduled(value)
    elif key in POLICY:
        policy[key] = value
    else:
        sys.exit(f"train.{algorithm}.{key} has no counterpart here")

kind = "CnnPolicy" if len(environment.observation_space.shape) == 3 else "MlpPolicy"
kind = "MlpLstmPolicy" if recurrent else kind
learner = RecurrentPPO if recurrent else ALGORITHMS[algorithm]
model = learner(kind, environment, policy_kwargs=policy, seed=seed, device="cpu", **keywords)
started = time.perf_counter()
model.learn(steps)
seconds = time.perf_counter() - started

# Other episodes than those trained on: the training environments have the seeds from `seed` on.
evaluation = make_vec_env(make, n_envs=10, seed=1_000_000 + 1_000 * seed)
if observation or reward:
    evaluation = VecNormalize(evaluation, training=False, norm_obs=observation, norm_reward=False,
                              clip_obs=clip_observation)  # fmt: skip
    if observation:
        evaluation.obs_rms = environment.obs_rms
mean, _ = evaluate_policy(model, evaluation, n_eval_episodes=file["evaluate"]["episodes"], deterministic=True)
contributions = [("its contributions", "sb3-contrib")] if recurrent else []
versions = [("Stable-Baselines3", "stable-baselines3"), *contributions, ("PyTorch", "torch"), ("Gymnasium", "gymnasium")]
used = ", ".join(f"{title} {version(package)}" for title, package in versions)
print(json.dumps({"return": float(mean), "seconds": seconds, "steps": model.num_timesteps, "with": used}))
