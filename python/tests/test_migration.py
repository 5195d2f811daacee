"""The two programs of docs/python.md run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TANK = '''
import gymnasium as gym
import numpy as np


class Tank(gym.Env):
    """A tank is filled or drained; its level is to stay at a half."""

    def __init__(self):
        self.observation_space = gym.spaces.Box(0.0, 1.0, (1,))
        self.action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.level, self.left = self.np_random.uniform(), 50
        return np.array([self.level], np.float32), {}

    def step(self, action):
        self.level = float(np.clip(self.level + 0.1 * (int(action) - 1) + self.np_random.normal(0, 0.02), 0, 1))
        self.left -= 1
        return np.array([self.level], np.float32), 1.0 - abs(self.level - 0.5) * 4, False, self.left == 0, {}
'''


def program(library):
    page = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text("utf-8")
    return re.search(rf"```python {library}\n(.*?)```", page, re.DOTALL).group(1)


@pytest.mark.parametrize("library", ["sb3", "setpoint"])
def test_the_program_learns_saves_and_is_evaluated(library, tmp_path):
    if library == "sb3":
        pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
    (tmp_path / "tank.py").write_text(TANK, "utf-8")
    (tmp_path / "program.py").write_text(program(library), "utf-8")
    told = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    found = float(re.search(r"return (-?[\d.]+) over 100 episodes", told.stdout).group(1))
    # Of 50; doing nothing comes to about 0.
    assert found > 35


def test_the_guides_programs_pass_the_type_checker(tmp_path):
    """Every program of the page that stands on its own: it imports what it uses."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text("utf-8")
    blocks = re.findall(r"```python(?: setpoint)?\n(.*?)```", page, re.DOTALL)
    whole = [block for block in blocks if block.startswith(("import", "from"))]
    assert len(whole) >= 2
    (tmp_path / "tank.py").write_text(TANK, "utf-8")
    for number, block in enumerate(whole):
        (tmp_path / f"program_{number}.py").write_text(block, "utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--cache-dir",
        str(tmp_path / "cache"),
        *sorted(map(str, tmp_path.glob("program_*.py"))),
    ]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
