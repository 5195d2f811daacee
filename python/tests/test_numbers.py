"""Numbers of NumPy, whole numbers as floats, and None as a seed."""

import numpy as np
import pytest
import setpoint


@pytest.mark.parametrize("three", [3, 3.0, np.int64(3), np.uint8(3), np.float32(3)])
def test_a_whole_number_may_have_any_type(three):
    model = setpoint.PPO("MlpPolicy", "setpoint/CartPole-v0", seed=three, n_envs=three, n_steps=64)
    model.learn(type(three)(192))
    same = setpoint.PPO("MlpPolicy", "setpoint/CartPole-v0", seed=3, n_envs=3, n_steps=64).learn(192)
    assert model.policy.hash == same.policy.hash
    env = setpoint.ProcessEnv("cart-pole", max_steps=three * 10)
    assert len(setpoint.evaluate_policy(model, env, n_eval_episodes=three, return_episode_rewards=True)[0]) == 3


@pytest.mark.parametrize("name", ["seed", "n_envs", "threads"])
@pytest.mark.parametrize("value", [2.5, "2", True, float("nan"), float("inf")])
def test_what_is_no_whole_number_is_refused_by_its_name(name, value):
    with pytest.raises(TypeError, match=f"{name} must be a whole number"):
        setpoint.PPO("MlpPolicy", "setpoint/CartPole-v0", **{name: value})


def test_no_seed_is_another_seed_each_time():
    seeds = {setpoint.PPO("MlpPolicy", "setpoint/CartPole-v0", seed=None).seed for _ in range(5)}
    assert len(seeds) > 1


def test_observations_may_be_lists_and_doubles():
    policy = setpoint.PPO("MlpPolicy", "setpoint/CartPole-v0").policy
    row = [0.01, 0.0, -0.02, 0.1]
    expected = policy.predict(np.array(row, np.float32))[0]
    assert policy.predict(row)[0] == policy.predict(np.array(row))[0] == policy.predict([row])[0][0] == expected


def test_a_policy_without_its_learner_decides_but_does_not_learn(tmp_path):
    model = setpoint.PPO("MlpPolicy", "setpoint/CartPole-v0", n_steps=64).learn(512)
    model.policy.save(tmp_path / "policy.safetensors")
    loaded = setpoint.PPO.load(tmp_path / "policy.safetensors", env="setpoint/CartPole-v0")
    assert loaded.policy.hash == model.policy.hash
    with pytest.raises(RuntimeError, match="can decide, but not learn"):
        loaded.learn(256)
    assert loaded.policy.hash == model.policy.hash
    # A file of the model itself continues from its weights.
    model.save(tmp_path / "model.zip")
    again = setpoint.PPO.load(tmp_path / "model.zip", env="setpoint/CartPole-v0")
    rows = np.random.default_rng(0).uniform(-0.2, 0.2, (200, 4))
    expected, _ = model.policy.predict(rows, deterministic=False, seed=5)
    assert (again.policy.predict(rows, deterministic=False, seed=5)[0] == expected).all()
    before = again.num_timesteps
    assert before == model.num_timesteps and again.learn(64).num_timesteps > before
