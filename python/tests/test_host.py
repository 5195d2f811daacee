"""What an environment gives that its interface does not allow: the message names the method, the value and the remedy."""

import gymnasium as gym
import numpy as np
import pytest
import setpoint
from gymnasium import spaces
from setpoint._actions import Actions, allowed_choices
from setpoint._host import EnvironmentFailed, EnvironmentHost
from setpoint._spaces import UNBOUNDED, Observations, Unexpected, UnsupportedSpace

GREATEST = float(np.finfo(np.float32).max)


class Valve(gym.Env):
    """Three positions, four steps. `reset_result` replaces the result of a reset, `masks` gives masks step by step."""

    def __init__(self, width=2, reset_result=None, masks=None, info=None):
        self.observation_space = spaces.Box(0.0, 1.0, (width,), np.float32)
        self.action_space = spaces.Discrete(3)
        self.width, self.reset_result, self.masks, self.info = width, reset_result, masks, info
        if masks is not None:
            self.action_masks = lambda: self.masks[self.steps]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        seen = np.full(self.width, 0.5, np.float32)
        return (seen, {}) if self.reset_result is None else self.reset_result(seen)

    def step(self, action):
        self.steps += 1
        info = {} if self.info is None else self.info
        return np.full(self.width, 0.25, np.float32), 1.0, False, self.steps >= 4, info


def failure(environment, steps=3, **options):
    with pytest.raises(EnvironmentFailed) as failed:
        host = EnvironmentHost([lambda: environment], **options)
        host.reset(0, 7)
        for _ in range(steps):
            host.step(None)
    return failed.value.reason


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_a_reset_without_info_is_a_fault_of_reset_whatever_the_length_of_its_observation(width):
    for masked in (None, False):
        reason = failure(Valve(width, lambda seen: seen), masked=masked)
        assert reason.startswith("`reset` gave a ndarray; expected two values: the observation, and info as a dict")


def test_other_results_of_a_reset_are_named():
    assert "`reset` gave 3 values" in failure(Valve(reset_result=lambda seen: (seen, {}, 0)))
    assert "of which the second is a float" in failure(Valve(reset_result=lambda seen: (seen, 0.5)))
    assert "`reset` gave None" in failure(Valve(reset_result=lambda seen: None))


def test_a_reset_without_seed_or_options_is_named():
    class Bare(Valve):
        def reset(self):
            return super().reset()

    class WithoutOptions(Valve):
        def reset(self, seed=None):
            return super().reset(seed=seed)

    reason = failure(Bare())
    assert "`reset` takes no seed" in reason and "expected `reset(self, *, seed=None, options=None)`" in reason
    limited = gym.wrappers.TimeLimit(WithoutOptions(), 3)
    assert "`reset` takes no seed" in failure(limited)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 0.3, -1.0, 2.0])
def test_masks_are_zeros_and_ones(strange):
    masks = [np.ones(3), np.array([1.0, strange, 0.0]), np.ones(3)]
    assert f"the action mask held {strange}; expected zeros and ones" in failure(Valve(masks=masks))
    actions = Actions(spaces.MultiDiscrete([2, 3]))
    row = np.zeros(5, np.uint8)
    with pytest.raises(Unexpected, match="zeros and ones"):
        allowed_choices([1, 1, strange, 1, 1], actions, row)


def test_masks_of_every_type_are_read():
    actions = Actions(spaces.Discrete(3))
    for kind in (bool, np.int8, np.int64, np.float32, np.float64):
        row = np.zeros(3, np.uint8)
        allowed_choices(np.array([1, 0, 1], kind), actions, row)
        assert row.tolist() == [1, 0, 1]


def test_a_mask_that_allows_nothing_is_the_environments_own():
    masks = [np.ones(3, bool), np.zeros(3, bool), np.ones(3, bool)]
    assert "the action mask allows no choice" in failure(Valve(masks=masks))


