"""Models and processes that come from a log."""

import csv
import math

import numpy as np
import pytest
import setpoint

ENOUGH = 60


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Episodes of cart-pole under a rule that mostly pushes to where the pole falls, as a CSV file with names of its own."""
    path = tmp_path_factory.mktemp("log") / "carts.csv"
    env = setpoint.ProcessEnv("cart-pole", max_steps=60)
    draws = np.random.default_rng(3)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "x_dot", "theta", "theta_dot", "pushed", "earned", "run", "upright"])
        for episode in range(60):
            observation, _ = env.reset(seed=episode)
            over = False
            while not over:
                action = _rule(observation) if draws.random() < 0.8 else int(draws.integers(2))
                following, reward, terminated, truncated, _ = env.step(action)
                writer.writerow([*(f"{value:.6g}" for value in observation), action, reward, episode, 1])
                observation, over = following, terminated or truncated
    return path


def _rule(observation) -> int:
    return int(observation[2] + 0.3 * observation[3] > 0)


COLUMNS = {
    "action": "pushed",
    "reward": "earned",
    "episode": "run",
    "features": {
        "cart_position": "x",
        "cart_velocity": "x_dot",
        "pole_angle": "theta",
        "pole_angular_velocity": "theta_dot",
    },
}


def test_bc_does_what_the_log_mostly_does_and_is_kept_with_its_columns(log, tmp_path):
    model = setpoint.BC("MlpPolicy", "cart-pole", log=log, data=COLUMNS, seed=1).learn(200_000)
    observations = np.random.default_rng(0).uniform(-0.2, 0.2, size=(500, 4)).astype(np.float32)
    # Near the line between both actions the choice is uncertain.
    clear = np.abs(observations[:, 2] + 0.3 * observations[:, 3]) > 0.02
    chosen, _ = model.predict(observations[clear], deterministic=True)
    agreement = np.mean(chosen == [_rule(row) for row in observations[clear]])
    assert agreement > 0.95, agreement
    model.save(tmp_path / "clone.safetensors")
    again = setpoint.BC.load(tmp_path / "clone.safetensors", env="cart-pole")
    np.testing.assert_array_equal(again.predict(observations, deterministic=True)[0][clear], chosen)
    assert again.learn(1_000).num_timesteps > model.num_timesteps


def test_bc_clones_a_baseline_of_the_process_without_a_log():
    model = setpoint.BC("MlpPolicy", "assembly-line", source="line-manager", source_episodes=20).learn(50_000)
    assert model.policy.manifest["algorithm"] == "bc"


def test_iql_learns_from_the_log_alone(log):
    model = setpoint.IQL("MlpPolicy", "cart-pole", log=log, data=COLUMNS, seed=1).learn(200_000)
    mean, _ = setpoint.evaluate_policy(model, setpoint.ProcessEnv("cart-pole"), 10, seed=1)
    # A random policy's episodes have 22 steps.
    assert mean > ENOUGH, mean


def test_a_process_is_learnt_from_a_log_and_stepped_like_any(log, tmp_path):
    keys = dict(like="cart-pole", log=log, data=COLUMNS, model=str(tmp_path / "learnt.safetensors"), max_steps=30)
    env = setpoint.ProcessEnv("learned", **keys, reward={"upright": 1.0, "model_uncertainty": -0.1})
    observation, _ = env.reset(seed=1)
    total, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, info = env.step(_rule(observation))
        assert np.isfinite(observation).all() and math.isfinite(reward)
        assert info["signals"]["model_uncertainty"] >= 0.0
        total, over = total + reward, terminated or truncated
    assert 5 < total <= 30
    assert (tmp_path / "learnt.safetensors").is_file()
    assert setpoint.PPO("MlpPolicy", env, n_steps=64, n_epochs=1).learn(64).num_timesteps >= 64


def test_a_log_is_played_back(log):
    env = setpoint.ProcessEnv("replay", like="cart-pole", log=log, data=COLUMNS, variation=0.0)
    observation, _ = env.reset(seed=1)
    with open(log) as file:
        first = next(csv.DictReader(file))
    assert observation.shape == (4,) and set(first) >= {"x", "pushed"}
    assert env.step(0)[0].shape == (4,)


def test_what_cannot_be_read_is_refused_by_name(log, tmp_path):
    with pytest.raises(ValueError, match="learns from a log"):
        setpoint.BC("MlpPolicy", "cart-pole")
    with pytest.raises(ValueError, match="no column `runn`"):
        setpoint.BC("MlpPolicy", "cart-pole", log=log, data={**COLUMNS, "episode": "runn"})
    with pytest.raises(ValueError, match="cannot be read"):
        setpoint.IQL("MlpPolicy", "cart-pole", log=tmp_path / "none.csv", data=COLUMNS)
    with pytest.raises(TypeError, match="did you mean source"):
        setpoint.BC("MlpPolicy", "cart-pole", sourc="line-manager")
