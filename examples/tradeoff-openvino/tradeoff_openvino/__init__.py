"""Backend ``openvino``: an IR, a graph and its weights in two files, on OpenVINO's plugin for processors."""

import hashlib
import re
from tempfile import TemporaryDirectory

import tradeoff
from tradeoff.engine import engine_environment, engine_requirement

NNCF = tradeoff.Refusal("not implemented here", "OpenVINO quantizes by way of NNCF, which this backend does without")
GRAPH, WEIGHTS = "model.xml", "model.bin"


class OpenVINOBackend(tradeoff.Backend):
    name = "openvino"
    summary = "OpenVINO on the processor"
    version = "1"
    install = "tradeoff-openvino"
    requires = (tradeoff.Requirement("openvino", "openvino"),)
    converter_requires = (*requires, engine_requirement("tensorflow"))
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16"), refusals=dict.fromkeys(["dynamic", "int8", "int8w", "int4"], NNCF)
    )
    parameters = (tradeoff.Parameter("threads", int, default=1, minimum=1, runtime=True),)

    def environment(self, parameters, device):
        return tradeoff.Environment("openvino", modules=("tradeoff_openvino.runtime",))

    def conversion_environment(self, parameters):
        return engine_environment("tensorflow")

    def convert(self, job):
        from .runtime import FrontEndManager, save_model

        frontend = FrontEndManager().load_by_framework("tf")
        with TemporaryDirectory() as folder:
            job.load_model().export(folder, format="tf_saved_model", verbose=False)
            try:
                graph = frontend.convert(frontend.load(folder))
            except RuntimeError as error:
                raise tradeoff.Refused("not supported by format", str(error)) from error
        artifact = job.folder / "openvino"
        artifact.mkdir()
        save_model(graph, artifact / GRAPH, compress_to_fp16=job.precision == "fp16")
        return artifact

    def content(self, artifact):
        # Layers are numbered in the order in which a process makes them.
        graph = re.sub(rb' name="[^"]*"', b"", (artifact / GRAPH).read_bytes())
        return hashlib.sha256(graph + (artifact / WEIGHTS).read_bytes()).hexdigest()

    def load(self, job):
        from .runtime import Core

        # Without the second hint, processors that have bfloat16 would compute in it, unasked.
        settings = {"INFERENCE_NUM_THREADS": job.parameters["threads"], "INFERENCE_PRECISION_HINT": "f32"}
        try:
            return OpenVINORunner(Core().compile_model(job.artifact / GRAPH, "CPU", settings))
        except RuntimeError as error:
            raise tradeoff.BadInput(f"{job.artifact} cannot be loaded by OpenVINO: {error}") from error


class OpenVINORunner:
    def __init__(self, compiled):
        self.compiled = compiled

    def bind(self, batch):
        import numpy as np

        from .runtime import Tensor

        # A request of its own for each call, so that none is in another's way; it reads the batch where it lies.
        request = self.compiled.create_infer_request()
        given = np.ascontiguousarray(batch, self.compiled.input(0).element_type.to_dtype())
        request.set_input_tensor(Tensor(given, shared_memory=True))

        # The default keeps the array alive, which OpenVINO does not.
        def answer(given=given):
            request.infer()
            return request.get_output_tensor().data.copy()

        return answer


@tradeoff.hookimpl
def tradeoff_backends():
    return [OpenVINOBackend()]
