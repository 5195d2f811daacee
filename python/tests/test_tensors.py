"""Images and sets of points: their spaces, what arrives of them, and what policies say of others."""

import gymnasium as gym
import numpy as np
import pytest
import setpoint
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import batch_space
from setpoint import envs
from setpoint._tensors import Form, Part, parts_of
from setpoint.envs import ProcessEnv, ProcessVectorEnv

SMALL = dict(n_steps=16, batch_size=32, n_epochs=1, features_dim=8, cnn_filters=[4], cnn_kernels=[8], cnn_strides=[4])


def test_one_image_without_features_is_an_image_of_bytes():
    env = gym.make("setpoint/Catch-v0")
    assert env.observation_space == gym.spaces.Box(0, 255, (36, 36, 1), np.uint8)
    observation, info = env.reset(seed=0)
    # The tray is in the bottom row and the part in the top row, so the offset is that of their left edges.
    part, tray = (int(np.flatnonzero(observation[row, :, 0])[0]) // 3 for row in (0, 35))
    assert part - tray == info["signals"]["offset"]
    assert np.unique(observation).tolist() == [0, 255] and (observation == 255).sum() == 18


def test_the_picture_shows_the_images():
    env = gym.make("setpoint/Catch-v0", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(1)
    assert before.shape == env.render().shape and (before != env.render()).any()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_many_images_at_once_are_those_of_single_environments(mode):
    count = 5
    native = ProcessVectorEnv("catch", count, autoreset_mode=mode)
    single = SyncVectorEnv([lambda: ProcessEnv("catch")] * count, autoreset_mode=mode)
    assert native.observation_space == single.observation_space
    native.action_space.seed(1)
    for seed in (3, None):
        np.testing.assert_array_equal(native.reset(seed=seed)[0], single.reset(seed=seed)[0])
        for _ in range(40):
            actions = native.action_space.sample()
            found, wanted = native.step(actions), single.step(actions)
            for a, b in zip(found[:4], wanted[:4], strict=True):
                np.testing.assert_array_equal(a, b)
            over = found[2] | found[3]
            if mode == AutoresetMode.SAME_STEP and over.any():
                for a, b in zip(found[4]["final_obs"], wanted[4]["final_obs"], strict=True):
                    np.testing.assert_array_equal(a, b)
            if mode == AutoresetMode.DISABLED and over.any():
                options = {"reset_mask": over}
                np.testing.assert_array_equal(native.reset(options=options)[0], single.reset(options=dict(options))[0])


# What a spec names, and how many features stand next to it.
FORMS = [
    (0, [Part("camera", "number_image", (2, 3, 4))]),
    (2, [Part("camera", "image", (3, 2, 1))]),
    (0, [Part("parts", "points", (3, 2))]),
    (3, [Part("front", "image", (2, 2, 3)), Part("parts", "points", (4, 1)), Part("depth", "number_image", (2, 5, 1))]),
]


def arrays_of(form, rows, rng):
    """Flat arrays as native code gives them."""
    arrays = []
    for part in form.parts:
        numbers = (rows, *part.shape)
        if part.kind == "points":
            counts = rng.integers(0, part.shape[0] + 1, rows).astype(np.uint32)
            points = rng.normal(size=numbers).astype(np.float32)
            points[np.arange(part.shape[0]) >= counts[:, None]] = 0.0
            arrays += [points.reshape(-1), counts]
        elif part.kind == "image":
            arrays.append(rng.integers(0, 256, numbers).astype(np.uint8).reshape(-1))
        else:
            arrays.append(rng.normal(size=numbers).astype(np.float32).reshape(-1))
    return arrays


@pytest.mark.parametrize(("features", "parts"), FORMS)
@pytest.mark.parametrize("rows", [None, 1, 3])
def test_observations_are_in_their_space_and_are_read_back_to_the_byte(features, parts, rows):
    form, rng = Form(features, parts), np.random.default_rng(0)
    space = form.space(np.full(features, -9, np.float32), np.full(features, 9, np.float32))
    count = rows or 1
    given, arrays = rng.normal(size=count * features).astype(np.float32), arrays_of(form, count, rng)
    observation = form.shown(given, arrays, rows)
    assert observation in (space if rows is None else batch_space(space, rows))
    flat, tensors, read_rows, single = form.read(observation)
    assert (read_rows, single) == (count, rows is None)
    np.testing.assert_array_equal(flat, given)
    for found, wanted in zip(tensors, arrays, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


class Native:
    """The native environments of a process with each kind of part, in place of real ones. Every third step ends all episodes."""

    def __init__(self, description, lanes):
        self.lanes, self.steps, self.rng = lanes, 0, np.random.default_rng(0)
        self.form = Form(*FORMS[3])
        self.now = self.draw()

    def spec(self):
        feature = '{"name": "%s", "low": -9, "high": 9, "unit": "1", "scale": 1, "offset": 0}'
        parts = (
            '{"name": "front", "form": {"image": {"height": 2, "width": 2, "channels": 3}}}',
            '{"name": "parts", "form": {"points": {"points": 4, "dimensions": 1}}}',
            '{"name": "depth", "form": {"number_image": {"height": 2, "width": 5, "channels": 1}}}',
        )
        return (
            f'{{"kind": "each", "signals": [], "observation": [{", ".join(feature % name for name in "abc")}], '
            f'"tensors": [{", ".join(parts)}], "action": {{"type": "discrete", "choices": [{{"name": "only"}}]}}}}'
        )

    def draw(self):
        return self.rng.normal(size=3 * self.lanes).astype(np.float32), arrays_of(self.form, self.lanes, self.rng)

    def terms(self):
        return []

    def allowed(self):
        return None

    def reset(self, lanes):
        if lanes:
            self.now = self.draw()
        return self.now[0], np.zeros(0, np.float32)

    def tensors(self, last):
        return self.final[1] if last else self.now[1]

    def choose(self, choices, steps):
        self.steps += 1
        self.final, self.now = self.draw(), self.draw()
        over = self.steps % 3 == 0
        flags = np.full(self.lanes, over)
        none = np.zeros(0)
        return self.now[0], np.zeros(self.lanes), flags, ~flags & False, none, none, self.final[0] if over else None


def test_a_process_with_each_kind_of_part_is_a_dict(monkeypatch):
    monkeypatch.setattr(envs._native, "Environments", Native)
    env = ProcessEnv("each")
    assert list(env.observation_space.spaces) == ["depth", "features", "front", "parts", "parts_count"]
    assert env.observation_space["parts_count"] == gym.spaces.Discrete(5)
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    assert all(observation in env.observation_space for observation in (env.step(0)[0] for _ in range(3)))
    assert env.render() is None


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_vector_of_dicts_is_in_its_space_in_every_mode(mode, monkeypatch):
    monkeypatch.setattr(envs._native, "Environments", Native)
    vector = ProcessVectorEnv("each", 2, autoreset_mode=mode)
    assert vector.reset(seed=0)[0] in vector.observation_space
    for step in range(1, 7):
        observation, _, terminated, _, info = vector.step([0, 0])
        assert observation in vector.observation_space
        native = vector.processes.native
        if terminated.any() and mode == AutoresetMode.SAME_STEP:
            for row, final in enumerate(info["final_obs"]):
                assert final in vector.single_observation_space
                np.testing.assert_array_equal(final["front"].reshape(-1), native.final[1][0].reshape(2, -1)[row])
        elif terminated.any():
            np.testing.assert_array_equal(observation["front"].reshape(-1), native.final[1][0])
            if mode == AutoresetMode.DISABLED:
                given = vector.reset(options={"reset_mask": np.array([True, False])})[0]
                np.testing.assert_array_equal(given["front"][0].reshape(-1), native.now[1][0].reshape(2, -1)[0])
                np.testing.assert_array_equal(given["depth"][1], observation["depth"][1])
                vector.reset(options={"reset_mask": np.array([False, True])})


def test_a_name_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="features is there twice"):
        Form(1, [Part("features", "image", (2, 2, 1))])
    with pytest.raises(ValueError, match="parts_count is there twice"):
        Form(0, [Part("parts", "points", (2, 2)), Part("parts_count", "image", (2, 2, 1))])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"front": np.zeros((3, 2, 2), np.uint8)}, ValueError, r"`front` .* shape \(3, 2, 2\); expected an image of 2 × 2 × 3 bytes"),
        ({"front": np.zeros((2, 2, 3))}, TypeError, r"`front` .* type float64; expected an image of 2 × 2 × 3 bytes \(uint8\)"),
        ({"depth": np.zeros((2, 5, 1), str)}, TypeError, "`depth` .* type <U1; expected an image of 2 × 5 × 1 numbers"),
        ({"parts_count": 5}, ValueError, "`parts_count` .* was 5; expected a whole number from 0 to 4"),
        ({"parts_count": 1.5}, TypeError, "`parts_count` .* type float64; expected a whole number"),
        ({"features": np.zeros(2)}, ValueError, r"`features` .* shape \(2,\); expected 3 numbers"),
        ({"front": np.zeros((4, 2, 2, 3), np.uint8)}, ValueError, "`features` has no axis of rows and `front` has 4 rows"),
        ({"extra": 1}, ValueError, r"a dict of \['depth', 'extra', .*expected a dict of \['depth', 'features'"),
    ],
)
def test_another_observation_is_named(change, error, words):
    form = Form(*FORMS[3])
    good = form.shown(np.zeros(3, np.float32), arrays_of(form, 1, np.random.default_rng(0)), None)
    form.read(good)
    with pytest.raises(error, match=words):
        form.read({**good, **change})


