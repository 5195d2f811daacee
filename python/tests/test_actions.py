"""Actions of several parts: their names, their arrays, their masks, and learning them."""

import gymnasium as gym
import numpy as np
import pytest
import setpoint
from gymnasium import spaces
from setpoint._actions import Actions, allowed_choices
from setpoint._host import EnvironmentHost
from setpoint._spaces import Unexpected, UnsupportedSpace
from setpoint.process import Axis, Choice, Choices, Feature, Process, Signal

ARM = spaces.Dict(
    {
        "gripper": spaces.Discrete(3),
        "lights": spaces.MultiBinary(2),
        "force": spaces.Box(-1.0, 1.0, (2,)),
        "tilt": spaces.Box(0.0, 90.0, ()),
        "tools": spaces.Tuple((spaces.MultiDiscrete([2, 4], start=[1, -1]), spaces.Box(0, 5, (1,), np.int64))),
    }
)


def drawn(actions, lanes, random):
    """An array of random choices and numbers within their bounds."""
    choices = np.stack([random.integers(0, count, lanes) for count in actions.counts], axis=1) if actions.counts else None
    numbers = np.zeros((lanes, len(actions.axes)), np.float32)
    for index, axis in enumerate(actions.axes):
        numbers[:, index] = random.uniform(axis["low"], axis["high"], lanes)
    return actions.packed(np.zeros((lanes, 0)) if choices is None else choices, numbers)


def some_space(random, depth=0):
    """A random space of every kind."""
    kind = random.integers(0, 6 if depth < 3 else 4)
    shape = tuple(int(n) for n in random.integers(1, 3, random.integers(1, 3)))
    if kind == 0:
        return spaces.Discrete(int(random.integers(1, 5)), start=int(random.integers(-2, 3)))
    if kind == 1:
        return spaces.MultiDiscrete(random.integers(1, 5, shape))
    if kind == 2:
        return spaces.MultiBinary(shape)
    if kind == 3:
        dtype = [np.float32, np.float64, np.int16][random.integers(0, 3)]
        return spaces.Box(-3, 4, shape, dtype)
    parts = [some_space(random, depth + 1) for _ in range(random.integers(1, 4))]
    return spaces.Tuple(parts) if kind == 4 else spaces.Dict({f"Part {index}": part for index, part in enumerate(parts)})


def test_every_array_becomes_actions_of_any_space():
    random = np.random.default_rng(5)
    for _ in range(300):
        space = some_space(random)
        actions = Actions(space)
        lanes = int(random.integers(1, 4))
        array = drawn(actions, lanes, random)
        dtype, shape = actions.layout(lanes)
        assert (array.dtype, list(array.shape)) == (np.dtype(dtype), shape), space
        found = actions.read(array.copy())
        assert len(found) == lanes
        assert all(space.contains(action) for action in found), (space, found)
        names = [choice["name"] for choice in actions.choices] + [axis["name"] for axis in actions.axes]
        assert len(set(names)) == len(names), space
        groups = [group["name"] for group in actions.groups]
        assert len(set(groups)) == len(groups), space


def test_parts_have_the_names_of_their_keys():
    actions = Actions(ARM)
    assert [group["name"] for group in actions.groups] == ["gripper", "lights_0", "lights_1", "tools_0_0", "tools_0_1"]
    assert actions.counts == [3, 2, 2, 2, 4]
    assert [choice["name"] for choice in actions.groups[4]["choices"]] == [f"tools_0_1_{n}" for n in ("minus_1", 0, 1, 2)]
    assert [axis["name"] for axis in actions.axes] == ["force_0", "force_1", "tilt", "tools_1"]
    assert actions.description()["type"] == "several"
    # Gymnasium sorts the keys of a dict.
    array = actions.packed(np.array([[2, 1, 0, 1, 3]]), np.array([[0.5, -0.25, 45.0, 2.6]]))
    action = actions.read(array)[0]
    assert ARM.contains(action)
    assert (action["gripper"], action["lights"].tolist(), float(action["tilt"])) == (2, [1, 0], 45.0)
    assert (action["tools"][0].tolist(), action["tools"][1].tolist()) == ([2, 2], [3])


def test_a_mask_in_the_form_of_the_space_is_read():
    actions = Actions(ARM)
    row = np.zeros(13, np.uint8)
    no = np.array([0, 1], np.int8)
    mask = {"gripper": np.array([1, 0, 1], np.int8), "lights": (no, no), "force": None, "tilt": None}
    allowed_choices({**mask, "tools": ((no, np.array([0, 0, 1, 1])), None)}, actions, row)
    assert row.tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1]
    # No mask of a part allows everything.
    allowed_choices({"gripper": np.array([0, 1, 0], np.int8), "lights": None, "tools": (None, None)}, actions, row)
    assert row.tolist() == [0, 1, 0] + [1] * 10
    with pytest.raises(Unexpected, match="allows no choice of `lights_1`"):
        allowed_choices([1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1], actions, row)
    with pytest.raises(Unexpected, match="expected 13 zeros and ones, the masks of its groups of choices one after another"):
        allowed_choices([1] * 12, actions, row)


def test_a_space_of_texts_is_refused_with_what_works():
    with pytest.raises(UnsupportedSpace, match="the action space is a Text: Discrete, MultiDiscrete, MultiBinary, bounded Box"):
        Actions(spaces.Dict({"command": spaces.Text(4)}))


