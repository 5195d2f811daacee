"""Which native module the package uses: a module of the user's own, if one is installed, or ``setpoint._native`` of the wheel.

A distribution names its module in the entry point group ``setpoint.native``; ``setpoint_python::native_module!`` makes such a
module, with the user's processes. It takes the place of ``setpoint._native``, so the rest of the package does not see a
difference.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint, entry_points, version

GROUP = "setpoint.native"


def install() -> None:
    """Puts the user's own native module, if there is one, in the place of ``setpoint._native``.

    :raises ImportError: for several such modules, for one that cannot be imported, and for one of another version
    """
    found = {entry.value: entry for entry in entry_points(group=GROUP)}
    if not found:
        return
    if len(found) > 1:
        names = " and ".join(sorted(map(_name, found.values())))
        raise ImportError(
            f"several packages bring a native module for Setpoint: {names}; Setpoint uses one. "
            "Uninstall the others, or build one module with all processes"
        )
    (entry,) = found.values()
    try:
        module = entry.load()
    except ImportError as error:
        raise ImportError(f"the native module {_name(entry)} cannot be imported: {error}") from error
    its, own = getattr(module, "__version__", "unknown"), version("setpoint")
    if _parts(its) != _parts(own):
        raise ImportError(
            f"the native module {_name(entry)} was built with version {its} of Setpoint, and version {own} is installed; "
            "build it again with that version"
        )
    sys.modules["setpoint._native"] = module
    setattr(sys.modules["setpoint"], "_native", module)


def _name(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else f"{entry.value} of {entry.dist.name}"


def _parts(version: str) -> list[str]:
    """Numbers and the first letters of words: Cargo writes 1.0.0-rc.1, Python writes 1.0.0rc1."""
    return re.findall(r"\d+|(?<![a-z])[a-z]", version)
