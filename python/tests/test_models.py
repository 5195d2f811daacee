"""Models: they learn, decide, continue, and refuse what they cannot do."""

import copy
import json
import pickle
import signal
import subprocess
import sys
import threading
import time

import gymnasium as gym
import numpy as np
import pytest
import setpoint
from setpoint.callbacks import BaseCallback, CheckpointCallback, StopTrainingOnReturn

CART_POLE = dict(n_steps=32, batch_size=256, n_epochs=20, gamma=0.98, gae_lambda=0.8, learning_rate=1e-3, clip_range=0.2)


def test_ppo_learns_a_built_in_process_and_is_evaluated_where_it_never_was():
    model = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=8, seed=0, **CART_POLE).learn(60_000)
    assert model.num_timesteps >= 60_000
    # Gymnasium's own cart-pole has the same dynamics.
    mean, deviation = setpoint.evaluate_policy(model, gym.make("CartPole-v1"), 20, seed=1)
    assert mean > 400 and deviation >= 0


def test_ppo_learns_gymnasiums_environments_stepped_in_python():
    model = setpoint.PPO("MlpPolicy", "CartPole-v1", n_envs=8, seed=0, **CART_POLE).learn(40_000)
    mean, _ = setpoint.evaluate_policy(model, gym.make("CartPole-v1"), 10, seed=1)
    assert mean > 300


@pytest.mark.parametrize(
    ("model", "env", "options"),
    [
        (setpoint.PPO, "Pendulum-v1", {"n_envs": 2, "n_steps": 64}),
        (setpoint.SAC, "Pendulum-v1", {"policy_kwargs": {"net_arch": [16]}}),
        (setpoint.TD3, "pendulum", {"policy_kwargs": {"net_arch": [16]}, "action_noise": "normal", "noise_sigma": 0.1}),
        (setpoint.DDPG, "pendulum", {"policy_kwargs": {"net_arch": [16]}}),
        (setpoint.DQN, "CartPole-v1", {"learning_starts": 100}),
        (setpoint.SAC, "cart-pole", {"policy_kwargs": {"net_arch": [16]}}),
        (setpoint.Reinforce, "cart-pole", {}),
        (setpoint.QLearning, "cart-pole", {}),
        (setpoint.EpsilonGreedy, "assembly-setup", {}),
        (setpoint.UCB1, "assembly-setup", {}),
        (setpoint.LinUCB, "assembly-setup", {}),
        (setpoint.Thompson, "assembly-setup", {"belief": "linear"}),
    ],
)
def test_every_algorithm_learns_saves_and_reads_back_the_same_policy(model, env, options, tmp_path):
    first = model("MlpPolicy", env, seed=3, **options).learn(1_500)
    same = model("MlpPolicy", env, seed=3, **options).learn(1_500)
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(32, first.policy.features)).astype(np.float32)
    actions = first.predict(observations, deterministic=True)[0]
    np.testing.assert_array_equal(actions, same.predict(observations, deterministic=True)[0])
    file = tmp_path / "model.safetensors"
    first.save(file)
    for again in (model.load(file), pickle.loads(pickle.dumps(first)), copy.deepcopy(first), setpoint.Policy.load(file)):
        found = again.predict(observations, deterministic=True)[0]
        np.testing.assert_allclose(np.asarray(found), np.asarray(actions), rtol=1e-6)
    further = model.load(file, env=env)
    further.learn(1_000)
    assert further.num_timesteps >= 2_500


def test_a_policy_has_the_hash_of_its_file(tmp_path):
    model = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=1, n_steps=64).learn(64)
    file = tmp_path / "policy.safetensors"
    model.policy.save(file)
    loaded = setpoint.Policy.load(file)
    assert loaded.hash == model.policy.hash
    assert len(loaded.hash) == 64 and set(loaded.hash) <= set("0123456789abcdef")
    # With the learner's state in it, it is another file.
    model.save(file)
    assert setpoint.Policy.load(file).hash not in (model.policy.hash, "")
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == loaded._native.to_bytes()


def test_a_model_of_a_newer_format_is_refused(tmp_path, monkeypatch):
    model = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=1, n_steps=64).learn(64)
    file = tmp_path / "model.safetensors"
    monkeypatch.setattr("setpoint._model._FORMAT", 2)
    model.save(file)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="format 2.*newer Setpoint"):
        setpoint.PPO.load(file)


def test_learning_on_from_what_was_saved_is_learning_on(tmp_path):
    whole = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=8, seed=0, **CART_POLE).learn(10_000)
    whole.save(tmp_path / "half.safetensors")
    read = setpoint.PPO.load(tmp_path / "half.safetensors", env="cart-pole")
    read.learn(10_000)
    whole.learn(10_000)
    observations = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    np.testing.assert_array_equal(
        read.predict(observations, deterministic=True)[0], whole.predict(observations, deterministic=True)[0]
    )