class Arm(gym.Env):
    """The gripper must be where the observation says, and the force half of it; a mask forbids one gripper."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Dict({"gripper": spaces.Discrete(3), "force": spaces.Box(-2.0, 2.0, (1,))})

    def __init__(self, masked=False):
        self.masked = masked

    def info(self):
        return {"action_mask": np.array([self.forbidden != kind for kind in range(3)])} if self.masked else {}

    def observe(self):
        self.seen = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        self.wanted = int(np.clip(np.floor(1.5 * (self.seen[0] + 1)), 0, 2))
        self.forbidden = (self.wanted + 1) % 3
        return self.seen

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 20
        return self.observe(), self.info()

    def step(self, action):
        assert self.action_space.contains(action), action
        assert not self.masked or action["gripper"] != self.forbidden
        reward = float(action["gripper"] == self.wanted) - abs(float(action["force"][0]) - 0.5 * float(self.seen[1]))
        self.left -= 1
        return self.observe(), reward, False, self.left == 0, self.info()


@pytest.mark.parametrize("masked", [False, True])
def test_ppo_learns_a_dict_of_a_choice_and_a_number(masked):
    keys = {"n_steps": 128, "batch_size": 256, "learning_rate": 3e-3, "gamma": 0.5, "seed": 0}
    model = setpoint.PPO("MlpPolicy", [lambda: Arm(masked) for _ in range(8)], **keys).learn(40_000)
    mean, _ = setpoint.evaluate_policy(model, Arm(masked), n_eval_episodes=20)
    # 20 steps of at most 1; random grippers with no force have 20 / 3 − 20 / 4.
    assert mean > 16
    several = np.array([[-0.9, 0.8], [0.9, -0.8]], np.float32)
    # The mask of the first state forbids the second gripper, that of the second state the first one.
    mask = np.array([[True, False, True], [False, True, True]])
    actions, _ = model.predict(several, deterministic=True, action_masks=mask)
    assert [action["gripper"] for action in actions] == [0, 2]
    assert actions[0]["force"][0] > 0.2 > -0.2 > actions[1]["force"][0]


def test_a_space_of_ten_thousand_choices_steps_and_learns():
    class Shelf(gym.Env):
        observation_space = spaces.Box(0, 1, (1,))
        action_space = spaces.Discrete(10_000)

        def action_masks(self):
            return np.arange(10_000) % 100 == self.open

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.open, self.left = 0, 5
            return np.zeros(1, np.float32), {}

        def step(self, action):
            assert action % 100 == self.open
            self.open, self.left = int(self.np_random.integers(100)), self.left - 1
            return np.zeros(1, np.float32), 1.0, False, self.left == 0, {}

    model = setpoint.PPO("MlpPolicy", Shelf(), n_steps=64, batch_size=64, n_epochs=1, policy_kwargs={"net_arch": [8]}, seed=0)
    model.learn(128)
    assert model.predict(np.zeros(1, np.float32), action_masks=np.arange(10_000) == 4_321)[0] == 4_321


def test_a_built_in_process_of_several_parts_is_a_dict():
    env = gym.make("setpoint/Filler-v0", render_mode="ansi")
    assert list(env.action_space.spaces) == ["cleaning", "nozzle", "speed"] or set(env.action_space.spaces) == {
        "nozzle",
        "cleaning",
        "speed",
    }
    env.reset(seed=3)
    action = {"nozzle": 1, "cleaning": 1, "speed": np.array([100.0], np.float32)}
    _, _, _, _, info = env.step(action)
    assert info["signals"]["cleanings"] == 1
    assert "wide, clean, speed 100 1/min" in env.render()
    vector = gym.make_vec("setpoint/Filler-v0", num_envs=4)
    vector.reset(seed=1)
    _, rewards, _, _, info = vector.step(vector.action_space.sample())
    assert rewards.shape == (4,) and info["signals"]["good_bottles"].shape == (4,)
    with pytest.raises(ValueError, match="the action names no speed"):
        env.unwrapped.step({"nozzle": 1, "cleaning": 1})
    model = setpoint.PPO("MlpPolicy", "filler", n_envs=2, n_steps=64, seed=0).learn(128)
    found, _ = model.predict(np.array([[0.1, 0.2, 0.0]] * 3, np.float32))
    assert found["speed"].shape == (3, 1) and found["nozzle"].shape == (3,)


class Valve(Process):
    """A valve with a mode and an opening."""

    features = [Feature("level", "m", 0.0, 2.0)]
    actions = [Choices("mode", [Choice("drain"), Choice("fill")], "which way"), Axis("opening", "1", 0.0, 1.0)]
    signals = [Signal("error", "m")]
    max_steps = 10

    def begin(self, random):
        self.level = random.uniform(0.5, 1.5)
        return [self.level], {"error": 0.0}

    def act(self, action, random):
        self.level = float(np.clip(self.level + 0.1 * (2 * action["mode"] - 1) * action["opening"][0], 0.0, 2.0))
        return [self.level], {"error": abs(self.level - 1.0)}, False


def test_a_process_in_python_names_its_groups_and_its_axes():
    host = EnvironmentHost([Valve])
    description = host.description["action"]
    assert description["groups"][0]["name"] == "mode" and description["groups"][0]["description"] == "which way"
    assert [choice["name"] for choice in description["groups"][0]["choices"]] == ["drain", "fill"]
    assert description["axes"][0]["name"] == "opening"
    host.reset(0, 1)
    level = host.arrays["observations"][0, 0]
    host.arrays["actions"][:] = host.actions.packed(np.array([[1]]), np.array([[0.5]]))
    host.step(None)
    assert host.arrays["observations"][0, 0] == pytest.approx(level + 0.05, abs=1e-6)

    class Twice(Valve):
        actions = [Choices("a", [Choice("on")]), Choices("b", [Choice("on")])]

    with pytest.raises(TypeError, match="a name of a choice or an axis twice: on"):
        Twice()

    class Mixed(Valve):
        actions = [Choice("on"), Axis("opening", "1", 0.0, 1.0)]

    with pytest.raises(TypeError, match="several choices at once need groups"):
        Mixed()
