"""Projects and runs as objects, and the command that comes with the package."""

import json
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import setpoint


def test_a_project_is_trained_evaluated_and_shown(tmp_path, projects):
    seen = []
    project = setpoint.Project(projects / "assembly-line", runs=tmp_path)
    run = project.train(steps=32_768, seed=5, settings={"train.ppo.n_epochs": 2}, callback=seen.append)
    assert run.path.parent.parent == tmp_path and run.summary["seed"] == 5 and run.summary["steps"] >= 32_768
    assert seen[-1]["steps"] == run.summary["steps"]
    metrics = run.metrics()
    assert len({len(column) for column in metrics.values()}) == 1
    assert metrics["steps"] == sorted(metrics["steps"])
    assert {"learner/entropy", "reward_terms/wip", "action_distribution/0"} <= metrics.keys()
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(metrics)
    assert len(frame) == len(seen)
    assert len(pandas.DataFrame(run.episodes())) == run.summary["episodes"]
    assert run.evaluation is None and "no report yet" in run._repr_html_()
    evaluation = run.evaluate(episodes=10)
    assert run.evaluation == evaluation
    assert evaluation.policy.reward_per_step.low <= evaluation.policy.reward_per_step.mean
    assert {baseline.name for baseline in evaluation.baselines} >= {"random"}
    assert "throughput_uph" in evaluation.policy.signals and "difference" in str(evaluation)
    against = evaluation.comparisons[-1]
    assert against.headline.name == "return" and against.safety.keys() == {"failure_prob", "micro_stops"}
    assert against.safety["micro_stops"].better == "lower" and against.terminated.unit == "%"
    assert "<iframe" in run._repr_html_()
    assert run.policy.manifest["algorithm"] == "ppo"


def test_a_stopped_training_goes_on_and_ends_as_one_that_was_not(tmp_path, projects):
    project = setpoint.Project(projects / "assembly-line", runs=tmp_path)
    settings = {"train.total_steps": 49_152, "train.ppo.n_epochs": 2}
    whole = project.train(settings=settings, run_dir=tmp_path / "whole")
    project.train(settings=settings, run_dir=tmp_path / "cut", callback=lambda figures: figures["steps"] < 20_000)
    cut = project.train(settings=settings, run_dir=tmp_path / "cut", resume=True)
    assert (whole.path / "policy.safetensors").read_bytes() == (cut.path / "policy.safetensors").read_bytes()


def test_a_training_begins_with_the_policy_of_a_run_and_goes_on_with_more_steps(tmp_path, projects):
    project = setpoint.Project(projects / "assembly-line", runs=tmp_path)
    first = project.train(steps=16_384, run_dir=tmp_path / "first")
    for source in (first, first.path, first.path / "policy.safetensors"):
        run = project.train(steps=16_384, seed=8, from_run=source, run_dir=tmp_path / "from", force=(tmp_path / "from").exists())
        assert run.summary["from"]["policy"] == first.policy.hash
    with pytest.raises(ValueError, match="cannot begin with"):
        project.train(from_run=first, settings={"train.algorithm": "dqn"}, run_dir=tmp_path / "other")
    for resume in (False, True):
        with pytest.raises(ValueError, match="force is about the run in run_dir: name the run_dir"):
            project.train(resume=resume, force=True)
    # The project's learning rate falls with the steps; only a constant one is the same in both.
    constant = {"train.ppo.learning_rate": 1e-3}
    project.train(steps=16_384, settings=constant, run_dir=tmp_path / "longer")
    longer = project.train(steps=32_768, settings=constant, run_dir=tmp_path / "longer", resume=True)
    whole = project.train(steps=32_768, settings=constant, run_dir=tmp_path / "whole")
    assert longer.policy.hash == whole.policy.hash


def test_the_best_policy_of_a_training_is_kept(tmp_path, projects):
    seen = []
    project = setpoint.Project(projects / "assembly-line", runs=tmp_path)
    settings = {"evaluate.every_steps": 8_192, "evaluate.keep": "best", "evaluate.episodes": 10}
    run = project.train(steps=32_768, settings=settings, callback=seen.append)
    found = [value for value in run.metrics()["evaluations/0/return_mean"] if value is not None]
    assert run.summary["kept"]["return_mean"] == max(found) and seen[-1]["evaluation"] == found[-1]
    assert run.policy.manifest["steps"] == run.summary["kept"]["steps"]


def test_what_is_wrong_with_a_project_is_shown_as_the_command_line_shows_it(tmp_path):
    file = tmp_path / "setpoint.toml"
    file.write_text('[process]\nkind = "asembly-line"\n[reward]\nwip = 1.0\n', "utf-8")
    with pytest.raises(ValueError, match="did you mean `assembly-line`"):
        setpoint.Project(tmp_path).train()
    with pytest.raises(FileNotFoundError, match=r"no setpoint\.toml"):
        setpoint.Run(tmp_path / "none")


def command():
    return Path(sysconfig.get_path("scripts")) / "setpoint"


def test_the_command_is_the_native_one():
    told = subprocess.run([command(), "list", "processes", "--json"], check=True, capture_output=True, text=True)
    assert "assembly-line" in told.stdout and json.loads(told.stdout)
    wrong = subprocess.run([command(), "trian"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "train" in wrong.stderr
    told = subprocess.run([sys.executable, "-m", "setpoint", "--version"], check=True, capture_output=True, text=True)
    assert setpoint.__version__ in told.stdout


def test_ctrl_c_reaches_the_command_and_leaves_a_checkpoint(tmp_path, projects):
    run = tmp_path / "run"
    arguments = [command(), "train", projects / "assembly-line", "--steps", "500000000", "--run-dir", run]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (run / "metrics.jsonl").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 130 and "To continue" in output
