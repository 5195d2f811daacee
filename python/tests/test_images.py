"""Environments of Gymnasium with images: which spaces are one, what arrives of them, and trainings on them."""

import json
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import setpoint
from gymnasium import spaces
from setpoint._host import EnvironmentFailed, EnvironmentHost
from setpoint._spaces import Observations, Unexpected, UnsupportedSpace

SMALL = dict(n_steps=16, batch_size=32, n_epochs=2, learning_rate=1e-3, features_dim=8, cnn_filters=[4], cnn_kernels=[8], cnn_strides=[4])

# Shape and type of a space, and the shape of its image; None where it is no image.
CASES = [
    ((40, 30, 3), np.uint8, (40, 30, 3)),
    ((3, 40, 30), np.uint8, (40, 30, 3)),
    ((4, 40, 30), np.uint8, (40, 30, 4)),
    ((1, 40, 30), np.uint8, (40, 30, 1)),
    ((40, 30), np.uint8, (40, 30, 1)),
    # Two channels first are no usual order, and three lines are no channels if the image has no more columns.
    ((2, 40, 30), np.uint8, (2, 40, 30)),
    ((3, 400, 3), np.uint8, (3, 400, 3)),
    ((25, 40, 1), np.uint8, (25, 40, 1)),
    ((25, 40), np.uint8, (25, 40, 1)),
    ((27, 37), np.uint8, None),
    ((2000,), np.uint8, None),
    ((40, 30, 3), np.float32, (40, 30, 3)),
    ((3, 40, 30), np.float32, (40, 30, 3)),
    ((40, 30), np.float32, None),
    ((9, 10, 11), np.float32, None),
    ((40, 30, 3), np.float64, None),
    ((40, 30, 3), np.int16, None),
    ((2, 10, 10, 10), np.float32, None),
]


def box(shape, dtype):
    return spaces.Box(0, 255, shape, dtype) if np.dtype(dtype).kind in "iu" else spaces.Box(-np.inf, np.inf, shape, dtype)


def arranged(array, shape):
    """An image with its channels last."""
    if array.ndim == 3 and array.shape != shape:
        return np.stack(list(array), axis=2)
    return array[:, :, None] if array.ndim == 2 else array


def written(observations, observation):
    row = np.full(observations.size, np.nan, np.float32)
    images = [np.full(image.shape, 77, image.dtype) for image in observations.images]
    observations.write(observation, row, images)
    return row, images


@pytest.mark.parametrize(("shape", "dtype", "image"), CASES)
def test_large_arrays_of_bytes_and_of_numbers_are_images(shape, dtype, image):
    space = box(shape, dtype)
    observations = Observations(space)
    assert [found.shape for found in observations.images] == ([] if image is None else [image])
    assert observations.size == (np.prod(shape) if image is None else 0)
    sample = space.sample()
    row, images = written(observations, sample)
    if image is None:
        np.testing.assert_array_equal(row, sample.reshape(-1).astype(np.float32))
    else:
        np.testing.assert_array_equal(images[0], arranged(sample, image))
        assert images[0].dtype == dtype


def random_space(rng, depth=0):
    """A space of numbers, images and spaces of them."""
    kind = rng.integers(6 if depth < 2 else 4)
    if kind == 0:
        return spaces.Discrete(int(rng.integers(2, 5)))
    if kind == 1:
        return spaces.Box(-1.0, 1.0, tuple(rng.integers(1, 4, rng.integers(1, 3))), np.float32)
    if kind in (2, 3):
        shape, dtype, _ = CASES[rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12])]
        return box(shape, dtype)
    inner = [random_space(rng, depth + 1) for _ in range(rng.integers(1, 6))]
    # Gymnasium sorts the keys.
    return spaces.Tuple(inner) if kind == 4 else spaces.Dict({f"k{index}": space for index, space in enumerate(inner)})


def parted(space, value):
    """Images in their own shapes and other numbers of a value, in the space's order; Gymnasium's own functions make the numbers."""
    if isinstance(space, spaces.Tuple):
        pairs = [parted(inner, value[index]) for index, inner in enumerate(space.spaces)]
    elif isinstance(space, spaces.Dict):
        pairs = [parted(inner, value[key]) for key, inner in space.spaces.items()]
    else:
        found = next((image for shape, dtype, image in CASES if image and (space.shape, space.dtype) == (shape, dtype)), None)
        return ([arranged(value, found)], []) if found else ([], [spaces.flatten(space, value)])
    return sum((images for images, _ in pairs), []), sum((numbers for _, numbers in pairs), [])


def test_random_spaces_of_images_and_numbers_arrive_in_their_order():
    rng, seen, refused = np.random.default_rng(5), set(), 0
    for seed in range(300):
        space = random_space(rng)
        space.seed(seed)
        value = space.sample()
        images, numbers = parted(space, value)
        if len(images) > 4:
            refused += 1
            with pytest.raises(UnsupportedSpace, match=f"has {len(images)} images"):
                Observations(space)
            continue
        observations = Observations(space)
        row, found = written(observations, value)
        np.testing.assert_array_equal(row, np.concatenate(numbers) if numbers else [])
        assert len(found) == len(images)
        for a, b in zip(found, images):
            np.testing.assert_array_equal(a, b)
        names = [part["name"] for part in observations.tensors()] + observations.names
        assert len(set(names)) == len(names)
        seen.add((len(images), bool(numbers)))
    assert refused > 3 and {(0, True), (1, False), (1, True), (2, True)} <= seen