def test_something_else_than_a_dict_or_an_image_is_named():
    with pytest.raises(ValueError, match="was a ndarray; expected a dict of"):
        Form(*FORMS[3]).read(np.zeros(3))
    with pytest.raises(ValueError, match=r"a dict of \['camera'\]; expected an image"):
        Form(*FORMS[0]).read({"camera": np.zeros((2, 3, 4))})


def test_ppo_learns_decides_and_is_evaluated_with_images(tmp_path):
    model = setpoint.PPO("MlpPolicy", "catch", n_envs=4, **SMALL).learn(128)
    vector = gym.make_vec("setpoint/Catch-v0", num_envs=6)
    images, _ = vector.reset(seed=0)
    actions = model.predict(images, deterministic=True)[0]
    assert actions.shape == (6,) and isinstance(model.predict(images[0])[0], int)
    # A row decides alone as it does among others.
    assert [model.predict(image, deterministic=True)[0] for image in images] == actions.tolist()
    assert setpoint.evaluate_policy(model, gym.make("setpoint/Catch-v0"), 2, seed=0, return_episode_rewards=True)[1] == [11, 11]
    model.save(tmp_path / "catch.safetensors")
    policy = setpoint.Policy.load(tmp_path / "catch.safetensors")
    assert parts_of(policy.manifest) == [Part("camera", "image", (36, 36, 1))]
    for seed in range(3):
        drawn = policy.predict(images, deterministic=False, seed=seed)[0]
        np.testing.assert_array_equal(drawn, model.predict(images, deterministic=False, seed=seed)[0])
    for wrong, error in ((images[:, :, :, 0], ValueError), (images.astype(np.float32), TypeError)):
        with pytest.raises(error, match="`camera` of the observation had the (shape|type)"):
            policy.predict(wrong)
    again = setpoint.PPO.load(tmp_path / "catch.safetensors", env="catch")
    assert again.learn(64).num_timesteps >= 192


def test_what_native_code_is_given_is_checked_there_too():
    native = setpoint.PPO("MlpPolicy", "catch", n_envs=2, **SMALL).policy._native
    nothing = np.zeros(0, np.float32)
    good = np.zeros(36 * 36, np.uint8)
    assert native.choose(nothing, tensors=[good]).shape == (1,)
    for wrong, words in (([], "0 arrays .* camera, expected 1"), ([good[:-1]], "1295 numbers"), ([good, good], "2 arrays")):
        with pytest.raises(ValueError, match=words):
            native.choose(nothing, tensors=wrong)
    with pytest.raises(ValueError, match="0 arrays"):
        native.choose(nothing)
    with pytest.raises(TypeError, match="another type, expected image of 36 × 36 × 1 bytes"):
        native.choose(nothing, tensors=[good.astype(np.float32)])


def test_algorithms_without_images_say_so():
    with pytest.raises(ValueError, match="camera"):
        setpoint.TD3("MlpPolicy", "catch")
