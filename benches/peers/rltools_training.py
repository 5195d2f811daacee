"""RLtools' training on its own pendulum in C++, in environment steps per second of CPU time; one JSON line.

    rltools_training.py sac|td3|ppo wide|defaults

`defaults` has the defaults of RLtools: two hidden layers of 64 and batches of 100 (PPO: 64 environments, 64 steps, minibatches
of 64, 10 epochs). `wide` has two hidden layers of 256 and batches of 256. SAC and TD3 take one gradient step per step after
256 random steps. The package compiles each variant when it is first used: that time is apart (`compile_seconds`).
"""

import json
import os
import pathlib
import sys
import time

algorithm, settings = sys.argv[1:3]
# RLtools reports to standard output, where the result belongs.
output = os.dup(1)
os.dup2(2, 1)
import rltools  # noqa: E402

steps = 65_536 if algorithm == "ppo" else 3_000
options = {}
if settings == "wide":
    batch = ("BATCH_SIZE",) if algorithm == "ppo" else ("ACTOR_BATCH_SIZE", "CRITIC_BATCH_SIZE")
    options = dict.fromkeys(("ACTOR_HIDDEN_DIM", "CRITIC_HIDDEN_DIM", *batch), 256)
if algorithm == "ppo":
    options["TOTAL_STEP_LIMIT"] = steps
else:
    options |= {"STEP_LIMIT": steps, "N_WARMUP_STEPS": 256}
if algorithm == "sac":
    options |= {"N_WARMUP_STEPS_ACTOR": 256, "N_WARMUP_STEPS_CRITIC": 256}
environment = {
    "path": str(pathlib.Path(__file__).parent / "rltools_pendulum"),
    "action_dim": 1,
    "observation_dim": 3,
}
started = time.perf_counter()
training = getattr(rltools, algorithm.upper())(
    environment, enable_evaluation=False, interface_name=f"pendulum_{settings}", **options
)
compiled = time.perf_counter()
state = training.State(0)
cpu, wall = time.process_time(), time.perf_counter()
while not state.step():
    pass
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
figure = {
    "name": f"{algorithm}-pendulum-training",
    "value": steps / cpu,
    "unit": "steps/CPU s",
    "wall_seconds": wall,
    "compile_seconds": compiled - started,
}
os.write(output, (json.dumps(figure) + "\n").encode())