def test_small_arrays_of_bytes_stay_features_next_to_an_image():
    space = spaces.Dict({"camera": box((36, 36), np.uint8), "buttons": box((3, 3), np.uint8), "features": box((40, 40), np.uint8)})
    observations = Observations(space)
    assert observations.size == 9
    # All features together are called so, and an image is not.
    assert [part["name"] for part in observations.tensors()] == ["camera", "features_2"]


def test_bytes_of_four_dimensions_and_five_images_are_refused():
    with pytest.raises(UnsupportedSpace, match=r"an array of bytes of shape \(4, 20, 20, 3\): an image has two or three dimensions"):
        Observations(box((4, 20, 20, 3), np.uint8))
    with pytest.raises(UnsupportedSpace, match=r"5 images \(`a`, `b`, `c`, `d`, `e`\), more than 4"):
        Observations(spaces.Dict({name: box((40, 30), np.uint8) for name in "abcde"}))


def test_a_number_image_is_finite():
    for strange in (np.nan, np.inf):
        image = np.zeros((40, 30, 3), np.float32)
        image[3, 2, 1] = strange
        with pytest.raises(Unexpected, match=f"the observation held {strange}; expected an image of finite numbers"):
            written(Observations(box((40, 30, 3), np.float32)), image)


SIDE = 36


