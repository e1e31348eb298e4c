"""A conftest with devices that are not here: one tells what it should, and each other one is wrong in one way."""

import math
import time

import numpy as np

import tradeoff

#: Device, or backend, to the check that it fails.
FAILS = {
    "sound": "",
    "endless": "test_a_figure_is_a_number_that_can_be_or_says_why_there_is_none",
    "negative": "test_a_figure_is_a_number_that_can_be_or_says_why_there_is_none",
    "silent": "test_a_figure_is_a_number_that_can_be_or_says_why_there_is_none",
    "twice": "test_each_figure_is_told_once",
    "minutes": "test_units_directions_and_provenances_are_of_the_vocabulary",
    "measuring": "test_units_directions_and_provenances_are_of_the_vocabulary",
    "sure": "test_a_modelled_number_has_its_error_or_says_how_it_was_made",
    "bare": "test_a_modelled_number_has_its_error_or_says_how_it_was_made",
    "tight": "test_what_does_not_fit_has_a_verdict_that_says_so",
    "fickle": "test_the_same_request_is_told_of_in_the_same_way",
    "shrinking": "test_more_samples_do_not_take_less",
    "overworked": "test_operators_add_up_to_no_more_than_the_latency",
    "stumbling": "test_a_spoilt_artifact_is_told_by_a_message_and_no_traceback",
}
#: Of a backend that has numbers for one device alone, and does not look whether it is that.
KNOWING = "test_a_device_that_nobody_has_is_refused_or_makes_no_difference"


class Plain(tradeoff.Backend):
    """Weights in a file; nothing but estimates is asked of it here."""

    name = "plain"

    def convert(self, job):
        path = job.folder / "weights.npz"
        np.savez(path, *[weight for layer in job.load_model().layers for weight in layer.get_weights()])
        return path

    def load(self, job):
        raise tradeoff.Refused("not implemented here", "estimates are all there is")


class Knowing(Plain):
    """A backend that makes numbers up for whatever device it is asked about."""

    name = "knowing"

    def estimate(self, job, samples):
        return tradeoff.Estimated((tradeoff.Figure("cycles", float(len(job.device)), "1", note="counted"),))


@tradeoff.hookimpl
def tradeoff_backends():
    return [Plain(), Knowing()]


def latency(work, value=0.004, unit="s", **more):
    return tradeoff.Figure("latency", value * work.samples, unit, error=more.pop("error", 0.1), **more)


def told(*figures, **more):
    return tradeoff.Estimated(figures, **more)


def operators(work, share):
    made = tradeoff.Operator("dense", "Dense", seconds=share * 0.004 * work.samples)
    return told(latency(work), operators=(made,), source="a stopwatch")


def stumbling(work):
    with np.load(work.artifact) as file:
        return told(latency(work, 0.001 * len(file.files)))


def sound(work):
    size = work.artifact.stat().st_size
    flash = tradeoff.Figure("flash_bytes", float(size), "B", note="the file")
    made = tradeoff.Operator("dense", "Dense", seconds=0.004 * work.samples)
    return told(latency(work), flash, operators=(made,), source="a stopwatch", verdicts=("needs 4 kB",), fits=False)


MODELS = {
    "sound": sound,
    "endless": lambda work: told(latency(work, math.inf)),
    "negative": lambda work: told(tradeoff.Figure("energy", -1.0, "J", error=0.1)),
    "silent": lambda work: told(tradeoff.Figure("latency", None, "s")),
    "twice": lambda work: told(latency(work), latency(work)),
    "minutes": lambda work: told(latency(work, unit="min")),
    "measuring": lambda work: told(latency(work, provenance="measured")),
    "sure": lambda work: told(latency(work, error=None)),
    "bare": lambda work: told(tradeoff.Figure("flash_bytes", 1000.0, "B")),
    "tight": lambda work: told(latency(work), fits=False),
    "fickle": lambda work: told(tradeoff.Figure("jitter", float(time.perf_counter_ns()), "1", note="of the moment")),
    "shrinking": lambda work: told(latency(work, 0.004 / work.samples**2)),
    "overworked": lambda work: operators(work, 2.0),
    "stumbling": stumbling,
}


@tradeoff.hookimpl
def tradeoff_devices():
    devices = [
        tradeoff.Device(name, "modelled", backends=("plain",), model=model, validated=name == "sure")
        for name, model in MODELS.items()
    ]
    return [*devices, tradeoff.Device("known", "modelled", backends=("knowing",))]