class Gated(Valve):
    """RLlib's form: the mask stands in the observation, next to the features under `key`."""

    def __init__(self, key="observations", mask_space=None, masks=None, others=None):
        super().__init__(width=2)
        seen = self.observation_space
        self.key, self.gates, self.others = key, masks, others or {}
        mask_space = spaces.MultiBinary(3) if mask_space is None else mask_space
        self.observation_space = spaces.Dict({"action_mask": mask_space, key: seen, **{name: seen for name in self.others}})

    def seen(self, features):
        mask = np.eye(3, dtype=np.int8)[self.steps % 3] if self.gates is None else self.gates[self.steps]
        return {"action_mask": mask, self.key: features, **self.others}

    def reset(self, *, seed=None, options=None):
        features, info = super().reset(seed=seed)
        return self.seen(features), info

    def step(self, action):
        features, *rest = super().step(action)
        return self.seen(features), *rest


@pytest.mark.parametrize("key", ["observations", "observation", "obs"])
@pytest.mark.parametrize("masked", [None, True])
def test_a_mask_in_the_observation_is_the_mask_and_no_feature(key, masked):
    host = EnvironmentHost([lambda: Gated(key)] * 2, masked=masked)
    plain = EnvironmentHost([Valve])
    assert host.description["masked"]
    assert host.description["observation"] == plain.description["observation"]
    for lane in range(2):
        host.reset(lane, lane)
    np.testing.assert_array_equal(host.arrays["allowed"], [[1, 0, 0]] * 2)
    np.testing.assert_array_equal(host.arrays["observations"], np.full((2, 2), 0.5))
    for step in range(1, 9):
        host.step(None)
        # After four steps an episode ends, and the mask is that of the next one's beginning.
        np.testing.assert_array_equal(host.arrays["allowed"], [np.eye(3)[step % 4 % 3]] * 2)
        np.testing.assert_array_equal(host.arrays["observations"][0], [0.25 if step % 4 else 0.5] * 2)


def test_a_mask_next_to_other_keys_is_no_feature_either():
    host = EnvironmentHost([lambda: Gated("level", others={"flow": np.full(2, 0.75, np.float32)})])
    assert host.description["masked"]
    assert [feature["name"] for feature in host.description["observation"]] == ["flow_0", "flow_1", "level_0", "level_1"]
    host.reset(0, 1)
    np.testing.assert_array_equal(host.arrays["observations"], [[0.75, 0.75, 0.5, 0.5]])


def test_a_mask_of_settings_is_a_feature():
    space = spaces.Dict({"action_mask": spaces.MultiBinary(2), "obs": spaces.Box(0, 1, (1,))})
    assert Observations(space, actions=spaces.Box(-1, 1, (2,))).size == 3


@pytest.mark.parametrize("space", [spaces.MultiBinary(4), spaces.MultiBinary((3, 1)), spaces.Discrete(3), spaces.Box(0, 1, (2,))])
def test_a_mask_of_another_shape_is_refused_with_the_shape_that_fits(space):
    with pytest.raises(UnsupportedSpace) as refused:
        EnvironmentHost([lambda: Gated(mask_space=space)])
    assert "`action_mask` of the observation is a" in str(refused.value)
    assert "has the shape (3,), one number for each choice" in str(refused.value)


def test_the_mask_of_several_numbers_has_the_choices_of_each():
    actions = spaces.MultiDiscrete([2, 3])
    space = spaces.Dict({"action_mask": spaces.MultiBinary(5), "obs": spaces.Box(0, 1, (1,))})
    assert Observations(space, actions=actions).masked
    with pytest.raises(UnsupportedSpace, match=r"has the shape \(5,\)"):
        Observations(spaces.Dict({"action_mask": spaces.MultiBinary(6), "obs": spaces.Box(0, 1, (1,))}), actions=actions)
    with pytest.raises(UnsupportedSpace, match="alone"):
        Observations(spaces.Dict({"action_mask": spaces.MultiBinary(5)}), actions=actions)


