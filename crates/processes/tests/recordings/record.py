"""Records Gymnasium's classical control problems for tests/gymnasium.rs; run by hand where Gymnasium is installed:

    python crates/process/tests/recordings/record.py

writes one CSV file per problem next to this script. A row is a state with the step before it: the episode, the action (empty in
an episode's first row), the whole internal state, the observation, the reward and whether the episode terminated. So the
state before a step is the row above. Numbers have as many digits as they need to be read back exactly.

Some episodes begin as Gymnasium begins them, with uniform random actions for as long as an episode lasts; others begin
anywhere in boxes of states, so that bounds, walls, goals and whole turns occur too.
"""

import pathlib

import gymnasium
import numpy as np

PI = np.pi
# Where the cars may begin: anywhere, before the wall, before the goal.
VALLEY = [[(-1.2, 0.45), (-0.07, 0.07)], [(-1.2, -1.0), (-0.07, 0)], [(0.2, 0.45), (0.02, 0.07)]]
# id, file, names of the state, boxes of states where episodes may begin, episodes from a reset and their time limit,
# episodes from the boxes
PROBLEMS = [
    ("CartPole-v1", "cart_pole", ["x", "x_dot", "theta", "theta_dot"],
     [[(-2.4, 2.4), (-3, 3), (-0.2, 0.2), (-3, 3)]], 14, 500, 32),
    ("Acrobot-v1", "acrobot", ["theta_1", "theta_2", "theta_1_dot", "theta_2_dot"],
     [[(-PI, PI), (-PI, PI), (-4 * PI, 4 * PI), (-9 * PI, 9 * PI)]], 1, 500, 32),
    ("MountainCar-v0", "mountain_car", ["x", "v"], VALLEY, 2, 200, 36),
    ("MountainCarContinuous-v0", "mountain_car_continuous", ["x", "v"], VALLEY, 1, 999, 36),
    ("Pendulum-v1", "pendulum", ["theta", "theta_dot"], [[(-20, 20), (-8, 8)]], 3, 200, 32),
]
STEPS_FROM_BOXES = 12


def doubles(values):
    """Shortest decimals that read back as the same double."""
    return [repr(float(value)) for value in values]


def floats(values):
    """Shortest decimals that read back as the same float."""
    return [str(np.float32(value)) for value in values]


def record(identifier, name, names, boxes, resets, limit, from_boxes):
    env = gymnasium.make(identifier).unwrapped
    rng = np.random.default_rng(0)
    features = [f"observation_{index}" for index in range(env.observation_space.shape[0])]
    lines = [",".join(["episode", "action", *names, *features, "reward", "terminated"])]
    for episode in range(resets + from_boxes):
        observation, _ = env.reset(seed=episode)
        if episode >= resets:
            env.state = np.array([rng.uniform(low, high) for low, high in boxes[episode % len(boxes)]])
            observation = None
        if name == "mountain_car_continuous":
            # Gymnasium keeps this state in f32 from its first step on; the recording has it so from the start.
            env.state = np.array(env.state, dtype=np.float32)
        if observation is None:
            observation = observe(env, name)
        lines.append(",".join([str(episode), "", *doubles(env.state), *floats(observation), "", ""]))
        for _ in range(limit if episode < resets else STEPS_FROM_BOXES):
            if isinstance(env.action_space, gymnasium.spaces.Discrete):
                action = int(rng.integers(env.action_space.n))
                shown = str(action)
            else:
                action = rng.uniform(env.action_space.low, env.action_space.high).astype(np.float32)
                shown = str(action[0])
            observation, reward, terminated, _, _ = env.step(action)
            numbers = [*doubles(env.state), *floats(observation), repr(float(reward)), str(int(terminated))]
            lines.append(",".join([str(episode), shown, *numbers]))
            if terminated:
                break
    path = pathlib.Path(__file__).parent / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    print(path.name, len(lines) - 1, "rows", path.stat().st_size, "bytes")


def observe(env, name):
    """The observation of a state that was set by hand, by Gymnasium's own function where it has one."""
    if name == "pendulum":
        return env._get_obs()
    if name == "acrobot":
        return env._get_ob()
    return np.array(env.state, dtype=np.float32)


for problem in PROBLEMS:
    record(*problem)