class Sides(gym.Env):
    """One half of the image is bright: the action that names its side gives 1. No randomness: the sides follow from the action."""

    def __init__(self, layout="last", fault=None):
        shape = {"last": (SIDE, SIDE, 1), "first": (1, SIDE, SIDE), "flat": (SIDE, SIDE)}.get(layout, (SIDE, SIDE, 1))
        self.layout, self.fault = layout, fault
        image = spaces.Box(-np.inf, np.inf, shape, np.float32) if layout == "numbers" else spaces.Box(0, 255, shape, np.uint8)
        self.observation_space = image
        if layout == "dict":
            self.observation_space = spaces.Dict({"camera": image, "speed": spaces.Box(-1, 1, (2,)), "mode": spaces.Discrete(3)})
        self.action_space = spaces.Discrete(2)
        self.shape, self.dtype = shape, image.dtype

    def observe(self):
        image = np.zeros((SIDE, SIDE), self.dtype)
        image[:, :18] = 255 * (1 - self.side)
        image[:, 18:] = 200 * self.side
        # Another image in every step, and no symmetry of lines and columns.
        image[self.steps] = 100 + self.steps
        image = image.reshape(self.shape)
        if self.fault is not None and self.steps == 3:
            return self.fault(image)
        if self.layout != "dict":
            return image
        return {"camera": image, "speed": np.full(2, self.steps / 8, np.float32), "mode": np.int64(self.steps % 3)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = self.side = 0
        return self.observe(), {}

    def step(self, action):
        reward = float(int(action) == self.side)
        self.steps += 1
        self.side = (self.steps * (1 + int(action)) // 2 + self.steps) % 2
        return self.observe(), reward, False, self.steps >= 8, {}


def numbers_of(policy):
    """The numbers of a policy file, without its description."""
    content = policy._native.to_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_the_order_of_channels_changes_nothing():
    learned = [setpoint.PPO("MlpPolicy", [lambda layout=layout: Sides(layout)] * 4, **SMALL).learn(256) for layout in ("last", "first", "flat")]
    assert len({numbers_of(model.policy) for model in learned}) == 1


@pytest.mark.parametrize("layout", ["last", "first", "flat", "numbers", "dict"])
def test_ppo_learns_from_images_and_is_evaluated(layout, tmp_path):
    model = setpoint.PPO("MlpPolicy", [lambda: Sides(layout)] * 4, **SMALL).learn(3_000)
    env = Sides(layout)
    assert setpoint.evaluate_policy(model, env, 2)[0] == 8.0
    one, _ = env.reset()
    two = env.step(0)[0]
    alone = [model.predict(observation, deterministic=True)[0] for observation in (one, two)]
    assert model.predict([one, two], deterministic=True)[0].tolist() == alone
    if layout != "dict":
        assert model.predict(np.stack([one, two]), deterministic=True)[0].tolist() == alone
    # The policy itself has the channels last, and features by that name.
    policy = model.policy
    image = (one["camera"] if layout == "dict" else one).reshape(SIDE, SIDE, 1)
    own = {"features": np.float32([1, 0, 0, 0, 0]), "camera": image} if layout == "dict" else image
    assert policy.predict(own)[0] == alone[0]
    if layout in ("first", "flat"):
        with pytest.raises(ValueError, match=r"the observation had the shape .* 36 × 36 × 1 bytes \(uint8\): the shape \(36, 36, 1\)"):
            policy.predict(one)
    with pytest.raises(ValueError, match="the observation (had|was) .*; expected"):
        model.predict([{"camera": image}] if layout == "dict" else image[1:])
    model.save(tmp_path / "sides.safetensors")
    again = setpoint.PPO.load(tmp_path / "sides.safetensors", env=[lambda: Sides(layout)] * 4)
    assert again.predict(one, deterministic=True)[0] == alone[0]
    again.learn(64)


def test_the_last_image_of_an_episode_is_kept():
    host = EnvironmentHost([lambda: Sides("dict")] * 2)
    for lane in range(2):
        host.reset(lane, lane)
    for step in range(1, 9):
        host.step(None)
        shown, last = host.arrays["tensor_0"], host.arrays["final_tensor_0"]
        # Line `steps` of the image has its own value.
        assert (shown[:, step % 8, :, 0] == 100 + step % 8).all()
    assert (last[:, 8, :, 0] == 108).all() and (shown[:, 0, :, 0] == 100).all()


@pytest.mark.parametrize(
    ("layout", "fault", "words"),
    [
        ("last", lambda image: image[:, :, 0], r"the observation had shape \(36, 36\); expected \(36, 36, 1\)"),
        ("last", lambda image: image.astype(np.int64), "the observation had type int64; its space has uint8"),
        ("last", lambda image: image.tolist(), r"was a list; expected an array of uint8 with shape \(36, 36, 1\)"),
        ("numbers", lambda image: image * np.nan, "held nan; expected an image of finite numbers"),
        ("dict", lambda image: {"camera": image}, r"a dict of \['camera'\]; expected a dict of \['camera', 'mode', 'speed'\]"),
    ],
)
def test_another_image_ends_the_training_and_is_named(layout, fault, words):
    model = setpoint.PPO("MlpPolicy", [lambda: Sides(layout, fault)] * 2, **SMALL)
    with pytest.raises(EnvironmentFailed, match=words) as failed:
        model.learn(64)
    assert (failed.value.lane, failed.value.step) == (0, 2)


def test_a_mask_next_to_an_image_is_obeyed():
    class Masked(Sides):
        def __init__(self):
            super().__init__()
            self.observation_space = spaces.Dict({"action_mask": spaces.MultiBinary(2), "observation": self.observation_space})

        def observe(self):
            return {"action_mask": np.array([0, 1], np.int8), "observation": super().observe()}

    model = setpoint.PPO("MlpPolicy", [Masked] * 2, **SMALL).learn(64)
    observation, _ = Masked().reset()
    assert {model.predict(observation)[0] for _ in range(20)} == {1}


PROJECT = """
[process]
kind = "gymnasium"
entry = "sides:Sides"
kwargs = { layout = "dict" }
workers = 2
[reward]
reward = 1.0
[train]
algorithm = "ppo"
total_steps = 3_000
[train.ppo]
n_envs = 4
n_steps = 16
batch_size = 32
n_epochs = 2
learning_rate = 1e-3
features_dim = 8
cnn_filters = [4]
cnn_kernels = [8]
cnn_strides = [4]
[evaluate]
episodes = 4
baselines = ["random"]
"""


def test_a_project_trains_in_workers_and_gives_the_same_policy_as_this_interpreter(tmp_path):
    (tmp_path / "setpoint.toml").write_text(PROJECT, "utf-8")
    # The environment of this file, without what only its tests need.
    source = open(__file__, encoding="utf-8").read()
    body = source[source.index("SIDE = 36") : source.index("def numbers_of(")]
    (tmp_path / "sides.py").write_text(f"import gymnasium as gym\nimport numpy as np\nfrom gymnasium import spaces\n\n{body}", "utf-8")
    run, command = tmp_path / "run", [sys.executable, "-m", "setpoint"]
    # Nobody answered the questions of [decision], so the check fails as a whole.
    told = subprocess.run([*command, "check", str(tmp_path)], capture_output=True, text=True)
    assert "image of 36 × 36 × 1 bytes (`camera`)" in told.stdout
    subprocess.run([*command, "train", str(tmp_path), "--run-dir", str(run)], check=True, capture_output=True)
    told = subprocess.run([*command, "eval", str(run), "--json"], check=True, capture_output=True, text=True)
    assert json.loads(told.stdout)["evaluation"]["policy"]["episode_return"]["mean"] == 8.0
    subprocess.run([*command, "verify", str(run)], check=True, capture_output=True)
    here = setpoint.PPO("MlpPolicy", [lambda: Sides("dict")] * 4, **SMALL).learn(3_000)
    assert numbers_of(here.policy) == numbers_of(setpoint.Policy.load(run / "policy.safetensors"))
    # A continued run begins new episodes in the environments.
    longer = [*command, "train", str(tmp_path), "--run-dir", str(run), "--resume", "--steps", "4000"]
    subprocess.run(longer, check=True, capture_output=True)
