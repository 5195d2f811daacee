"""``python -m setpoint``: the command line."""

from setpoint._cli import main

main()
