"""A worker: environments of Gymnasium in a separate process, for a training that runs outside of Python.

The training starts it with the texts of this file, `_spaces`, `_actions` and `_host`, so that any Python with gymnasium and
numpy is enough. It sends one line of JSON with the request; the worker answers with the description of the
environments. Then the training names a file in shared memory for actions and results. Every batch of steps is one
word on a line and one word back.

| line | effect | answer |
|---|---|---|
| `map PATH` | the file becomes the host's arrays | `ok` |
| `reset LANE:SEED LANE:- …` | begins episodes, with a seed or without | `ok` |
| `step` | takes an action in every lane | `ok` |
| `where` | takes an action in the lanes whose `stepping` is not 0 | `ok` |
| `close` | closes the environments and ends | – |

Any answer may be one line of JSON instead: `{"failed": …}` if an environment raised an exception or gave values
outside of its spaces, `{"refused": …}` if it cannot be made.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import mmap
import os
import select
import shlex
import sys
import threading
import time
import traceback
import types

PACKAGE = "_setpoint_worker"
# Time for a worker to detect the end of its training by itself.
GRACE_S = 3.0


class Refused(Exception):
    """Environments that cannot be made: the key of [process] that caused it, the error, and a remedy."""

    def __init__(self, about: str, title: str, help: str = "", known: list[str] | None = None):
        super().__init__(title)
        self.answer = {"about": about, "title": title, "help": help, "known": known or []}


def main(request: dict) -> None:
    """Serves one training until it closes the connection or sends `close`."""
    commands, answers = _own_line()
    host = None
    try:
        try:
            host = _host_of(request)
        except Refused as refused:
            _answer(answers, {"refused": refused.answer})
            return
        _answer(answers, {"description": host.description})
        _serve(host, commands, answers)
    finally:
        if host is not None:
            host.close()


def _own_line() -> tuple[int, int]:
    """Separates the connection to the training from standard input and output: prints of environments go to
    standard error, and they read nothing."""
    commands, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    threading.Thread(target=_end_with, args=(commands,), daemon=True).start()
    return commands, answers


def _end_with(line: int) -> None:
    """Ends the worker after the training has ended, even if an environment hangs."""
    waiting = select.poll()
    # Waits only for the end of the other side.
    waiting.register(line, 0)
    waiting.poll()
    time.sleep(GRACE_S)
    os._exit(1)


def _answer(answers: int, content: dict) -> None:
    text = json.dumps(content).encode() + b"\n"
    while text:
        text = text[os.write(answers, text) :]


def _serve(host, commands: int, answers: int) -> None:
    from_training = os.fdopen(commands, "rb")
    stepping = None
    while line := from_training.readline():
        try:
            if line == b"step\n":
                host.step(None)
            elif line == b"where\n":
                host.step(stepping)
            elif line.startswith(b"reset "):
                for part in line.split()[1:]:
                    lane, seed = part.split(b":")
                    host.reset(int(lane), None if seed == b"-" else int(seed))
            elif line.startswith(b"map "):
                host.bind(_mapped(line[4:-1].decode(), host.description["layout"]))
                stepping = host.arrays["stepping"]
            elif line == b"close\n":
                return
            else:
                raise ValueError(f"there is no command {line!r}")
        except Exception as error:
            _answer(answers, {"failed": _failure(error)})
        else:
            os.write(answers, b"ok\n")


def _failure(error: Exception) -> dict:
    if hasattr(error, "reason"):
        return {"lane": error.lane, "step": error.step, "episode": error.episode, "reason": error.reason}
    with contextlib.suppress(OSError, ValueError):
        traceback.print_exception(error)
    reason = "the worker itself failed: " + traceback.format_exception_only(error)[-1].strip()
    return {"lane": None, "step": None, "episode": None, "reason": reason}


def _mapped(path: str, layout: dict) -> dict:
    """The arrays of a file in shared memory."""
    import numpy

    with open(path, "r+b") as file:
        memory = mmap.mmap(file.fileno(), layout["bytes"])
    arrays = {}
    for array in layout["arrays"]:
        count = 1
        for extent in array["shape"]:
            count *= extent
        flat = numpy.frombuffer(memory, dtype=array["dtype"], count=count, offset=array["offset"])
        arrays[array["name"]] = flat.reshape(array["shape"])
    return arrays


def _load(name: str, text: str):
    """A module of this package from its text."""
    module = types.ModuleType(f"{PACKAGE}.{name}")
    module.__package__ = PACKAGE
    sys.modules[module.__name__] = module
    exec(compile(text, f"setpoint/{name}.py", "exec"), module.__dict__)
    return module


def _host_of(request: dict):
    """The host of the requested environments."""
    for folder in reversed(request["path"]):
        sys.path.insert(0, folder)
    try:
        import gymnasium
        import numpy  # noqa: F401  only to check that it exists
    except ImportError as error:
        raise Refused(
            "python",
            f"{sys.executable} cannot import {error.name or 'gymnasium'}: {error}",
            f"install it there: {shlex.quote(sys.executable)} -m pip install gymnasium; or name another Python in `python` or "
            "SETPOINT_PYTHON",
        ) from None
    if int(gymnasium.__version__.split(".")[0]) < 1:
        raise Refused(
            "python",
            f"{sys.executable} has gymnasium {gymnasium.__version__}; 1.0 or later is needed",
            f"{shlex.quote(sys.executable)} -m pip install --upgrade gymnasium",
        )
    package = types.ModuleType(PACKAGE)
    package.__path__ = []
    sys.modules[PACKAGE] = package
    spaces, _, host = (_load(name, request["sources"][name]) for name in ("_spaces", "_actions", "_host"))
    about, make = ("entry", _of_entry(request)) if request["entry"] else ("id", _of_id(request))
    name = request["entry"] or request["id"]
    lanes, asked = request["lanes"], {"signals": request["signals"], "name": name}
    try:
        return host.EnvironmentHost([make] * lanes, check_bounds=request["check_bounds"], masked=request["masked"], **asked)
    except (Refused, MemoryError):
        raise
    except spaces.UnsupportedSpace as error:
        raise Refused(about, f"{name} cannot be used: {error}") from None
    except Exception as error:
        raise Refused(about, f"{name} cannot be used: {_last_line(error)}") from None


def _of_id(request: dict):
    """Makes the environment with a registered id."""
    import gymnasium
    from gymnasium import error as errors

    name, kwargs = request["id"], {"disable_env_checker": True, **request["kwargs"]}
    if request["max_steps"] is not None:
        kwargs["max_episode_steps"] = request["max_steps"]

    def make():
        try:
            return gymnasium.make(name, **kwargs)
        except (errors.UnregisteredEnv, errors.DeprecatedEnv) as error:
            newest_first = list(reversed(gymnasium.registry))
            raise Refused("id", f"Gymnasium has no environment `{name}`: {error}", "", newest_first) from None
        except errors.DependencyNotInstalled as error:
            raise Refused("id", f"{name} needs more than Gymnasium: {error}", f"with {sys.executable}") from None
        except ImportError as error:
            raise Refused("id", f"{name} cannot be imported: {_last_line(error)}") from None
        except TypeError as error:
            about = "kwargs" if request["kwargs"] else "id"
            raise Refused(about, f"{name} cannot be made: {_last_line(error)}") from None
        except Exception as error:
            raise Refused("id", f"{name} cannot be made: {_last_line(error)}") from None

    return make


def _of_entry(request: dict):
    """Makes the environment of a class or function, `module:name`."""
    import gymnasium

    entry, kwargs = request["entry"], request["kwargs"]
    module_name, _, attribute = entry.partition(":")
    if not module_name or not attribute:
        raise Refused("entry", f"`{entry}` is not an entry point", 'write module:Class, for example "my_package.my_env:MyEnv"')
    try:
        found = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise Refused(
            "entry",
            f"there is no module `{error.name}`",
            f"searched in {', '.join(request['path'])}, in PYTHONPATH and in the packages of {sys.executable}; `path` "
            "names more folders",
        ) from None
    except Exception as error:
        raise Refused("entry", f"`{module_name}` cannot be imported: {_last_line(error)}") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [name for name in dir(found) if not name.startswith("_")]
            raise Refused("entry", f"`{module_name}` has no `{attribute}`", "", [f"{module_name}:{name}" for name in known])
        found = getattr(found, part)

    def make():
        try:
            environment = found(**kwargs)
        except Refused:
            raise
        except Exception as error:
            about = "kwargs" if kwargs and isinstance(error, TypeError) else "entry"
            raise Refused(about, f"{entry} cannot be made: {_last_line(error)}") from None
        if not isinstance(environment, gymnasium.Env):
            raise Refused("entry", f"{entry} made a {type(environment).__name__}, which is not a gymnasium.Env")
        if request["max_steps"] is not None:
            environment = gymnasium.wrappers.TimeLimit(environment, request["max_steps"])
        return environment

    return make


def _last_line(error: Exception) -> str:
    """An exception in one line: its message and its place."""
    line = traceback.format_exception_only(error)[-1].strip()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("setpoint/")]
    if hasattr(error, "reason") or not frames:
        return str(error) if hasattr(error, "reason") else line
    return f"{line} ({frames[-1].filename}, line {frames[-1].lineno}, in {frames[-1].name})"
