"""How `import setpoint` finds a native module of the user's own; examples/own-process/check.sh installs a real one."""

import os
import subprocess
import sys

import pytest
import setpoint


def install(folder, name, version):
    """A distribution in `folder` as pip would leave it there, with a module that says which version it was built with."""
    (folder / f"{name}_native.py").write_text(f"__version__ = {version!r}\n", "utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[setpoint.native]\n{name} = {name}_native\n", "utf-8")


def imported(folder):
    """What is printed by a Python that finds the distributions in `folder` and imports Setpoint."""
    program = "from setpoint import _native; print(_native.__name__, _native.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_without_one_the_module_of_the_wheel_is_used(tmp_path):
    assert imported(tmp_path).startswith("setpoint._native ")


def test_two_of_them_are_refused_by_name(tmp_path):
    install(tmp_path, "oven", setpoint.__version__)
    install(tmp_path, "press", setpoint.__version__)
    told = imported(tmp_path)
    assert "ImportError" in told and "oven_native of oven and press_native of press" in told


def test_one_of_another_version_is_refused(tmp_path):
    install(tmp_path, "oven", "0.0.1")
    told = imported(tmp_path)
    assert f"oven_native of oven was built with version 0.0.1 of Setpoint, and version {setpoint.__version__}" in told


def test_one_that_cannot_be_imported_is_named(tmp_path):
    install(tmp_path, "oven", setpoint.__version__)
    (tmp_path / "oven_native.py").write_text("import a_module_that_nobody_has\n", "utf-8")
    told = imported(tmp_path)
    assert "oven_native of oven cannot be imported" in told and "a_module_that_nobody_has" in told


def test_one_takes_the_place_of_the_module_of_the_wheel(tmp_path):
    install(tmp_path, "oven", setpoint.__version__)
    # The classes and functions of the wheel's module, under another name.
    stock = f"""
import importlib.machinery, importlib.util
loader = importlib.machinery.ExtensionFileLoader("setpoint._native", {setpoint._native.__file__!r})
stock = importlib.util.module_from_spec(importlib.util.spec_from_loader("setpoint._native", loader))
loader.exec_module(stock)
globals().update({{name: getattr(stock, name) for name in stock.__all__}})
"""
    (tmp_path / "oven_native.py").write_text(stock, "utf-8")
    assert imported(tmp_path).startswith("oven_native ")


@pytest.mark.parametrize(("cargo", "python"), [("0.1.0", "0.1.0"), ("1.0.0-rc.1", "1.0.0rc1"), ("1.0.0-alpha.2", "1.0.0a2")])
def test_a_version_is_the_same_as_cargo_and_python_write_it(cargo, python):
    assert setpoint._own_native._parts(cargo) == setpoint._own_native._parts(python)
    assert setpoint._own_native._parts("0.1.10") != setpoint._own_native._parts("0.11.0")
