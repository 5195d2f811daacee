"""The constraints in a policy file hold wherever the policy decides."""

import numpy as np
import pytest
import setpoint

# Short trainings: the constraints are tried, not the learning.
TRAINING = """
[evaluate]
baselines = ["random"]

[train]
algorithm = "ppo"
total_steps = 512

[train.ppo]
n_envs = 2
n_steps = 128
"""
PUSH = """
[process]
kind = "mountain-car"

[reward]
time = -1.0

[[constraint]]
when = { feature = "position", above = 0.1 }
forbid = ["accelerate_right", "coast"]
"""
TORQUE = """
[process]
kind = "pendulum"

[reward]
cost = -1.0

[[constraint]]
when = { feature = "angular_velocity", above = 1.0 }
clip = { action = "torque", low = -0.25, high = 0.5 }
"""


def trained(tmp_path, text):
    (tmp_path / "setpoint.toml").write_text(text + TRAINING, "utf-8")
    return setpoint.Project(tmp_path, runs=tmp_path / "runs").train().policy


def test_a_forbidden_choice_is_never_taken(tmp_path):
    policy = trained(tmp_path, PUSH)
    names = [choice["name"] for choice in policy.manifest["action"]["choices"]]
    left = names.index("accelerate_left")
    right_side = np.array([0.3, 0.0], np.float32)
    rows = np.tile(right_side, (2_000, 1))
    drawn, _ = policy.predict(rows, deterministic=False, seed=4)
    assert set(drawn.tolist()) == {left}
    assert policy.predict(right_side)[0] == left
    # Elsewhere every choice is drawn.
    elsewhere, _ = policy.predict(np.tile(np.array([-0.6, 0.0], np.float32), (2_000, 1)), deterministic=False, seed=4)
    assert set(elsewhere.tolist()) == set(range(len(names)))
    # The mask and the constraint together leave nothing: no choice is made up.
    mask = np.ones(len(names), bool)
    mask[left] = False
    with pytest.raises(ValueError, match="no choice left"):
        policy.predict(right_side, action_masks=mask)


def test_settings_stay_within_the_limits(tmp_path):
    policy = trained(tmp_path, TORQUE)
    random = np.random.default_rng(3)
    rows = np.column_stack([np.cos(angle := random.uniform(-3, 3, 2_000)), np.sin(angle), random.uniform(-8, 8, 2_000)])
    # As the policy sees it: the feature's natural value is scale × value + offset.
    speed = policy.manifest["observation"][2]
    natural = rows[:, 2].astype(np.float32) * speed["scale"] + speed["offset"]
    drawn, _ = policy.predict(rows, deterministic=False, seed=1)
    limited = natural > 1.0
    assert limited.any() and (~limited).any()
    assert drawn[limited].min() >= -0.25 and drawn[limited].max() <= 0.5
    assert drawn[~limited].min() < -0.25 and drawn[~limited].max() > 0.5


def test_a_signal_that_nobody_knows_counts_as_bad(tmp_path):
    policy = trained(tmp_path, PUSH.replace('{ feature = "position", above = 0.1 }', '{ signal = "time", above = 0.5 }'))
    names = [choice["name"] for choice in policy.manifest["action"]["choices"]]
    rows = np.tile(np.array([-0.6, 0.0], np.float32), (500, 1))
    unknown, _ = policy.predict(rows, deterministic=False, seed=2)
    low, _ = policy.predict(rows, deterministic=False, seed=2, signals={"time": 0.0})
    high, _ = policy.predict(rows, deterministic=False, seed=2, signals={"time": np.full(500, 0.9)})
    assert set(unknown.tolist()) == set(high.tolist()) == {names.index("accelerate_left")}
    assert set(low.tolist()) == set(range(len(names)))
