import numpy as np

import tradeoff


class NumpyBackend(tradeoff.Backend):
    name = "numpy"

    def convert(self, job):
        np.savez(job.folder / "weights.npz", *job.load_model().get_weights())
        return job.folder / "weights.npz"

    def load(self, job):
        with np.load(job.artifact) as file:
            return NumpyRunner(list(file.values()))


class NumpyRunner:
    def __init__(self, weights):
        self.weights = weights

    def bind(self, batch):
        return lambda: forward(self.weights, batch)


def forward(weights, x):
    x = x.reshape(len(x), -1)
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ kernel + bias, 0)
    scores = np.exp(x @ weights[-2] + weights[-1])
    return scores / scores.sum(axis=1, keepdims=True)


@tradeoff.hookimpl
def tradeoff_backends():
    return [NumpyBackend()]
