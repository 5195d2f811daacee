"""Processes as Gymnasium environments: the interface to the letter, one at a time and many at once."""

import os
import threading
import warnings

import gymnasium as gym
import numpy as np
import pytest
import setpoint
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from setpoint import _native
from setpoint.envs import ProcessVectorEnv, environment_id, kind_of

KINDS = _native.kinds()


@pytest.mark.parametrize("kind", KINDS)
def test_gymnasiums_checker_accepts_every_process(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error", category=UserWarning)
        # A feature without natural bounds has very great ones, which the checker remarks on.
        warnings.filterwarnings("ignore", message=".*Box observation space (min|max)imum value.*")
        # Axes are in their own units: parts, newton metres.
        warnings.filterwarnings("ignore", message=".*recommend using a symmetric and normalized space.*")
        check_env(gym.make(environment_id(kind), render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("kind", KINDS)
def test_stable_baselines3s_checker_accepts_every_process(kind):
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="Stable-Baselines3 is not installed")
    checker.check_env(gym.make(environment_id(kind)).unwrapped, warn=False)


def test_stable_baselines3s_ppo_trains_on_a_process_unchanged():
    sb3 = pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
    from stable_baselines3.common.env_util import make_vec_env

    model = sb3.PPO("MlpPolicy", make_vec_env("setpoint/AssemblyLine-v0", n_envs=2), n_steps=64, batch_size=64)
    model.learn(256)
    observation, _ = gym.make("setpoint/AssemblyLine-v0").reset(seed=0)
    assert 0 <= int(model.predict(observation)[0]) < 6


def play(env, seed, steps):
    """Random actions, the same for all who ask with the same seed."""
    env.action_space.seed(seed)
    observation, info = env.reset(seed=seed)
    seen = [observation.copy()]
    for _ in range(steps):
        mask = info.get("action_mask")
        action = env.action_space.sample() if mask is None else int(np.flatnonzero(mask)[0])
        observation, reward, terminated, truncated, info = env.step(action)
        seen.append((observation.copy(), reward, terminated, truncated))
        if terminated or truncated:
            observation, info = env.reset()
            seen.append(observation.copy())
    return seen


def content(observation):
    """The bytes of an observation: one array, or a dict of arrays and counts."""
    if isinstance(observation, dict):
        return {name: np.asarray(part).tobytes() for name, part in observation.items()}
    return observation.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_episodes_to_the_bit(kind):
    env = gym.make(environment_id(kind))
    first, again = play(env, 7, 300), play(env, 7, 300)
    for a, b in zip(first, again, strict=True):
        if isinstance(a, tuple):
            assert content(a[0]) == content(b[0]) and a[1:] == b[1:]
        else:
            assert content(a) == content(b)


# Short episodes that end at different times, by the process itself and by the limit of steps, sometimes in the same step.
CASES = [("cart-pole", 12), ("assembly-line", 30), ("pendulum", 7)]


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(("kind", "max_steps"), CASES)
def test_many_at_once_are_what_gymnasiums_vector_makes_of_single_ones(kind, max_steps, mode):
    def single():
        return gym.make(environment_id(kind), max_steps=max_steps).unwrapped

    count = 5
    native = ProcessVectorEnv(kind, count, max_steps=max_steps, autoreset_mode=mode)
    gymnasium = SyncVectorEnv([single] * count, autoreset_mode=mode)
    native.action_space.seed(1)
    for beginning in (11, [3, 1, 4, 1, 5], None):
        # Without a seed every environment continues in its own stream.
        observations, expected = native.reset(seed=beginning)[0], gymnasium.reset(seed=beginning)[0]
        np.testing.assert_array_equal(observations, expected)
        ended = 0
        for _ in range(150):
            actions = native.action_space.sample()
            found = native.step(actions)
            wanted = gymnasium.step(actions)
            for a, b in zip(found[:4], wanted[:4], strict=True):
                np.testing.assert_array_equal(a, b)
            over = found[2] | found[3]
            ended += over.sum()
            if mode == AutoresetMode.SAME_STEP and over.any():
                np.testing.assert_array_equal(found[4]["_final_obs"], wanted[4]["_final_obs"])
                for a, b in zip(found[4]["final_obs"], wanted[4]["final_obs"], strict=True):
                    assert (a is None) == (b is None) and (a is None or np.array_equal(a, b))
            if mode == AutoresetMode.DISABLED and over.any():
                options = {"reset_mask": over}
                np.testing.assert_array_equal(native.reset(options=options)[0], gymnasium.reset(options=dict(options))[0])
        assert ended >= 15


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_what_a_step_gave_is_the_callers_to_keep(mode):
    envs = ProcessVectorEnv("cart-pole", 4, autoreset_mode=mode, max_steps=20)
    kept = [(given := envs.reset(seed=0)[0], given.copy())]
    over = 0
    for step in range(60):
        observations, rewards, terminated, truncated, info = envs.step(np.full(4, step % 2))
        for given in (observations, rewards, terminated, truncated, *info["signals"].values()):
            kept.append((given, given.copy()))
        ended = terminated | truncated
        over += int(ended.sum())
        if mode == AutoresetMode.DISABLED and ended.any():
            given = envs.reset(options={"reset_mask": ended})[0]
            kept.append((given, given.copy()))
    assert over > 4
    for given, then in kept:
        np.testing.assert_array_equal(given, then)


def test_an_environment_whose_episode_ended_must_be_reset():
    env = gym.make("setpoint/CartPole-v0", max_steps=3)
    with pytest.raises(gym.error.ResetNeeded):
        env.unwrapped.step(0)
    env.reset(seed=0)
    while True:
        _, _, terminated, truncated, _ = env.step(0)
        if terminated or truncated:
            break
    with pytest.raises(gym.error.ResetNeeded):
        env.unwrapped.step(0)
    vector = ProcessVectorEnv("cart-pole", 2, max_steps=1, autoreset_mode="Disabled")
    vector.reset(seed=0)
    vector.step([0, 1])
    with pytest.raises(gym.error.ResetNeeded, match=r"\[0, 1\]"):
        vector.step([0, 1])


def test_signals_and_reward_terms_are_told_and_the_terms_add_up_to_the_reward():
    env = gym.make("setpoint/AssemblyLine-v0")
    _, info = env.reset(seed=2)
    assert "throughput_uph" in info["signals"]
    _, reward, _, _, info = env.step(3)
    assert sum(info["reward_terms"].values()) == pytest.approx(reward, abs=1e-9)
    own = gym.make("setpoint/AssemblyLine-v0", reward={"throughput_uph": 2.0})
    own.reset(seed=2)
    _, reward, _, _, info = own.step(3)
    assert reward == pytest.approx(2.0 * info["signals"]["throughput_uph"])
    vector = gym.make_vec("setpoint/AssemblyLine-v0", num_envs=3)
    vector.reset(seed=2)
    _, rewards, _, _, info = vector.step([3, 3, 3])
    np.testing.assert_allclose(sum(info["reward_terms"].values()), rewards, atol=1e-9)
    assert info["signals"]["wip"].shape == (3,)


def test_masks_are_gymnasiums():
    env = gym.make("setpoint/JobShop-v0", instance="ft06")
    _, info = env.reset(seed=0)
    for _ in range(36):
        action = env.action_space.sample(info["action_mask"])
        np.testing.assert_array_equal(env.unwrapped.action_masks(), info["action_mask"])
        _, _, terminated, truncated, info = env.step(action)
    assert terminated or truncated


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gym.make("setpoint/AssemblyLine-v0", maxsteps=3), "maxsteps"),
        (lambda: gym.make("setpoint/AssemblyLine-v0", reward={"througput_uph": 1.0}), "throughput_uph"),
        (lambda: gym.make("setpoint/AssemblyLine-v0", max_steps=0), "max_steps"),
        (lambda: setpoint.ProcessEnv("asembly-line"), "assembly-line"),
        (lambda: gym.make_vec("setpoint/AssemblyLine-v0", num_envs=0), "at least one"),
        (lambda: setpoint.ProcessEnv("assembly-line", render_mode="human"), "render_mode"),
    ],
)
def test_mistakes_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_actions_outside_of_the_space_are_refused_and_numbers_clipped():
    vector = ProcessVectorEnv("assembly-line", 2)
    vector.reset(seed=0)
    with pytest.raises(ValueError, match="environment 1 was given the action 6; its actions are 0 to 5"):
        vector.step([0, 6])
    with pytest.raises(ValueError, match="expected 2"):
        vector.step([0])
    env = gym.make("setpoint/Pendulum-v0").unwrapped
    env.reset(seed=0)
    beyond = env.step(np.array([50.0], np.float32))[0]
    env.reset(seed=0)
    np.testing.assert_array_equal(beyond, env.step(env.action_space.high)[0])
    with pytest.raises(ValueError, match="finite"):
        env.step(np.array([np.nan], np.float32))


