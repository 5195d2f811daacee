"""The assembly line as a drawing: six stations on a belt, parts between them, a lamp for the probability of failure.

The drawing shows the observation of the policy: the height and the colour of a station (green, amber, red) show its
cycle time, the parts on the belt show the work in progress, the brightness of the lamp shows the probability of
failure, and each red mark is a micro-stop.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Write = Callable[[Pixels, int, int, str, tuple[int, int, int], int], None]
#: Name, unit, natural value, and the natural values of the bounds.
Feature = tuple[str, str, float, float, float]

HEIGHT = 190
_STATIONS, _MOST_MARKS = 6, 15
_INK, _GREY, _BELT, _PART = (38, 42, 48), (120, 126, 134), (206, 209, 212), (46, 110, 178)
_CALM, _WARY, _DANGER = np.array((64, 160, 96)), np.array((228, 178, 62)), np.array((204, 62, 50))


def draw(image: Pixels, top: int, margin: int, features: list[Feature], write: Write) -> None:
    """Draws over ``HEIGHT`` rows of the image from ``top``."""
    values = {name: (value, low, high) for name, _, value, low, high in features}
    left, right = margin, image.shape[1] - margin - 70
    pitch = (right - left) / _STATIONS
    floor = top + 130
    image[floor : floor + 14, left:right] = _BELT
    _parts(image, floor, left, right, _share(values["wip"]))
    for station in range(_STATIONS):
        seconds = values[f"ct_{station + 1}"]
        share = _share(seconds)
        middle = int(left + (station + 0.5) * pitch)
        height = int(30 + 80 * share)
        image[floor - height : floor, middle - 24 : middle + 24] = _between(share)
        write(image, middle - 18, floor - height - 12, f"{seconds[0]:.1f} s", _INK, 1)
        write(image, middle - 3, floor + 20, str(station + 1), _GREY, 1)
    marks = round(min(values["micro_stops"][0], _MOST_MARKS))
    for mark in range(marks):
        begin = left + 12 * mark
        image[floor + 36 : floor + 44, begin : begin + 8] = _DANGER
    write(image, left + 12 * _MOST_MARKS + 10, floor + 37, f"micro-stops {values['micro_stops'][0]:.1f}", _GREY, 1)
    write(image, left + 12 * _MOST_MARKS + 150, floor + 37, f"speed {values['speed'][0]:.2f}", _GREY, 1)
    # The lamp is fully lit at a probability of one half.
    _lamp(image, top + 60, right + 44, min(1.0, 2.0 * values["failure_prob"][0]))
    write(image, right + 20, top + 92, f"fail {100.0 * values['failure_prob'][0]:.0f} %", _GREY, 1)


def _share(value: tuple[float, float, float]) -> float:
    number, low, high = value
    return float(np.clip((number - low) / (high - low), 0.0, 1.0))


def _between(share: float) -> NDArray[np.uint8]:
    if share < 0.5:
        colour = _CALM + 2.0 * share * (_WARY - _CALM)
    else:
        colour = _WARY + (2.0 * share - 1.0) * (_DANGER - _WARY)
    return np.asarray(colour, np.uint8)


def _parts(image: Pixels, floor: int, left: int, right: int, share: float) -> None:
    """The parts on the belt, in proportion to the work in progress."""
    places = (right - left) // 14
    for place in np.linspace(0, places - 1, round(share * places)).round().astype(int):
        begin = left + 14 * int(place) + 2
        image[floor + 3 : floor + 11, begin : begin + 9] = _PART


def _lamp(image: Pixels, middle: int, centre: int, share: float) -> None:
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    distance = (rows - middle) ** 2 + (columns - centre) ** 2
    image[distance <= 22**2] = _GREY
    image[distance <= 19**2] = _between(share)
