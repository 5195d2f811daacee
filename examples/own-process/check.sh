#!/usr/bin/env bash
# Runs the commands of README.md (the search is a short one), then installs the Python package into a virtual environment that has
# Setpoint from this checkout, and uses the oven from Python.
#
#   ./check.sh VENV
set -euo pipefail
python=$(cd "$1/bin" && pwd)/python
cd "$(dirname "$0")"
# The dependencies that Setpoint's own tests have built are used again.
CARGO_TARGET_DIR=$(cd ../.. && pwd)/target
export CARGO_TARGET_DIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo fmt --check --package batch-oven --package batch-oven-native
[ "$(wc -l <src/lib.rs)" -lt 100 ] || { echo "the process has 100 lines or more" >&2; exit 1; }
# With --workspace the features of all crates are those of the Python module, which then compiles no crate a second time.
cargo build --locked --quiet --workspace --bin batch-oven
oven=$CARGO_TARGET_DIR/debug/batch-oven
# `eval` fails unless the policy is 10 % better than the thermostat.
"$oven" check oven
"$oven" train oven --run-dir "$work/run"
"$oven" eval "$work/run"
"$oven" report "$work/run"
grep -q batch-oven "$work/run/report.html"
"$oven" tune oven --set train.total_steps=32768 --set evaluate.episodes=20 --trials 2 --seeds 2 --run-dir "$work/tune"

# Without dependencies: the environment has Setpoint from this checkout.
MATURIN_PEP517_ARGS="--profile dev --locked" "$python" -m pip install --quiet --disable-pip-version-check --no-deps .
(cd "$work" && "$python" - "$OLDPWD/oven" "$work") <<'PYTHON'
import subprocess
import sys

import gymnasium as gym
import setpoint

project, work = sys.argv[1:]
env = gym.make("setpoint/BatchOven-v0")
observation, _ = env.reset(seed=0)
observation, reward, *_, info = env.step(2)
assert env.observation_space.contains(observation) and info["signals"]["energy"] > 0 > reward, (observation, reward, info)
envs = gym.make_vec("setpoint/BatchOven-v0", num_envs=64)
assert envs.reset(seed=0)[0].shape == (64, 4)
model = setpoint.PPO("MlpPolicy", "batch-oven", n_envs=8, n_steps=128, seed=0).learn(2048)
assert model.predict(observation, deterministic=True)[0] in range(3)
run = setpoint.Project(project, runs=work).train(steps=8192)
evaluation = run.evaluate(episodes=10)
assert evaluation.document["process"] == "batch-oven" and evaluation.document["hashes"]["policies"] and run.report.is_file()
command = [sys.executable, "-m", "setpoint", "list", "processes"]
assert "batch-oven" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
PYTHON
echo "the oven works: as a program and in Python"