def test_a_state_is_shown_as_text_and_as_a_picture():
    env = gym.make("setpoint/AssemblyLine-v0", render_mode="ansi")
    env.reset(seed=0)
    env.step(2)
    assert "throughput_uph" in env.render() and "reward" in env.render()
    env = gym.make("setpoint/AssemblyLine-v0", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(2)
    picture = env.render()
    assert picture.shape == before.shape and picture.dtype == np.uint8 and picture.shape[2] == 3
    assert (picture != before).any()


def test_ids_and_names_find_their_process():
    assert kind_of("setpoint/MountainCarContinuous-v0") == "mountain-car-continuous"
    assert kind_of("job-shop") == "job-shop"
    assert kind_of("CartPole-v1") is None


def test_other_threads_run_while_native_code_steps():
    vector = ProcessVectorEnv("assembly-line", 100_000)
    vector.reset(seed=0)
    actions = np.zeros(100_000, np.int64)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(None)

    thread = threading.Thread(target=tick)
    thread.start()
    # Holding the lock, native code would let the other thread in between two calls at most.
    during = []
    for _ in range(20):
        before = len(ticks)
        vector.processes.native.choose(actions, None)
        during.append(len(ticks) - before)
    stop.set()
    thread.join()
    assert sum(during) > 20_000


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="resident memory is read from /proc")
def test_a_million_steps_leave_no_memory_behind():
    vector = ProcessVectorEnv("assembly-line", 256)
    vector.reset(seed=0)
    actions = np.zeros(256, np.int64)
    single = gym.make("setpoint/CartPole-v0").unwrapped

    def steps(count):
        for _ in range(count):
            vector.step(actions)
        for seed in range(count // 4):
            single.reset(seed=seed)
            single.step(1)

    steps(400)
    before = resident_bytes()
    steps(4_000)
    # One array of observations is 11 KB: a leak of one in forty steps would show, what an allocator keeps does not.
    assert resident_bytes() - before < 1_000_000
