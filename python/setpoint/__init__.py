"""Setpoint: reinforcement learning for one industrial decision at a time.

* :mod:`setpoint.envs`: built-in processes as Gymnasium environments, one at a time or thousands at once. They are registered
  on import: ``gymnasium.make("setpoint/AssemblyLine-v0")``. Your own processes in Rust are added if you install your native
  module (``docs/python.md``, section 6).
* :mod:`setpoint.models`: the learners, with Stable-Baselines3's names: :class:`PPO`, :class:`SAC` …
* :mod:`setpoint.projects`: the folder of a project: :class:`Project`, :class:`Run`.
* :mod:`setpoint.process`: your own processes, with named features, actions and signals.
* :func:`evaluate_policy`, :func:`make_vec_env`, :mod:`setpoint.callbacks`.

The command line ``setpoint`` comes with the package.
"""

import os as _os
import sys as _sys

from setpoint import _own_native

# The modules below find the processes and classes in `setpoint._native`.
_own_native.install()

from setpoint import envs as _envs
from setpoint import models as _models
from setpoint._host import EnvironmentFailed
from setpoint._native import __version__
from setpoint.envs import ProcessEnv, ProcessVectorEnv, make_vec_env
from setpoint.evaluation import evaluate_policy
from setpoint.models import *  # noqa: F403
from setpoint.process import Process
from setpoint.projects import Evaluation, Project, Run

# This Python steps environments of Gymnasium, unless a project names another one.
_os.environ.setdefault("SETPOINT_PYTHON", _sys.executable)
_envs.register()

__all__ = [
    "EnvironmentFailed",
    "Evaluation",
    "Process",
    "ProcessEnv",
    "ProcessVectorEnv",
    "Project",
    "Run",
    "__version__",
    "evaluate_policy",
    "make_vec_env",
]
__all__ += _models.__all__