def test_a_model_without_an_environment_decides_and_says_what_it_lacks(tmp_path):
    model = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=1, n_steps=64).learn(64)
    model.save(tmp_path / "policy.safetensors")
    read = setpoint.PPO.load(tmp_path / "policy.safetensors")
    assert read.predict(np.zeros(4))[0] in (0, 1)
    with pytest.raises(RuntimeError, match="set_env"):
        read.learn(100)
    with pytest.raises(ValueError, match="learned by ppo, not by dqn"):
        setpoint.DQN.load(tmp_path / "policy.safetensors")


def test_draws_follow_the_policys_distribution():
    policy = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=1, n_steps=64).learn(64).policy
    rows = np.zeros((4_000, 4), np.float32)
    drawn = policy.predict(rows, deterministic=False, seed=1)[0]
    # Almost untrained: both choices, neither rare. Fewer than 1,200 of 4,000 at even odds has a chance below 1e-100.
    assert 1_200 < drawn.sum() < 2_800
    np.testing.assert_array_equal(drawn, policy.predict(rows, deterministic=False, seed=1)[0])
    assert len(set(policy.predict(rows, deterministic=True)[0].tolist())) == 1


def test_an_environment_with_wrappers_and_one_with_parts():
    class Parts(gym.Env):
        observation_space = gym.spaces.Dict({"level": gym.spaces.Box(0, 1, (2,)), "mode": gym.spaces.Discrete(3)})
        action_space = gym.spaces.MultiDiscrete([2, 3])

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.left = 10
            return self.observation_space.sample(), {}

        def step(self, action):
            assert self.action_space.contains(action), action
            self.left -= 1
            return self.observation_space.sample(), float(action[1] == 2), False, self.left == 0, {}

    model = setpoint.PPO("MlpPolicy", [Parts, Parts], n_steps=64, seed=0, learning_rate=1e-2).learn(6_000)
    parts = Parts()
    observation, _ = parts.reset(seed=0)
    action, _ = model.predict(observation, deterministic=True)
    assert parts.action_space.contains(action) and action[1] == 2
    wrapped = gym.wrappers.TransformReward(gym.make("setpoint/CartPole-v0"), lambda reward: 10 * reward)
    figures = []
    setpoint.PPO("MlpPolicy", wrapped, n_steps=256).learn(512, callback=figures.append)
    # The wrapper counts: a cart stays up for more than 9 steps even by chance.
    assert figures[-1]["return_mean_100"] > 90


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: setpoint.PPO("MlpPolicy", "cart-pole", learningrate=1), TypeError, "did you mean learning_rate"),
        (lambda: setpoint.PPO("MlpPolicy", "cart-pole", gamma=1.5), ValueError, "gamma"),
        (lambda: setpoint.PPO("MlpPolicy", "cart-pole", learning_rate=lambda share: share), TypeError, "linear_"),
        (lambda: setpoint.PPO("CnnPolicy", "cart-pole"), ValueError, "MlpPolicy"),
        (lambda: setpoint.PPO("MlpPolicy", "cart-pole", device="cuda"), ValueError, "cpu"),
        (lambda: setpoint.DQN("MlpPolicy", "Pendulum-v1"), ValueError, "ppo, sac, td3 or ddpg"),
        (lambda: setpoint.TD3("MlpPolicy", "CartPole-v1"), ValueError, "ppo, dqn or sac"),
        (lambda: setpoint.PPO("MlpPolicy", gym.make("CartPole-v1"), n_envs=4), ValueError, "1 environments were given"),
        (lambda: setpoint.PPO("MlpPolicy", "NoSuchThing-v0"), gym.error.Error, "NoSuchThing"),
        (lambda: setpoint.PPO("MlpPolicy", 17), TypeError, "not an environment"),
        (lambda: setpoint.PPO("MlpPolicy", "cart-pole", policy_kwargs={"layers": 3}), TypeError, "layers"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


class Broken(gym.Env):
    """Steps well twenty times, then does what it was made for."""

    observation_space = gym.spaces.Box(-1, 1, (3,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, how):
        self.how, self.taken = how, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self.taken += 1
        observation, reward = np.zeros(3, np.float32), 1.0
        if self.taken == 20:
            if self.how == "raises":
                raise ZeroDivisionError("the pump is off")
            if self.how == "nan":
                observation[1] = np.nan
            if self.how == "shape":
                observation = np.zeros(4, np.float32)
            if self.how == "dtype":
                observation = np.zeros(3, object)
            if self.how == "bounds":
                observation[0] = 2.0
            if self.how == "reward":
                reward = float("inf")
        return observation, reward, False, self.taken % 7 == 0, {}


@pytest.mark.parametrize("where", ["step", "reset"])
def test_an_environment_that_hangs_is_named_with_its_step(where):
    class Hangs(Broken):
        def _hang(self):
            while True:
                time.sleep(0.01)

        def reset(self, *, seed=None, options=None):
            if where == "reset" and self.taken > 0:
                self._hang()
            return super().reset(seed=seed)

        def step(self, action):
            if where == "step" and self.taken == 5:
                self._hang()
            return super().step(action)

    model = setpoint.PPO("MlpPolicy", [lambda: Broken("well"), lambda: Hangs("well")], n_steps=64, timeout_s=0.5)
    with pytest.raises(setpoint.EnvironmentFailed, match=f"`{where}` hangs: it took longer than 0.5 s") as caught:
        model.learn(1_000)
    assert (caught.value.lane, caught.value.step) == (1, 5 if where == "step" else 6)


@pytest.mark.parametrize("how", ["raises", "nan", "shape", "dtype", "bounds", "reward"])
def test_a_broken_environment_is_named_with_its_step(how):
    model = setpoint.PPO("MlpPolicy", [lambda: Broken("well"), lambda: Broken(how)], n_steps=64)
    with pytest.raises(setpoint.EnvironmentFailed, match="environment 1") as caught:
        model.learn(1_000)
    assert (caught.value.lane, caught.value.step) == (1, 19) and "Broken" in str(caught.value)
    if how == "raises":
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_callbacks_see_stop_and_may_fail(tmp_path):
    seen = []
    model = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=4, n_steps=32)
    model.learn(12_800, callback=lambda figures: seen.append(figures) or len(seen) < 3)
    assert len(seen) == 3 and model.num_timesteps == 3 * 128
    assert {"steps", "total_steps", "episodes", "return_mean_100", "value_loss"} <= seen[0].keys()

    class Counts(BaseCallback):
        started = ended = 0

        def on_training_start(self):
            self.started += 1
            assert self.model is model

        def on_training_end(self):
            self.ended += 1

    counts = Counts()
    model.learn(256, callback=[counts, CheckpointCallback(128, tmp_path)])
    assert (counts.started, counts.ended, counts.n_calls, counts.num_timesteps) == (1, 1, 2, 256)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model_128_steps.safetensors", "model_256_steps.safetensors"]

    def fails(figures):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        model.learn(10_000, callback=fails)
    model.learn(128)
    stopped = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=8, seed=0, **CART_POLE)
    stopped.learn(200_000, callback=StopTrainingOnReturn(60.0))
    assert stopped.num_timesteps < 100_000


