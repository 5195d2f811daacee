"""Solves the equations of process models with SciPy for tests/equations.rs; run by hand where SciPy is installed:

    python crates/processes/tests/recordings/record_equations.py

writes one CSV file per process next to this script. A row is a state with the action before it: the episode, the settings (empty in
an episode's first row), and the state. The equations and their constants are written here from the sources that the processes
name, not from the processes. The solver is DOP853 with relative and absolute tolerances of 1e-12.
"""

import pathlib

import numpy as np
from scipy.integrate import solve_ivp


def cstr(state, action):
    """Seborg, Edgar & Mellichamp; pc-gym 0.1.8."""
    concentration, temperature = state
    flow, volume, density, heat, released, activation, frequency, transfer = (
        100.0, 100.0, 1000.0, 0.239, 5e4, 8750.0, 7.2e10, 5e4)
    rate = frequency * np.exp(-activation / temperature) * concentration
    return [
        flow / volume * (1.0 - concentration) - rate,
        flow / volume * (350.0 - temperature)
        + released / (density * heat) * rate
        + transfer / (density * heat * volume) * (action[0] - temperature),
    ]


def episodes_of_cstr(rng):
    """Random coolants of pc-gym's range, steps between its ends, and a runaway."""
    start = [0.8, 330.0]
    for _ in range(2):
        yield start, rng.uniform(295, 302, (59, 1))
    yield start, np.repeat([295.0, 302.0, 298.5, 302.0, 295.0], 8)[:, None]
    yield start, np.repeat([300.0, 304.0, 308.0], 6)[:, None]


def quadruple_tank(levels, action):
    """Johansson 2000; pc-gym 0.1.8."""
    out = np.sqrt(2 * 9.81 * np.maximum(levels, 0)) * [0.0035, 0.003, 0.002, 0.0025]
    first, second = 0.00085 * action[0], 0.00095 * action[1]
    return [
        0.2 * first + out[2] - out[0],
        0.2 * second + out[3] - out[1],
        0.8 * second - out[2],
        0.8 * first - out[3],
    ]


def episodes_of_quadruple_tank(rng):
    """Random voltages, and pumps that are switched between their ends, so that tanks run nearly empty."""
    start = [0.141, 0.112, 0.072, 0.42]
    yield start, rng.uniform(0.1, 10, (59, 2))
    yield start, np.repeat([[0.1, 10.0], [10.0, 0.1], [0.1, 0.1], [5.0, 5.0]], 15, axis=0)


# file, names of the settings and of the state, equations, time between two decisions, episodes, the state where one ends
PROCESSES = [
    ("cstr", ["coolant"], ["concentration", "temperature"], cstr, 26 / 60, episodes_of_cstr, lambda state: state[1] > 400),
    ("quadruple_tank", ["pump_1", "pump_2"], ["level_1", "level_2", "level_3", "level_4"], quadruple_tank, 1000 / 60,
     episodes_of_quadruple_tank, lambda state: False),
]


def doubles(values):
    """Shortest decimals that read back as the same double."""
    return [repr(float(value)) for value in values]


for name, settings, states, equations, time, episodes, is_over in PROCESSES:
    lines = [",".join(["episode", *settings, *states])]
    for episode, (state, actions) in enumerate(episodes(np.random.default_rng(0))):
        lines.append(",".join([str(episode), *[""] * len(settings), *doubles(state)]))
        for action in np.asarray(actions, np.float32):
            held = action.astype(float)
            solved = solve_ivp(lambda _, state: equations(state, held), (0, time), state, "DOP853", rtol=1e-12, atol=1e-12)
            state = solved.y[:, -1]
            if is_over(state):
                break
            lines.append(",".join([str(episode), *[str(value) for value in action], *doubles(state)]))
    path = pathlib.Path(__file__).parent / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    print(path.name, len(lines) - 1, "rows", path.stat().st_size, "bytes")
