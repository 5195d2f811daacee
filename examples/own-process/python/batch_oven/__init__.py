"""A curing oven for Setpoint: ``import setpoint`` finds it, because pyproject.toml names its native module."""
