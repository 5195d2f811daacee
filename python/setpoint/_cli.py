"""The command ``setpoint``, run by the native program."""

import signal
import sys

from setpoint import _native


def main() -> None:
    """Runs the command line and exits with its status."""
    # Python's own handler would wait for the interpreter, which the native side does not enter: Ctrl-C goes to it directly.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_native.command_line(["setpoint", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
