"""Progress and warnings for people. A stream that cannot be written (a full disk, a closed pipe) must not end a training."""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO

# Control characters as symbols, like in the command line: a name must not command the terminal.
_SYMBOLS = {code: 0x2400 + code for code in range(0x20) if chr(code) != "\n"}
_SYMBOLS |= {0x7F: 0x2421}
_SYMBOLS |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)


def visible(text: str) -> str:
    """The text with symbols in place of control characters; line breaks stay."""
    return text.translate(_SYMBOLS)


def say(text: str, *, begin: str = "", end: str = "\n", file: TextIO | None = None) -> None:
    """Writes a line to standard error, or to `file`; an error of the stream is ignored. `begin` and `end` are written as they are."""
    # ValueError: the program closed the stream. A program without a terminal may have no stream at all.
    stream = sys.stderr if file is None else file
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            stream.write(f"{begin}{visible(text)}{end}")
            stream.flush()