def test_ctrl_c_is_heard_within_a_moment():
    program = (
        # Who starts this test may ignore Ctrl-C, as a shell does for what it runs in the background; its children inherit that.
        "import signal, setpoint, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "model = setpoint.PPO('MlpPolicy', 'assembly-line', n_envs=4)\n"
        "print('ready', flush=True)\n"
        "try:\n    model.learn(10_000_000_000)\n"
        "except KeyboardInterrupt:\n    print('heard', model.num_timesteps > 0, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    # A child that never stops must not block the tests.
    patience = threading.Timer(60, child.kill)
    patience.start()
    assert child.stdout.readline() == "ready\n"
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "heard True\n"
    assert child.wait(10) == 0
    patience.cancel()


def test_other_threads_run_and_a_second_training_of_the_same_model_is_refused():
    model = setpoint.PPO("MlpPolicy", "assembly-line", n_envs=4, n_steps=256)
    errors, ticks = [], []

    def second():
        time.sleep(0.2)
        ticks.append(time.monotonic())
        try:
            model.learn(100)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=second)
    thread.start()
    model.learn(10_000_000, callback=lambda figures: thread.is_alive())
    thread.join()
    assert ticks and "already" in errors[0]


def test_a_model_is_looked_at_from_another_thread_while_python_environments_are_stepped(tmp_path):
    # The two wait for each other for ever if one holds the interpreter's lock while it asks for the model's.
    model = setpoint.PPO("MlpPolicy", "CartPole-v1", n_envs=2, n_steps=128)
    looks = []

    def look():
        while len(looks) < 20:
            model.predict(np.zeros(4, np.float32), deterministic=True)
            model.save(tmp_path / "now.safetensors")
            looks.append(model.num_timesteps)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    model.learn(1_000_000, callback=lambda figures: thread.is_alive())
    thread.join(60)
    assert len(looks) == 20 and looks == sorted(looks) and looks[-1] > 0


def test_a_policy_file_goes_from_here_to_the_command_line_and_back(tmp_path, projects):
    command = [sys.executable, "-m", "setpoint"]
    run = tmp_path / "run"
    trained = [*command, "train", str(projects / "cart-pole"), "--steps", "2000", "--run-dir", str(run)]
    subprocess.run(trained, check=True, capture_output=True)
    trained_run = setpoint.PPO.load(run / "policy.safetensors")
    assert trained_run.predict(np.zeros(4), deterministic=True)[0] in (0, 1)
    ours = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=8, seed=0, **CART_POLE).learn(60_000)
    ours.save(run / "policy.safetensors")
    told = subprocess.run([*command, "eval", str(run), "--json"], check=True, capture_output=True, text=True)
    assert json.loads(told.stdout)["evaluation"]["policy"]["episode_return"]["mean"] > 300


def test_unpickled_models_do_not_depend_on_where_they_came_from():
    model = setpoint.PPO("MlpPolicy", "cart-pole", n_envs=1, n_steps=64).learn(64)
    program = (
        "import sys, pickle, numpy; print(pickle.load(sys.stdin.buffer).predict(numpy.zeros(4), deterministic=True)[0])"
    )
    told = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(model), check=True, capture_output=True)
    assert int(told.stdout) == model.predict(np.zeros(4), deterministic=True)[0]
