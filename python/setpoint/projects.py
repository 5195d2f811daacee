"""Projects as folders, and their runs, as on the command line."""

from __future__ import annotations

import csv
import html
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from setpoint import _native
from setpoint._numbers import plain, whole
from setpoint.models import Policy


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval: a score interval for a share of episodes, otherwise a bootstrap."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class Subject:
    """A policy or a baseline, measured.

    :ivar reward_per_step: mean reward of a step
    :ivar episode_return: mean undiscounted return of an episode
    :ivar signals: each signal's mean over steps (or share, or total: see the process), in its unit
    :ivar reward_terms: mean of each reward term per step
    """

    name: str
    description: str
    reward_per_step: Estimate
    episode_return: Estimate
    signals: dict[str, Estimate]
    reward_terms: dict[str, float]


@dataclass(frozen=True)
class Compared:
    """A figure of the policy against the same figure of a baseline, on the same episodes.

    :ivar name: ``return``, ``terminated`` or a signal
    :ivar unit: its unit; ``%`` for shares, ``reward`` for returns
    :ivar better: ``lower`` or ``higher``; ``None`` if either can be better
    :ivar difference: the policy's figure minus the baseline's; ``None`` if it is no finite number
    :ivar lift_percent: by how much the policy is better, in percent of the baseline's magnitude; ``None`` if the interval of
        the baseline's figure does not stay away from 0
    """

    name: str
    unit: str
    better: str | None
    policy: Estimate | None
    baseline: Estimate | None
    difference: Estimate | None
    lift_percent: Estimate | None

    def __str__(self) -> str:
        lift = "" if self.lift_percent is None else f", better by {self.lift_percent} %"
        return f"{self.name} {_text(self.policy)}, baseline {_text(self.baseline)}, difference {_text(self.difference)}{lift}"


@dataclass(frozen=True)
class Comparison:
    """The policy against a baseline, on the same episodes.

    :ivar headline: the figure of the headline: the return, or a signal that the project names; ``None`` in evidence of Setpoint
        before 2026-11-29
    :ivar terminated: the share of episodes that the process ended
    :ivar safety: the signals of ``[safety]``
    :ivar lift_percent: difference of reward per step, in percent of the baseline's; ``None`` if the baseline's interval does
        not stay away from 0
    :ivar probability_of_improvement: probability that an episode of the policy returns more than one of the baseline, over all
        pairs of episodes
    :ivar better_share: share of the episodes that are better, by the figure of the headline, than the same episode with the
        baseline, in [0, 1]; a tie counts half; ``None`` in evidence of Setpoint before 2026-11-30
    """

    baseline: str
    headline: Compared | None
    terminated: Compared | None
    safety: dict[str, Compared]
    difference_per_step: Estimate
    lift_percent: Estimate | None
    probability_of_improvement: Estimate
    better_share: Estimate | None


@dataclass(frozen=True)
class Evaluation:
    """A policy and its baselines, measured on episodes outside of the training.

    :ivar document: the content of ``evidence/evaluation.json``
    """

    policy: Subject
    baselines: list[Subject]
    comparisons: list[Comparison]
    document: dict[str, Any]

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """From the text of ``evidence/evaluation.json``."""
        document = json.loads(text)
        return cls(
            policy=_subject(document["policy"]),
            baselines=[_subject(baseline) for baseline in document["baselines"]],
            comparisons=[_comparison(comparison) for comparison in document["comparisons"]],
            document=document,
        )

    def __str__(self) -> str:
        lines = [f"{subject.name}: return {subject.episode_return}" for subject in (self.policy, *self.baselines)]
        lines += [f"against {other.baseline}: {other.headline}" for other in self.comparisons if other.headline is not None]
        return "\n".join(lines)


def _estimate(mean: float | None, interval: dict[str, float | None]) -> Estimate:
    # A figure that is no finite number is stored as null.
    mean, low, high = (math.nan if figure is None else figure for figure in (mean, interval["low"], interval["high"]))
    return Estimate(mean, low, high)


def _text(estimate: Estimate | None) -> str:
    return "–" if estimate is None else str(estimate)


def _maybe(found: dict[str, Any] | None) -> Estimate | None:
    return None if found is None else _estimate(found["mean"], found["interval"])


def _compared(found: dict[str, Any] | None) -> Compared | None:
    if found is None:
        return None
    figures = {name: _maybe(found[name]) for name in ("policy", "baseline", "difference", "lift_percent")}
    return Compared(name=found["name"], unit=found["unit"], better=found["better"], **figures)


def _subject(found: dict[str, Any]) -> Subject:
    def summary(name: str) -> Estimate:
        return _estimate(found[name]["mean"], found[name]["interval"])

    return Subject(
        name=found["name"],
        description=found["description"],
        reward_per_step=summary("reward_per_step"),
        episode_return=summary("episode_return"),
        signals={signal["name"]: _estimate(signal["mean"], signal["interval"]) for signal in found["signals"]},
        reward_terms={term["name"]: term["per_step"] for term in found["reward_terms"]},
    )


def _comparison(found: dict[str, Any]) -> Comparison:
    # A baseline around 0 has no percent.
    lift = found["lift_percent"]
    safety = (_compared(signal) for signal in found.get("safety", []))
    return Comparison(
        baseline=found["baseline"],
        headline=_compared(found.get("headline")),
        terminated=_compared(found.get("terminated")),
        safety={signal.name: signal for signal in safety if signal is not None},
        difference_per_step=_estimate(found["difference_per_step"], found["difference_interval"]),
        lift_percent=None if lift is None else _estimate(lift, found["lift_interval_percent"]),
        probability_of_improvement=_estimate(found["probability_of_improvement"], found["probability_interval"]),
        better_share=_maybe(found.get("better_share")),
    )


