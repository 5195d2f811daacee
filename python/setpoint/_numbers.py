"""Whole numbers as people give them: Python's own, NumPy's, and floats such as ``1e6``."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np


def whole(value: Any, name: str) -> int:
    """The value as an ``int``.

    :raises TypeError: if it is no whole number; the message names the argument
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    return int(value)


def seed_of(value: Any) -> int:
    """The value as a seed; ``None`` gives fresh randomness.

    :raises TypeError: if it is no whole number
    :raises ValueError: if it is negative
    """
    if value is None:
        return secrets.randbelow(2**31)
    seed = whole(value, "seed")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}")
    return seed


def plain(value: Any) -> Any:
    """Numbers, texts, lists and dictionaries of Python's own, as JSON has them; paths become texts."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__fspath__"):
        return value.__fspath__()
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value
