"""A process written in Python speaks its own words in a project: features, actions, signals, reward terms, constraints."""

import json
import subprocess
import sys

import pytest
import setpoint
from gymnasium.utils.env_checker import check_env
from setpoint.process import Axis, Choice, Feature, Process, Signal

TANK = '''
from setpoint import Process
from setpoint.process import Choice, Feature, Signal


class Tank(Process):
    """A tank that is filled or drained."""

    features = [Feature("level", "m", 0.0, 2.0, "height of the liquid")]
    actions = [Choice("drain"), Choice("hold", "leaves both valves shut"), Choice("fill")]
    signals = [Signal("overflow", "l", 0.0, 10.0, aggregate="total"), Signal("error", "m")]
    max_steps = 50
    reward = {"error": -1.0}

    def begin(self, random):
        self.level = random.uniform(0.5, 1.5)
        return [self.level], self.measure()

    def act(self, action, random):
        self.level = min(max(self.level + 0.1 * (action - 1), 0.0), 2.0)
        return [self.level], self.measure(), False

    def measure(self):
        return {"overflow": max(self.level - 1.9, 0.0), "error": abs(self.level - 1.0)}
'''

PROJECT = """
[process]
kind = "gymnasium"
entry = "tank:Tank"
workers = 1
[reward]
error = -2.0
overflow = -10.0
[[constraint]]
when = { feature = "level", above = 1.8 }
forbid = ["fill"]
[train]
algorithm = "ppo"
total_steps = 8192
[train.ppo]
n_envs = 4
n_steps = 128
learning_rate = 3e-3
[evaluate]
episodes = 5
baselines = ["random"]
"""


def load(tmp_path):
    (tmp_path / "tank.py").write_text(TANK, "utf-8")
    (tmp_path / "setpoint.toml").write_text(PROJECT, "utf-8")
    names = {"__name__": "tank"}
    exec(TANK, names)
    return names["Tank"]


def test_gymnasiums_checker_accepts_it(tmp_path):
    tank = load(tmp_path)
    check_env(tank(), skip_render_check=True)


def test_a_project_speaks_its_words(tmp_path):
    load(tmp_path)
    run = setpoint.Project(tmp_path, runs=tmp_path / "runs").train()
    assert {"reward_terms/error", "reward_terms/overflow"} <= run.metrics().keys()
    evaluation = run.evaluate()
    assert {"overflow", "error", "reward"} == evaluation.policy.signals.keys()
    assert evaluation.policy.reward_per_step.mean > evaluation.baselines[0].reward_per_step.mean
    manifest = run.policy.manifest
    assert manifest["observation"][0]["name"] == "level" and manifest["observation"][0]["unit"] == "m"
    assert [choice["name"] for choice in manifest["action"]["choices"]] == ["drain", "hold", "fill"]
    told = subprocess.run(
        [sys.executable, "-m", "setpoint", "recommend", str(run.path), "--set", "level=1.9", "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "drain" in told.stdout and json.loads(told.stdout)


def test_a_model_learns_it_with_its_own_weights(tmp_path):
    tank = load(tmp_path)
    model = setpoint.PPO("MlpPolicy", [tank] * 4, n_steps=128, learning_rate=3e-3, seed=0).learn(8_192)
    # Standing still at a random level costs a quarter of a metre a step in the mean.
    assert setpoint.evaluate_policy(model, tank(), 20, seed=0)[0] > -0.15 * 50
    assert model.policy.manifest["observation"][0]["name"] == "level"


def test_axes_and_masks():
    class Valve(Process):
        features = [Feature("flow", "l/s", 0.0, 5.0)]
        actions = [Axis("opening", "%", 0.0, 100.0)]
        signals = [Signal("flow", "l/s")]
        reward = {"flow": 1.0}
        max_steps = 10

        def begin(self, random):
            return [0.0], {"flow": 0.0}

        def act(self, action, random):
            flow = 0.05 * float(action[0])
            return [flow], {"flow": flow}, False

    model = setpoint.PPO("MlpPolicy", [Valve], n_steps=64).learn(128)
    assert model.policy.manifest["action"]["axes"][0]["unit"] == "%"

    class Gate(Valve):
        actions = [Choice("open"), Choice("shut")]

        def allowed(self):
            return [False, True]

        def act(self, action, random):
            assert action == 1
            return [0.0], {"flow": 0.0}, False

    setpoint.PPO("MlpPolicy", [Gate], n_steps=64).learn(128)


def test_what_is_missing_is_said():
    class Nothing(Process):
        pass

    with pytest.raises(TypeError, match="must name features"):
        Nothing()

    class Forgets(Process):
        features = [Feature("level", "m", 0.0, 1.0)]
        actions = [Choice("wait")]
        signals = [Signal("error")]

        def begin(self, random):
            return [0.0], {}

    with pytest.raises(KeyError, match="did not measure error"):
        Forgets().reset()

    class Weighs(Forgets):
        reward = {"eror": 1.0}

    with pytest.raises(TypeError, match="eror"):
        Weighs()
