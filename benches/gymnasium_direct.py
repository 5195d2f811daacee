"""The cost of steps of Gymnasium's environments in Python alone, to compare with `cargo run --release -p setpoint-benches --bin
gymnasium`: one process without any vector interface, Setpoint's host in it, and Gymnasium's own vector environments.

    python benches/gymnasium_direct.py [ID [LANES]]
"""

import pathlib
import statistics
import sys
import time

import gymnasium
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python" / "setpoint"))

# Steps of one round.
STEPS = 100
ROUNDS = 200


def measure(name, step):
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for index in range(STEPS):
            step(index)
        rounds.append((time.perf_counter() - begin) / STEPS * 1e6)
    print(f"{name:<44} {statistics.median(rounds):8.1f} µs a vector step in the median, {min(rounds):.1f} at best")


def main():
    identifier = sys.argv[1] if len(sys.argv) > 1 else "CartPole-v1"
    lanes = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    make = lambda: gymnasium.make(identifier, disable_env_checker=True)  # noqa: E731  one line, used twice
    space = make().action_space
    space.seed(0)
    discrete = isinstance(space, gymnasium.spaces.Discrete)
    actions = np.array([[space.sample() for _ in range(lanes)] for _ in range(STEPS)])

    environments = [make() for _ in range(lanes)]
    for seed, environment in enumerate(environments):
        environment.reset(seed=seed)
    single = actions.tolist() if discrete else list(actions)

    def bare(index):
        for environment, action in zip(environments, single[index]):
            _, _, terminated, truncated, _ = environment.step(action)
            if terminated or truncated:
                environment.reset()

    measure(f"{lanes} × {identifier}, bare loop", bare)

    import types

    package = types.ModuleType("host")
    package.__path__ = [sys.path[0]]
    sys.modules["host"] = package
    from host._host import EnvironmentHost

    host = EnvironmentHost([make] * lanes, check_bounds=False)
    for lane in range(lanes):
        host.reset(lane, lane)

    def hosted(index):
        host.arrays["actions"][:] = actions[index]
        host.step(None)

    measure("the same in Setpoint's host", hosted)
    for name, vector in [
        ("gymnasium.vector.SyncVectorEnv", gymnasium.vector.SyncVectorEnv),
        ("gymnasium.vector.AsyncVectorEnv", gymnasium.vector.AsyncVectorEnv),
    ]:
        batch = vector([make] * lanes)
        batch.reset(seed=0)
        measure(name, lambda index: batch.step(actions[index]))
        batch.close()


if __name__ == "__main__":
    main()
