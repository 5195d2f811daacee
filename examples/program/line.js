// A bottling line as a program for Setpoint (docs/program.md), in JavaScript on Node without any package.
const description = {
  name: "bottling line",
  summary: "run a filler slowly or fast, or clean its nozzles",
  features: [
    { name: "fouling", low: 0, high: 1, description: "share of each nozzle that is blocked" },
    { name: "hours", unit: "h", low: 0, high: 120, description: "time since the last cleaning" },
  ],
  choices: [
    { name: "slow", description: "fills 60 crates" },
    { name: "fast", description: "fills 100 crates; the nozzles foul faster" },
    { name: "clean", description: "fills nothing" },
  ],
  signals: [
    { name: "good", unit: "crates", low: 0, high: 100, aggregate: "total", description: "good crates" },
    { name: "scrap", unit: "crates", low: 0, high: 100, aggregate: "total", description: "spoilt crates" },
  ],
  reward: { good: 0.01, scrap: -0.05 },
  termination: "failure",
  max_steps: 120,
  batch: true,
  saves: true,
};

// Mulberry32: Math.random takes no seed. The state of the generator is a part of the line, so it can be saved.
function uniform(line) {
  line.random = (line.random + 0x6d2b79f5) | 0;
  let mixed = Math.imul(line.random ^ (line.random >>> 15), 1 | line.random);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}

const lines = new Map();

function answer({ request, lane, requests, seed, choices, state }) {
  if (request === "describe") return description;
  if (request === "batch") return { answers: requests.map(answer) };
  if (request === "load") return lines.set(lane, state), { lane, ok: true };
  if (request === "save") return { lane, state: lines.get(lane) };
  if (request !== "reset" && request !== "step") return { error: `there is no request ${request}` };
  if (request === "reset") lines.set(lane, { random: seed, fouling: 0, hours: 0, signals: [0, 0] });
  const line = lines.get(lane);
  if (request === "step") {
    const choice = choices[0], crates = [60, 100, 0][choice], scrap = crates * line.fouling ** 2;
    line.signals = [crates - scrap, scrap];
    line.fouling += [0.01, 0.04, -1][choice] * (0.5 + uniform(line));
    line.fouling = Math.min(Math.max(line.fouling, 0), 1);
    line.hours = choice === 2 ? 0 : line.hours + 1;
  }
  const result = { lane, observation: [line.fouling, line.hours], signals: line.signals };
  return request === "reset" ? result : { ...result, terminated: line.fouling >= 1 };
}

const input = require("node:readline").createInterface({ input: process.stdin });
input.on("line", (text) => process.stdout.write(JSON.stringify(answer(JSON.parse(text))) + "\n"));
