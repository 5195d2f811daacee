"""Environments of Gymnasium as processes of a project, from the command that comes with the package."""

import json
import subprocess
import sys

import setpoint

PROJECT = """
[process]
kind = "gymnasium"
id = "CartPole-v1"
workers = 1
[reward]
reward = 1.0
[train]
algorithm = "ppo"
total_steps = 40_000
[train.ppo]
n_envs = 8
n_steps = 32
batch_size = 256
n_epochs = 20
gamma = 0.98
gae_lambda = 0.8
learning_rate = 1e-3
[evaluate]
episodes = 20
baselines = ["random"]
"""


def test_the_command_trains_in_workers_of_this_python_and_the_policy_file_is_the_same_kind_of_thing(tmp_path):
    (tmp_path / "setpoint.toml").write_text(PROJECT, "utf-8")
    run = tmp_path / "run"
    command = [sys.executable, "-m", "setpoint"]
    subprocess.run([*command, "train", str(tmp_path), "--run-dir", str(run)], check=True, capture_output=True)
    told = subprocess.run([*command, "eval", str(run), "--json"], check=True, capture_output=True, text=True)
    assert json.loads(told.stdout)["evaluation"]["policy"]["episode_return"]["mean"] > 300
    # What the workers learnt decides here, and what is learnt here is evaluated there.
    here = setpoint.PPO.load(run / "policy.safetensors", env="CartPole-v1", n_envs=8, n_steps=32)
    import gymnasium as gym

    assert setpoint.evaluate_policy(here, gym.make("CartPole-v1"), 10, seed=3)[0] > 300
    here.save(run / "policy.safetensors")
    subprocess.run([*command, "eval", str(run), "--json"], check=True, capture_output=True)


def test_projects_of_gymnasium_train_from_python_too(tmp_path):
    (tmp_path / "setpoint.toml").write_text(PROJECT, "utf-8")
    run = setpoint.Project(tmp_path, runs=tmp_path / "runs").train(steps=2_048)
    assert run.summary["steps"] >= 2_048 and run.evaluate(episodes=2).policy.episode_return.mean > 5
