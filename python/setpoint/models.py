"""The learners, with Stable-Baselines3's names.

>>> model = PPO("MlpPolicy", "CartPole-v1", n_envs=8, seed=0).learn(100_000)
>>> action, _ = model.predict(observation, deterministic=True)
>>> model.save("cart-pole.safetensors")

Environments may be a Gymnasium id, a built-in process (``"assembly-line"``), a Gymnasium environment, a list of functions
that make one, or a vector of environments. Built-in processes are stepped by native code without entering Python; others
are stepped in this interpreter, with one call per step of all of them.

There is a class for each algorithm of ``setpoint list algorithms``. The classes follow from the recipes of the native half;
``models.pyi`` shows them to type checkers and editors (``tests/test_models_stub.py`` writes it).
"""

import json
from typing import Any

from setpoint import _native
from setpoint._model import Model
from setpoint._policy import Policy

__all__ = ["Model", "Policy"]

_LOGGED = """
It learns from a log (``log="line.csv"``, CSV or Parquet) or from the decisions of a baseline of the process
(``source="line-manager"``). ``total_timesteps`` of :meth:`learn` counts the rows of the gradient steps, and ``env`` defines the
features and actions.
"""


def _documentation(recipe: dict[str, Any], options: list[dict[str, Any]]) -> str:
    """Summary, source, and every option, as the recipe has them."""
    lines = [f"{recipe['summary'][0].upper()}{recipe['summary'][1:]} ({recipe['source']}).", ""]
    lines += [f"Actions: {recipe['actions']}. Use it if {recipe['pick_when']}."]
    if any(option["name"] == "source" for option in options):
        lines += _LOGGED.rstrip().split("\n")
    lines.append("")
    for option in options:
        default = "" if option["default"] is None else f", {json.dumps(option['default'], ensure_ascii=False)} by default"
        lines.append(f":param {option['name']}: {option['meaning']}: {option['expected']}{default}")
    return "\n".join(lines)


def _class_of(recipe: dict[str, Any]) -> type[Model]:
    documentation = _documentation(recipe, json.loads(_native.options_of(recipe["name"])))
    body = {"__doc__": documentation, "__module__": __name__, "algorithm": recipe["name"]}
    return type(recipe["class"], (Model,), body)


for _recipe in json.loads(_native.recipes()):
    globals()[_recipe["class"]] = _class_of(_recipe)
    __all__.append(_recipe["class"])
