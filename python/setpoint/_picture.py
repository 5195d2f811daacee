"""A process's present state as text and as a picture.

The picture is a panel of gauges: one bar per signal and one per feature, from its least to its greatest value, with
name and value next to it. Above the gauges is a drawing, if the process has one (`_line`), and below them are the images of
the observation. The picture needs no plotting library, so it can be recorded anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _line

Pixels = NDArray[np.uint8]

_WIDTH, _ROW, _MARGIN = 640, 22, 16
_PAPER, _INK, _GREY, _TRACK = (250, 250, 248), (38, 42, 48), (120, 126, 134), (226, 228, 230)
_FEATURE, _SIGNAL = (46, 110, 178), (32, 138, 106)
# A bound beyond this counts as infinite, and its gauge has no scale.
_UNBOUNDED = 1e30


@dataclass(frozen=True)
class State:
    """The content: the process's spec, its features and signals, the last action with its reward, and images by name."""

    spec: dict[str, Any]
    observation: NDArray[np.float32]
    signals: NDArray[np.float32]
    last: tuple[Any, float] | None
    images: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def features(self) -> list[tuple[str, str, float, float, float]]:
        """Name, unit, natural value, and the natural values of the bounds."""
        rows = []
        for feature, value in zip(self.spec["observation"], self.observation.reshape(-1).tolist()):
            scale, offset = feature["scale"], feature["offset"]
            natural = [number * scale + offset for number in (value, feature["low"], feature["high"])]
            rows.append((feature["name"], feature["unit"], natural[0], *sorted(natural[1:])))
        return rows

    def measured(self) -> list[tuple[str, str, float, float, float]]:
        """Name, unit, value and bounds of every signal that is not also a feature."""
        known = {feature["name"] for feature in self.spec["observation"]}
        pairs = zip(self.spec["signals"], self.signals.reshape(-1).tolist())
        return [
            (signal["name"], signal["unit"], value, signal["low"], signal["high"])
            for signal, value in pairs
            if signal["name"] not in known
        ]

    def action(self) -> str:
        """The last action and its reward, as text."""
        if self.last is None:
            return "no action yet"
        action, reward = self.last
        space = self.spec["action"]
        if space["type"] == "discrete":
            words = str(space["choices"][int(action)]["name"])
        elif space["type"] == "several":
            taken = [str(group["choices"][int(action[group["name"]])]["name"]) for group in space["groups"]]
            values = [(axis, float(np.ravel(action[axis["name"]])[0])) for axis in space["axes"]]
            words = ", ".join(taken + [f"{axis['name']} {value:.3g} {axis['unit']}" for axis, value in values])
        else:
            axes = zip(space["axes"], np.asarray(action, np.float64).reshape(-1).tolist())
            words = ", ".join(f"{axis['name']} {value:.3g} {axis['unit']}" for axis, value in axes)
        return f"{words}, reward {reward:.4g}"


def text(state: State) -> str:
    """A table of the state, one line per number."""
    rows = state.features() + state.measured()
    width = max(len(row[0]) for row in rows)
    lines = [f"{state.spec['kind']}: {state.action()}"]
    lines += [f"  {name:<{width}}  {value:>12.5g} {unit}" for name, unit, value, _, _ in rows]
    return "\n".join(lines)


def pixels(state: State) -> Pixels:
    """A picture of shape ``(height, 640, 3)``; its height depends on the content."""
    features, measured = state.features(), state.measured()
    count = len(features) + len(measured)
    drawn = _line.HEIGHT if state.spec["kind"] == "assembly-line" else 0
    images = [(name, _enlarged(image)) for name, image in state.images.items()]
    below = sum(len(image) + 2 * _ROW for _, image in images)
    image = np.empty((2 * _MARGIN + _ROW * (count + 3) + drawn + below, _WIDTH, 3), np.uint8)
    image[:] = _PAPER
    _write(image, _MARGIN, _MARGIN, state.spec["kind"], _INK, 2)
    _write(image, _MARGIN, _MARGIN + _ROW, state.action(), _GREY, 1)
    top = _MARGIN + 2 * _ROW
    if drawn:
        _line.draw(image, top, _MARGIN, features, _write)
        top += drawn
    for rows, colour in ((features, _FEATURE), (measured, _SIGNAL)):
        for row in rows:
            _gauge(image, top, row, colour)
            top += _ROW
        top += _ROW // 2
    for name, content in images:
        _write(image, _MARGIN, top, name, _INK, 1)
        top += _ROW
        image[top : top + len(content), _MARGIN : _MARGIN + content.shape[1]] = content
        top += len(content) + _ROW
    return image


