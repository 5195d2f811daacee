"""A bottling line as a program for Setpoint (docs/program.md), in Python without any package."""

import json, random, sys

DESCRIPTION = {
    "name": "bottling line",
    "summary": "run a filler slowly or fast, or clean its nozzles",
    "features": [
        {"name": "fouling", "low": 0, "high": 1, "description": "share of each nozzle that is blocked"},
        {"name": "hours", "unit": "h", "low": 0, "high": 120, "description": "time since the last cleaning"},
    ],
    "choices": [{"name": "slow"}, {"name": "fast", "description": "the nozzles foul faster"}, {"name": "clean"}],
    "signals": [
        {"name": "good", "unit": "crates", "low": 0, "high": 100, "aggregate": "total", "description": "good crates"},
        {"name": "scrap", "unit": "crates", "low": 0, "high": 100, "aggregate": "total", "description": "spoilt crates"},
    ],
    "reward": {"good": 0.01, "scrap": -0.05},
    "termination": "failure",
    "max_steps": 120,
    "batch": True,
}


class Line:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.fouling, self.hours, self.signals = 0.0, 0, [0.0, 0.0]

    def step(self, choice):
        crates = [60.0, 100.0, 0.0][choice]
        scrap = crates * self.fouling**2
        self.signals = [crates - scrap, scrap]
        self.fouling += [0.01, 0.04, -1.0][choice] * self.random.uniform(0.5, 1.5)
        self.fouling = min(max(self.fouling, 0.0), 1.0)
        self.hours = 0 if choice == 2 else self.hours + 1


lines = {}


def answer(request):
    kind, lane = request["request"], request.get("lane")
    if kind == "describe":
        return DESCRIPTION
    if kind == "batch":
        return {"answers": [answer(each) for each in request["requests"]]}
    if kind not in ("reset", "step"):
        return {"error": f"there is no request {kind}"}
    if kind == "reset":
        lines[lane] = Line(request["seed"])
    else:
        lines[lane].step(request["choices"][0])
    line = lines[lane]
    result = {"lane": lane, "observation": [line.fouling, line.hours], "signals": line.signals}
    return result if kind == "reset" else {**result, "terminated": line.fouling >= 1.0}


for text in sys.stdin:
    print(json.dumps(answer(json.loads(text))), flush=True)
