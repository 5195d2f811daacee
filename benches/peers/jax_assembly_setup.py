"""The same PPO written wholly in JAX: rollouts, advantages, shuffled minibatches and Adam in one compiled program."""

import json
import os
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
started = time.perf_counter()
import jax
import jax.numpy as jnp

ENVS, STEPS, BATCH, EPOCHS, GAMMA, LAMBDA, RATE, CLIP = 4, 2048, 64, 10, 0.99, 0.95, 3e-4, 0.2
UPDATES = -(-100_000 // (ENVS * STEPS))


def orthogonal(key, rows, columns, gain):
    return jax.nn.initializers.orthogonal(gain)(key, (rows, columns))


def network(key, output, gain):
    a, b, c = jax.random.split(key, 3)
    root = 2.0**0.5
    return [(orthogonal(a, 8, 64, root), jnp.zeros(64)), (orthogonal(b, 64, 64, root), jnp.zeros(64)),
            (orthogonal(c, 64, output, gain), jnp.zeros(output))]


def forward(layers, x):
    for weights, bias in layers[:-1]:
        x = jnp.tanh(x @ weights + bias)
    weights, bias = layers[-1]
    return x @ weights + bias


def env_step(state, action, key):
    observation, elapsed = state
    tool, parameter = action // 3, action % 3
    setup = 1.0 + 0.5 * jnp.abs(tool - observation[:, 0]) + 0.3 * jnp.abs(parameter - observation[:, 1])
    elapsed = elapsed + setup
    reward = -setup + 10.0 * ((tool == 2) & (parameter == 1))
    done = elapsed > 50.0
    drawn = jax.random.uniform(key, (ENVS, 8))
    following = drawn.at[:, 0].set(tool / 5).at[:, 1].set(parameter / 3)
    fresh = jnp.concatenate([jnp.roll(drawn, 3, 1)[:, :2], drawn[:, 2:]], 1)
    observation = jnp.where(done[:, None], fresh, following)
    return (observation, jnp.where(done, 0.0, elapsed)), reward, done


def loss_of(parameters, batch):
    actor, critic = parameters
    observation, action, old, advantage, target = batch
    log = jax.nn.log_softmax(forward(actor, observation))
    log = jnp.take_along_axis(log, action[:, None], 1)[:, 0]
    advantage = (advantage - advantage.mean()) / (advantage.std(ddof=1) + 1e-8)
    ratio = jnp.exp(log - old)
    surrogate = -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage).mean()
    return surrogate + 0.5 * ((forward(critic, observation)[:, 0] - target) ** 2).mean()


def adam(parameters, moments, gradient):
    first, second, count = moments
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient)))
    gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, 0.5 / (norm + 1e-6)), gradient)
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    a, b = 1 - 0.9**count, 1 - 0.999**count
    step = lambda p, m, v: p - RATE * (m / a) / (jnp.sqrt(v / b) + 1e-5)
    return jax.tree.map(step, parameters, first, second), (first, second, count)


def update(carry, _):
    parameters, moments, state, key = carry

    def act(inner, _):
        state, key = inner
        key, draw, env_key = jax.random.split(key, 3)
        observation = state[0]
        log = jax.nn.log_softmax(forward(parameters[0], observation))
        action = jax.random.categorical(draw, log)
        chosen = jnp.take_along_axis(log, action[:, None], 1)[:, 0]
        state, reward, done = env_step(state, action, env_key)
        return (state, key), (observation, action, chosen, reward, done)

    (state, key), (observation, action, old, reward, done) = jax.lax.scan(act, (state, key), None, STEPS)
    value = forward(parameters[1], observation)[..., 0]
    last = forward(parameters[1], state[0])[:, 0]

    def backwards(inner, row):
        advantage, following = inner
        reward, done, value = row
        delta = reward + GAMMA * following * (1 - done) - value
        advantage = delta + GAMMA * LAMBDA * (1 - done) * advantage
        return (advantage, value), advantage

    _, advantage = jax.lax.scan(backwards, (jnp.zeros(ENVS), last), (reward, done, value), reverse=True)
    flat = lambda x: x.reshape((ENVS * STEPS,) + x.shape[2:])
    data = tuple(map(flat, (observation, action, old, advantage, advantage + value)))

    def minibatch(inner, indices):
        parameters, moments = inner
        gradient = jax.grad(loss_of)(parameters, jax.tree.map(lambda x: x[indices], data))
        return adam(parameters, moments, gradient), None

    key, shuffle = jax.random.split(key)
    orders = jax.vmap(lambda k: jax.random.permutation(k, ENVS * STEPS))(jax.random.split(shuffle, EPOCHS))
    (parameters, moments), _ = jax.lax.scan(minibatch, (parameters, moments), orders.reshape(-1, BATCH))
    return (parameters, moments, state, key), None


@jax.jit
def train(key):
    key, a, b, c = jax.random.split(key, 4)
    parameters = (network(a, 15, 0.01), network(b, 1, 1.0))
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    carry = (parameters, (zeros, zeros, 0), (jax.random.uniform(c, (ENVS, 8)), jnp.zeros(ENVS)), key)
    return jax.lax.scan(update, carry, None, UPDATES)[0][0]


parameters = jax.block_until_ready(train(jax.random.key(int(sys.argv[1]))))
seconds = time.perf_counter() - started
again = time.perf_counter()
jax.block_until_ready(train(jax.random.key(int(sys.argv[1]) + 1))) if "--steady" in sys.argv else None
steady = time.perf_counter() - again
score = None
if "--score" in sys.argv:
    from assembly_setup_env import evaluate

    best = jax.jit(lambda x: jnp.argmax(forward(parameters[0], x)))
    score = evaluate(lambda observation: int(best(observation)))
print(json.dumps({"steps": UPDATES * ENVS * STEPS, "seconds": seconds, "steady_seconds": steady, "return": score}))