def test_a_mask_in_the_observation_is_checked_in_every_step():
    masks = [np.ones(3), np.array([1.0, 0.5, 0.0]), np.ones(3)]
    assert "the action mask held 0.5; expected zeros and ones" in failure(Gated(masks=masks, mask_space=spaces.Box(0, 1, (3,))))
    masks = [np.ones(3, np.int8), np.zeros(3, np.int8), np.ones(3, np.int8)]
    assert "the action mask allows no choice" in failure(Gated(masks=masks))

    class Forgets(Gated):
        def seen(self, features):
            return {"observations": features} if self.steps == 1 else super().seen(features)

    assert "was a dict of ['observations']; expected a dict with `action_mask`" in failure(Forgets())


def gated(mask):
    return {"action_mask": np.array(mask, np.int8), "observations": np.full(2, 0.5, np.float32)}


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_prediction_obeys_the_mask_in_its_observation(deterministic):
    model = setpoint.PPO("MlpPolicy", Gated(), n_steps=64)
    one_allowed = [gated(row) for row in np.eye(3)]
    for choice, observation in enumerate(one_allowed):
        assert model.predict(observation, deterministic=deterministic)[0] == choice
        # A mask that is given goes first.
        other = np.roll(observation["action_mask"], 1)
        assert model.predict(observation, deterministic=deterministic, action_masks=other)[0] == (choice + 1) % 3
    found = model.predict(one_allowed * 20, deterministic=deterministic)[0]
    assert found.tolist() == [0, 1, 2] * 20
    # Two choices: the third is never drawn.
    found = model.predict([gated([1, 0, 1])] * 60, deterministic=deterministic)[0]
    assert set(found.tolist()) <= {0, 2}


def test_a_prediction_refuses_an_observation_that_allows_nothing():
    model = setpoint.PPO("MlpPolicy", Gated(), n_steps=64)
    for observation in (gated([0, 0, 0]), [gated([0, 1, 0]), gated([0, 0, 0])]):
        with pytest.raises(ValueError, match="allows no choice"):
            model.predict(observation)
    with pytest.raises(ValueError, match="zeros and ones"):
        model.predict(gated([0, 2, 1]))


def test_a_prediction_obeys_a_mask_with_the_kinds_of_each_number():
    class Combined(Gated):
        def __init__(self):
            super().__init__(mask_space=spaces.MultiBinary(5), masks=[np.ones(5, np.int8)] * 5)
            self.action_space = spaces.MultiDiscrete([2, 3])

    model = setpoint.PPO("MlpPolicy", Combined(), n_steps=64)
    # The second kind of the first number, and the third of the second.
    assert model.predict(gated([0, 1, 0, 0, 1]))[0].tolist() == [1, 2]
    found = model.predict([gated([0, 1, 0, 0, 1]), gated([1, 0, 1, 0, 0])] * 30)[0]
    assert found.tolist() == [[1, 2], [0, 0]] * 30


def test_a_mask_method_that_fails_is_named():
    environment = Valve(masks=[])
    assert "`action_masks` raised IndexError" in failure(environment)


def test_info_that_is_no_dict_is_named():
    assert "info was a list; expected a dict" in failure(Valve(info=[1]), signals=["flow"])


@pytest.mark.parametrize("bound", [GREATEST, 1e30, 1e300, np.inf])
def test_bounds_of_the_greatest_numbers_are_none(bound):
    dtype = np.float64 if bound == 1e300 else np.float32
    with pytest.raises(UnsupportedSpace, match="the action space has no bounds: number 1 "):
        Actions(spaces.Box(np.array([-1.0, -bound], dtype), np.array([1.0, 1.0], dtype), dtype=dtype))
    observations = Observations(spaces.Box(-bound, bound, (1,), dtype))
    assert (observations.low[0], observations.high[0]) == (-np.float32(UNBOUNDED), np.float32(UNBOUNDED))
    Actions(spaces.Box(-1e29, 1e29, (1,), np.float32))


def test_whole_numbers_are_rounded_by_the_environment():
    whole = Actions(spaces.Box(0, 9, (2,), np.int32))
    assert [axis["step"] for axis in whole.axes] == [1.0, 1.0]
    assert "step" not in Actions(spaces.Box(0, 9, (2,), np.float32)).axes[0]