def _enlarged(image: NDArray[Any]) -> Pixels:
    """An image of the observation as colours, in whole multiples of its size; a very large one is thinned out."""
    if image.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = ((image - low) * (255.0 / max(high - low, 1e-30))).astype(np.uint8)
    # Three channels are colours, and of any others the first is shown: what they mean is not known.
    colours = image if image.shape[2] == 3 else image[:, :, :1].repeat(3, 2)
    longest, most = max(image.shape[:2]), _WIDTH - 2 * _MARGIN
    step, times = -(-longest // most), max(most // 3 // longest, 1)
    return colours[::step, ::step].repeat(times, 0).repeat(times, 1)


def _gauge(image: Pixels, top: int, row: tuple[str, str, float, float, float], colour: tuple[int, int, int]) -> None:
    name, unit, value, low, high = row
    _write(image, _MARGIN, top + 4, name, _INK, 1)
    left, right = 260, _WIDTH - 150
    image[top + 3 : top + 15, left:right] = _TRACK
    if high - low < _UNBOUNDED and high > low:
        share = float(np.clip((value - low) / (high - low), 0.0, 1.0))
        zero = float(np.clip((0.0 - low) / (high - low), 0.0, 1.0)) if low < 0.0 < high else 0.0
        ends = sorted(int(left + end * (right - left)) for end in (zero, share))
        image[top + 3 : top + 15, ends[0] : max(ends[1], ends[0] + 1)] = colour
    _write(image, right + 10, top + 4, f"{value:.4g} {unit if unit != '1' else ''}", _GREY, 1)


def _write(image: Pixels, left: int, top: int, words: str, colour: tuple[int, int, int], scale: int) -> None:
    """Letters of 5 × 7 points; other characters are left out."""
    for letter in words.upper():
        rows = _LETTERS.get(letter)
        if rows is not None:
            bits = np.array([[row >> shift & 1 for shift in (4, 3, 2, 1, 0)] for row in rows], np.bool_)
            bits = bits.repeat(scale, 0).repeat(scale, 1)
            height, width = bits.shape
            part = image[top : top + height, left : left + width]
            part[bits[: part.shape[0], : part.shape[1]]] = colour
        left += 6 * scale


# Rows of five points from the top, the highest bit at the left.
_LETTERS: dict[str, tuple[int, ...]] = {
    "A": (14, 17, 17, 31, 17, 17, 17), "B": (30, 17, 17, 30, 17, 17, 30), "C": (14, 17, 16, 16, 16, 17, 14),
    "D": (30, 17, 17, 17, 17, 17, 30), "E": (31, 16, 16, 30, 16, 16, 31), "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (14, 17, 16, 23, 17, 17, 15), "H": (17, 17, 17, 31, 17, 17, 17), "I": (14, 4, 4, 4, 4, 4, 14),
    "J": (7, 2, 2, 2, 2, 18, 12), "K": (17, 18, 20, 24, 20, 18, 17), "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17), "N": (17, 25, 21, 19, 17, 17, 17), "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16), "Q": (14, 17, 17, 17, 21, 18, 13), "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30), "T": (31, 4, 4, 4, 4, 4, 4), "U": (17, 17, 17, 17, 17, 17, 14),
    "V": (17, 17, 17, 17, 17, 10, 4), "W": (17, 17, 17, 21, 21, 27, 17), "X": (17, 17, 10, 4, 10, 17, 17),
    "Y": (17, 17, 10, 4, 4, 4, 4), "Z": (31, 1, 2, 4, 8, 16, 31),
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 6, 8, 16, 31),
    "3": (31, 1, 2, 6, 1, 17, 14), "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12), ".": (0, 0, 0, 0, 0, 12, 12), ",": (0, 0, 0, 0, 12, 4, 8),
    "-": (0, 0, 0, 31, 0, 0, 0), "+": (0, 4, 4, 31, 4, 4, 0), "_": (0, 0, 0, 0, 0, 0, 31),
    "/": (1, 1, 2, 4, 8, 16, 16), "%": (24, 25, 2, 4, 8, 19, 3), ":": (0, 12, 12, 0, 12, 12, 0),
    "(": (2, 4, 8, 8, 8, 4, 2), ")": (8, 4, 2, 2, 2, 4, 8), "=": (0, 0, 31, 0, 31, 0, 0),
    "°": (12, 18, 18, 12, 0, 0, 0), "²": (12, 18, 4, 8, 30, 0, 0),
}  # fmt: skip
