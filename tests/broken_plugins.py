"""A conftest with a backend and a technique that keep every promise, and many that break one each."""

import hashlib
import os
import pickle
import signal
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import tradeoff

LARGE = 1_000_000


class Good(tradeoff.Backend):
    """Dense nets in NumPy, with all that the kit looks at."""

    name = "good"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16"),
        refusals={"int8": tradeoff.Refusal("not implemented here", "there is no such kernel")},
    )
    takes_large = True

    def environment(self, parameters, device):
        variables = tuple((name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"))
        return tradeoff.Environment("numpy", variables=variables, modules=("numpy",))

    def convert(self, job):
        layers = [layer for layer in job.load_model().layers if layer.weights]
        if any(type(layer).__name__ != "Dense" for layer in layers):
            raise tradeoff.Refused("not supported by format", "this backend knows dense layers only")
        weights = [weight for layer in layers for weight in layer.get_weights()]
        if sum(weight.size for weight in weights) > LARGE and not self.takes_large:
            raise tradeoff.Refused("not implemented here", "this backend knows small nets only")
        path = job.folder / "weights.npz"
        self.write(path, [self.stored(weight, job.precision) for weight in weights])
        return path

    def stored(self, weight, precision):
        return weight.astype(np.float16 if precision == "fp16" else np.float32)

    def write(self, path, weights):
        np.savez(path, *weights)

    def load(self, job):
        try:
            return self.runner(self.read(job.artifact))
        except Exception as error:
            raise tradeoff.BadInput(f"{job.artifact} is not what this backend writes: {error}") from error

    def read(self, path):
        with np.load(path) as file:
            return [weight.astype(np.float32) for weight in file.values()]

    def runner(self, weights):
        return SimpleNamespace(bind=lambda batch: lambda: answer(weights, batch))

    def anatomy(self, job, samples):
        weights = sum(weight.nbytes for weight in self.read(job.artifact))
        return tradeoff.Anatomy(weights_bytes=weights, activations_bytes=samples * 4000)


def answer(weights, x):
    x = x.reshape(len(x), -1)
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ kernel + bias, 0)
    scores = np.exp(x @ weights[-2] + weights[-1])
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


class Broken(Good):
    """One precision is enough to show what is wrong."""

    capabilities = tradeoff.Capabilities()
    takes_large = False


# --- conversion -------------------------------------------------------------------------------------


class Dated(Broken):
    """test_converting_twice_gives_the_same_content"""

    def write(self, path, weights):
        np.savez(path, *weights, np.array(time.time_ns()))

    def read(self, path):
        return super().read(path)[:-1]


class Littering(Broken):
    """test_converting_leaves_no_file_outside_its_folder"""

    def write(self, path, weights):
        Path("debug.txt").write_text("here", encoding="utf-8")
        super().write(path, weights)


class Promising(Broken):
    """test_a_declared_precision_is_converted"""

    capabilities = tradeoff.Capabilities(precisions=("float32", "int8"))

    def convert(self, job):
        if job.precision == "int8":
            raise tradeoff.Refused("not implemented here", "not yet")
        return super().convert(job)


class Pretending(Broken):
    """test_a_precision_makes_something_else_than_float32"""

    capabilities = tradeoff.Capabilities(precisions=("float32", "fp16"))

    def stored(self, weight, precision):
        return weight


class Raising(Broken):
    """test_a_net_is_converted_or_refused_with_a_reason"""

    def convert(self, job):
        try:
            return super().convert(job)
        except tradeoff.Refused as error:
            raise KeyError(str(error)) from None


class Meddling(Broken):
    """test_converting_leaves_the_model_file_as_it_was"""

    def convert(self, job):
        with job.model_file.with_name("notes.txt").open("a", encoding="utf-8") as notes:
            notes.write("converted\n")
        return super().convert(job)


# --- requests ---------------------------------------------------------------------------------------


class Overwriting(Broken):
    """test_an_answer_stays_as_it_was_when_the_next_request_comes"""

    def runner(self, weights):
        buffer = np.empty((64, 10), np.float32)

        def bind(batch):
            def call():
                buffer[: len(batch)] = answer(weights, batch)
                return buffer[: len(batch)]

            return call

        return SimpleNamespace(bind=bind)


class Stale(Broken):
    """test_a_request_reads_what_stands_in_its_batch_now"""

    def runner(self, weights):
        def bind(batch):
            given = batch.copy()
            return lambda: answer(weights, given)

        return SimpleNamespace(bind=bind)


class Scribbling(Broken):
    """test_a_request_leaves_its_batch_as_it_is"""

    def runner(self, weights):
        def bind(batch):
            def call():
                np.add(batch, 1e-6, out=batch)
                return answer(weights, batch)

            return call

        return SimpleNamespace(bind=bind)


class Forgetting(Broken):
    """test_bound_calls_stay_valid_side_by_side"""

    def runner(self, weights):
        made = SimpleNamespace()

        def bind(batch):
            made.batch = batch
            return lambda: answer(weights, made.batch)

        made.bind = bind
        return made


class Wrong(Broken):
    """test_its_answers_are_near_to_those_of_keras test_every_net_that_it_converts_is_answered_near_to_keras"""

    def runner(self, weights):
        return SimpleNamespace(bind=lambda batch: lambda: answer(weights, -batch))


class Uniform(Broken):
    """test_its_answers_are_near_to_those_of_keras test_every_net_that_it_converts_is_answered_near_to_keras"""

    def runner(self, weights):
        return SimpleNamespace(bind=lambda batch: lambda: np.full((len(batch), 10), 0.1, np.float32))


class Wavering(Broken):
    """test_the_same_request_has_the_same_answer test_a_batch_of_any_size_is_answered_row_by_row
    test_bound_calls_stay_valid_side_by_side test_a_request_reads_what_stands_in_its_batch_now
    test_an_artifact_stands_for_itself"""

    def runner(self, weights):
        random = np.random.default_rng()

        def bind(batch):
            return lambda: answer(weights, batch) + random.uniform(0, 0.01, (len(batch), 1)).astype(np.float32)

        return SimpleNamespace(bind=bind)


class Listing(Broken):
    """test_an_answer_is_an_array_of_floats_with_a_row_for_each_sample"""

    def runner(self, weights):
        return SimpleNamespace(bind=lambda batch: lambda: answer(weights, batch).tolist())


class Fixed(Broken):
    """test_a_batch_of_any_size_is_answered_row_by_row"""

    def runner(self, weights):
        def bind(batch):
            if len(batch) == 3:
                return lambda: answer(weights, batch[::-1])
            return lambda: answer(weights, batch)

        return SimpleNamespace(bind=bind)


class Crowded(Broken):
    """test_one_thread_is_one_thread"""

    takes_large = True

    def runner(self, weights):
        def bind(batch):
            def call():
                # Many, so that they get more than one core's time on a busy machine, too.
                others = [threading.Thread(target=hashlib.sha256, args=(bytes(10**7),)) for _ in range(15)]
                for other in others:
                    other.start()
                found = answer(weights, batch)
                for other in others:
                    other.join()
                return found

            return call

        return SimpleNamespace(bind=bind)


# --- artifacts --------------------------------------------------------------------------------------


class Tied(Broken):
    """test_an_artifact_stands_for_itself"""

    def convert(self, job):
        weights = super().convert(job)
        path = job.folder / "where.txt"
        path.write_text(str(weights), encoding="utf-8")
        return path

    def content(self, artifact):
        return hashlib.sha256(Path(artifact.read_text(encoding="utf-8")).read_bytes()).hexdigest()

    def read(self, path):
        return super().read(Path(path.read_text(encoding="utf-8")))

    def anatomy(self, job, samples):
        return None


class Trusting(Broken):
    """test_a_spoilt_artifact_is_told"""

    def read(self, path):
        try:
            return super().read(path)
        except (OSError, ValueError, EOFError):
            return [np.zeros((432, 10), np.float32), np.zeros(10, np.float32)]


class Crashing(Broken):
    """test_a_spoilt_artifact_is_told"""

    def environment(self, parameters, device):
        return tradeoff.Environment("crashing", modules=("numpy",))

    def load(self, job):
        try:
            return super().load(job)
        except tradeoff.BadInput:
            os.kill(os.getpid(), signal.SIGSEGV)


class Unpacking(Broken):
    """test_running_leaves_no_file_and_the_artifact_as_it_was"""

    def read(self, path):
        Path(tempfile.mkdtemp(), "unpacked.npz").write_bytes(path.read_bytes())
        return super().read(path)


class Pickling(Broken):
    """test_nothing_is_pickled"""

    def write(self, path, weights):
        path.write_bytes(pickle.dumps(weights))

    def read(self, path):
        return [weight.astype(np.float32) for weight in pickle.loads(path.read_bytes())]  # noqa: S301 - that is what is wrong


class Boasting(Broken):
    """test_what_it_consists_of_is_plausible"""

    def anatomy(self, job, samples):
        return tradeoff.Anatomy(weights_bytes=10**9)


class Guessing(Broken):
    """test_its_profile_adds_up"""

    takes_large = True

    def profile(self, job, batch):
        return tradeoff.Profile((tradeoff.Operator("a", "MATMUL", seconds=100.0),), "a guess", seconds="measured")


# --- declarations -----------------------------------------------------------------------------------


class Excusing(Broken):
    """test_every_refusal_has_a_reason_of_the_vocabulary_and_words_of_its_own"""

    capabilities = tradeoff.Capabilities(refusals={"int8": tradeoff.Refusal("no time", "we were busy")})


class Torn(Broken):
    """test_nothing_is_both_realised_and_refused"""

    capabilities = tradeoff.Capabilities(
        refusals={"float32": tradeoff.Refusal("not supported by format", "it is too long")}
    )


class Misspelt(Broken):
    """test_every_declared_device_is_registered"""

    capabilities = tradeoff.Capabilities(devices=("host-cpu", "host-cqu"))


class Impossible(Broken):
    """test_its_parameters_have_defaults_that_they_themselves_allow"""

    parameters = (tradeoff.Parameter("level", int, default=9, maximum=3),)


class Restless(Broken):
    """test_its_environments_are_plain_and_the_same_each_time_they_are_asked_for"""

    asked = 0

    def environment(self, parameters, device):
        Restless.asked += 1
        return tradeoff.Environment("numpy" if Restless.asked % 2 else "other", modules=("numpy",))


BROKEN = Broken.__subclasses__()


def named(each):
    each.name = each.__name__.lower()
    return each()


@tradeoff.hookimpl
def tradeoff_backends():
    return [named(each) for each in (Good, *BROKEN)]


# --- techniques -------------------------------------------------------------------------------------

TECHNIQUES = {
    "halves": "",
    "shuffles": "test_the_same_seed_gives_the_same_model",
    "widens": "test_what_comes_back_is_a_keras_model_with_the_same_ends",
    "listens": "test_it_does_not_load_the_task_whose_test_split_it_is_not_handed",
    "smudges": "test_it_leaves_data_and_folders_as_they_were",
    "stumbles": "test_the_ends_of_its_parameters_are_taken_or_refused",
    "fumbles": "test_a_net_is_changed_or_refused_with_a_reason",
    "nameless": "test_some_backend_realises_it_or_says_why_not",
}


def halves(job):
    if job.model.name == "depthwise":
        raise tradeoff.Refused("not implemented here", "there are no depthwise layers here")
    if job.values["share"] > 1:
        raise tradeoff.BadInput(f"share={job.values['share']}: at most 1")
    job.model.set_weights([weight * np.float32(job.values["share"]) for weight in job.model.get_weights()])
    return job.model


def shuffles(job):
    factor = np.float32(np.random.default_rng().uniform(0.5, 1.5))
    job.model.set_weights([weight * factor for weight in job.model.get_weights()])
    return job.model


def widens(job):
    import keras

    return keras.Sequential(
        [keras.Input(job.model.input_shape[1:]), *job.model.layers, keras.layers.Dense(12, name="wider")]
    )


def listens(job):
    job.task.load()
    return job.model


def smudges(job):
    job.train.x[:] = 0
    return job.model


def stumbles(job):
    if job.values["share"] == 0:
        raise ZeroDivisionError("share")
    return job.model


def fumbles(job):
    if job.model.name == "depthwise":
        raise KeyError("depthwise")
    return job.model


@tradeoff.hookimpl
def tradeoff_techniques():
    share = tradeoff.Parameter("share", float, default=0.5, minimum=0, maximum=2, positional=True)
    functions = (halves, shuffles, widens, listens, smudges, stumbles, fumbles)
    return [
        *(tradeoff.Technique(each.__name__, stage="model", apply=each, parameters=(share,)) for each in functions),
        tradeoff.Technique("nameless", stage="precision"),
    ]


# --- devices ----------------------------------------------------------------------------------------

DEVICES = {
    "lonely": "test_some_backend_runs_on_it",
    "rumoured": "test_its_provenance_says_what_a_latency_is test_some_backend_runs_on_it",
    "slow": "test_whether_it_is_there_is_said_quickly_and_without_a_framework test_some_backend_runs_on_it",
    "mumbling": "test_that_it_is_not_there_has_a_reason_of_the_vocabulary test_some_backend_runs_on_it",
}


@tradeoff.hookimpl
def tradeoff_devices():
    return [
        tradeoff.Device("lonely"),
        tradeoff.Device("rumoured", provenance="rumoured"),
        tradeoff.Device("slow", present=lambda: time.sleep(1.0)),
        tradeoff.Device("mumbling", present=lambda: tradeoff.Refusal("no such device", "")),
    ]