class Run:
    """A run's folder: one training, its policy and its evidence.

    In a notebook it shows its report.

    :raises FileNotFoundError: if there is no run
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        if not (self.path / "setpoint.toml").is_file():
            raise FileNotFoundError(f"{self.path} is not a run: it has no setpoint.toml")

    @property
    def policy(self) -> Policy:
        """The policy at the end of training."""
        return Policy.load(self.path / "policy.safetensors")

    @property
    def summary(self) -> dict[str, Any]:
        """The summary of the training: ``steps``, ``episodes``, ``return_mean_100``, ``wall_seconds`` …"""
        summary: dict[str, Any] = json.loads((self.path / "summary.json").read_text("utf-8"))
        return summary

    def metrics(self) -> dict[str, list[Any]]:
        """Every line of the training's log as columns, ready for ``pandas.DataFrame`` or ``polars.DataFrame``: ``steps``,
        returns, and figures within others by their full names (``learner/entropy``, ``reward_terms/wip``,
        ``action_distribution/0``). ``None`` if a line lacks a figure."""
        with (self.path / "metrics.jsonl").open(encoding="utf-8") as lines:
            rows = [_flat(json.loads(line)) for line in lines]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return {name: [row.get(name) for row in rows] for name in names}

    def episodes(self) -> dict[str, list[float]]:
        """Every finished episode as columns, ready for ``pandas.DataFrame``: its return, length and end."""
        with (self.path / "episodes.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        names = list(rows[0]) if rows else []
        return {name: [float(row[name]) for row in rows] for name in names}

    def evaluate(self, episodes: int | None = None, seeds: int = 1) -> Evaluation:
        """Plays the policy and the project's baselines on separate episodes, stores the evidence and writes the report.

        :param episodes: number of episodes of each seed; by default the project's
        :param seeds: number of seeds
        """
        count = None if episodes is None else whole(episodes, "episodes")
        return Evaluation.from_json(_native.evaluate(self.path, count, whole(seeds, "seeds")))

    @property
    def evaluation(self) -> Evaluation | None:
        """The evaluation that the report quotes, if there is one: the last of those over the most episodes."""
        file = self.path / "evidence" / "evaluation.json"
        return Evaluation.from_json(file.read_text("utf-8")) if file.is_file() else None

    @property
    def report(self) -> Path:
        """The report's file; :meth:`evaluate` writes it."""
        return self.path / "report.html"

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        if not self.report.is_file():
            return f"<p>{html.escape(repr(self))}: no report yet, <code>evaluate()</code> writes it</p>"
        page = html.escape(self.report.read_text("utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" style="width: 100%; height: 48em; border: 0"></iframe>'


def _flat(found: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}/"))
        elif isinstance(value, list):
            flat.update(_flat({f"{name}/{index}": entry for index, entry in enumerate(value)}, prefix))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


class Project:
    """A project's folder: one decision, from charter to rollout.

    :param path: the folder, or its ``setpoint.toml``
    :param runs: the folder of its runs
    """

    def __init__(self, path: str | PathLike[str], runs: str | PathLike[str] = "runs") -> None:
        self.path, self.runs = Path(path), Path(runs)

    def train(
        self,
        *,
        steps: int | None = None,
        seed: int | None = None,
        settings: dict[str, Any] | None = None,
        run_dir: str | PathLike[str] | None = None,
        resume: bool = False,
        force: bool = False,
        from_run: Run | str | PathLike[str] | None = None,
        threads: int = 0,
        callback: Callable[[dict[str, Any]], object] | None = None,
    ) -> Run:
        """Trains its policy, like ``setpoint train``.

        :param steps: environment steps instead of the project's
        :param seed: seed instead of the project's
        :param settings: overrides of the project file: ``{"train.ppo.gamma": 0.98}``
        :param run_dir: the run's folder; by default a new folder under ``runs``
        :param resume: continue a training that was stopped or killed, or, with more ``steps``, one that has ended
        :param force: delete the run in ``run_dir`` first; with ``resume``, continue although lines of its logs are lost
        :param from_run: a run or a policy file, with whose policy the training begins instead of random weights; of a
            training over several seeds, the folder of one seed
        :param callback: called with the figures after each update; ``False`` stops the training after a checkpoint
        :raises ValueError: if the project file is wrong; the message names the error, its place and a remedy
        """
        overrides = [f"{name}={_toml(value)}" for name, value in plain(settings or {}).items()]
        if steps is not None:
            overrides.append(f"train.total_steps={whole(steps, 'steps')}")
        if seed is not None:
            overrides.append(f"train.seed={whole(seed, 'seed')}")
        if force and run_dir is None:
            raise ValueError("force is about the run in run_dir: name the run_dir")
        cores = whole(threads, "threads")
        first = from_run.path if isinstance(from_run, Run) else from_run
        folder, _ = _native.train(self.path, overrides, self.runs, run_dir, resume, force, first, cores, callback)
        return Run(folder)

    def __repr__(self) -> str:
        return f"Project({str(self.path)!r})"


def _toml(value: Any) -> str:
    """A value in the form of a project file; texts, numbers, booleans and lists have the same form in JSON and TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(name))} = {_toml(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    return json.dumps(value)
