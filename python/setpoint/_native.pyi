"""The native half of the package, or the user's own module in its place. Private: use the modules around it."""

from collections.abc import Callable
from os import PathLike
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from setpoint._host import EnvironmentHost

__version__: str
__all__ = [
    "Environments",
    "Learner",
    "Policy",
    "__version__",
    "command_line",
    "evaluate",
    "extra",
    "kinds",
    "options_of",
    "recipes",
    "train",
]

_Stepped: TypeAlias = tuple[
    NDArray[np.float32],
    NDArray[np.float64],
    NDArray[np.bool_],
    NDArray[np.bool_],
    NDArray[np.float32],
    NDArray[np.float64],
    NDArray[np.float32] | None,
]
_Callback: TypeAlias = Callable[[dict[str, Any]], object]

def command_line(arguments: list[str]) -> int: ...
def kinds() -> list[str]: ...
def extra(bytes: bytes, name: str) -> bytes | None: ...
def options_of(algorithm: str) -> str: ...
def recipes() -> str: ...
def train(
    project: str | PathLike[str],
    overrides: list[str],
    runs: str | PathLike[str],
    run_dir: str | PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    from_run: str | PathLike[str] | None = None,
    threads: int = 0,
    callback: _Callback | None = None,
) -> tuple[PathLike[str], str]: ...
def evaluate(run: str | PathLike[str], episodes: int | None = None, seeds: int = 1) -> str: ...

@final
class Environments:
    def __new__(cls, description: str, lanes: int) -> Environments: ...
    def spec(self) -> str: ...
    def terms(self) -> list[str]: ...
    def reset(self, lanes: list[tuple[int, int | None]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
    def choose(self, choices: NDArray[np.int64], steps: NDArray[np.bool_] | None = None) -> _Stepped: ...
    def control(self, controls: NDArray[np.float32], steps: NDArray[np.bool_] | None = None) -> _Stepped: ...
    def act(
        self, choices: NDArray[np.int64], controls: NDArray[np.float32], steps: NDArray[np.bool_] | None = None
    ) -> _Stepped: ...
    def tensors(self, last: bool = False) -> list[NDArray[Any]]: ...
    def allowed(self) -> NDArray[np.bool_] | None: ...

@final
class Learner:
    def __new__(cls, description: str, host: EnvironmentHost | None = None, threads: int = 0) -> Learner: ...
    def spec(self) -> str: ...
    def resolved(self) -> str: ...
    def steps(self) -> int: ...
    def learn(self, total_steps: int, callback: _Callback | None = None, reset: bool = True) -> None: ...
    def policy(self) -> Policy: ...
    def save(self) -> bytes: ...
    def restore(self, bytes: bytes) -> None: ...

@final
class Policy:
    @staticmethod
    def load(path: str | PathLike[str]) -> Policy: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Policy: ...
    def to_bytes(self) -> bytes: ...
    def to_bytes_with(self, extras: dict[str, bytes]) -> bytes: ...
    def manifest(self) -> str: ...
    def hash(self) -> str: ...
    def choose(
        self,
        observations: NDArray[np.float32],
        allowed: list[bool] | None = None,
        seed: int | None = None,
        signals: NDArray[np.float32] | None = None,
        tensors: list[NDArray[Any]] | None = None,
    ) -> NDArray[np.int64]: ...
    def control(
        self,
        observations: NDArray[np.float32],
        seed: int | None = None,
        signals: NDArray[np.float32] | None = None,
        tensors: list[NDArray[Any]] | None = None,
    ) -> NDArray[np.float32]: ...
    def act(
        self,
        observations: NDArray[np.float32],
        allowed: list[bool] | None = None,
        seed: int | None = None,
        signals: NDArray[np.float32] | None = None,
        tensors: list[NDArray[Any]] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...
