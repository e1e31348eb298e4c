"""The environment variables that decide results, by name, and which values another's manifest may set.

A fixed list and no prefixes: Terraform keeps passwords in ``TF_VAR_...``, and a manifest is shown to others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

_SWITCH: Final = r"0|1|true|false|True|False"
_COUNT: Final = r"[0-9]{1,5}"
_WORDS: Final = r"[A-Za-z0-9_]+(,[A-Za-z0-9_]+)*"
_FLAG_VALUE: Final = r"(true|false|[0-9]{1,6})"
#: Flags that choose how numbers are computed. Others write files, read files or load libraries.
_XLA: Final = (
    "xla_cpu_multi_thread_eigen|xla_cpu_enable_fast_math|xla_cpu_enable_fast_min_max|xla_cpu_fast_math_honor_nans"
    "|xla_cpu_fast_math_honor_infs|xla_cpu_fast_math_honor_division|xla_cpu_use_thunk_runtime"
    "|xla_force_host_platform_device_count|xla_backend_optimization_level|xla_gpu_deterministic_ops"
    "|xla_gpu_autotune_level|xla_allow_excess_precision"
)
_TF_XLA: Final = "tf_xla_auto_jit|tf_xla_cpu_global_jit|tf_xla_enable_xla_devices|tf_xla_clustering_fuel"


def _flags(names: str) -> str:
    return rf" *(--({names})={_FLAG_VALUE} *)*"


#: Name to the values that a rerun sets for its own process; ``None``: it is told, and left as it is here, because it
#: is a place on a disk or belongs to the machine.
VARIABLES: Final[dict[str, str | None]] = {
    "KERAS_BACKEND": r"tensorflow|jax|torch",
    "KERAS_HOME": None,
    "CUDA_VISIBLE_DEVICES": None,
    "HIP_VISIBLE_DEVICES": None,
    "ROCR_VISIBLE_DEVICES": None,
    "OMP_NUM_THREADS": rf"{_COUNT}(,{_COUNT})*",
    "OPENBLAS_NUM_THREADS": _COUNT,
    "MKL_NUM_THREADS": _COUNT,
    "NPROC": _COUNT,
    "OPENBLAS_CORETYPE": _WORDS,
    "MKL_CBWR": _WORDS,
    "MKL_ENABLE_INSTRUCTIONS": _WORDS,
    "ONEDNN_MAX_CPU_ISA": _WORDS,
    "DNNL_MAX_CPU_ISA": _WORDS,
    "ONEDNN_DEFAULT_FPMATH_MODE": _WORDS,
    "NPY_DISABLE_CPU_FEATURES": r"[A-Za-z0-9_]+([ ,]+[A-Za-z0-9_]+)*",
    "NVIDIA_TF32_OVERRIDE": _SWITCH,
    "PYTHONHASHSEED": r"random|[0-9]{1,10}",
    "TF_NUM_INTRAOP_THREADS": _COUNT,
    "TF_NUM_INTEROP_THREADS": _COUNT,
    "TF_ENABLE_ONEDNN_OPTS": _SWITCH,
    "TF_DETERMINISTIC_OPS": _SWITCH,
    "TF_CUDNN_DETERMINISTIC": _SWITCH,
    "TF_USE_LEGACY_KERAS": _SWITCH,
    "TF_ENABLE_AUTO_MIXED_PRECISION": _SWITCH,
    "TF_XLA_FLAGS": _flags(_TF_XLA),
    "XLA_FLAGS": _flags(_XLA),
    "JAX_PLATFORMS": _WORDS,
    "JAX_ENABLE_X64": _SWITCH,
    "JAX_DISABLE_JIT": _SWITCH,
    "JAX_DEFAULT_MATMUL_PRECISION": _WORDS,
    "JAX_DEFAULT_PRNG_IMPL": _WORDS,
    "JAX_THREEFRY_PARTITIONABLE": _SWITCH,
    "JAX_NUM_CPU_DEVICES": _COUNT,
}


def variables_now() -> dict[str, str]:
    """Those of the list that are set."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def may_be_set(name: str, value: str) -> bool:
    """Whether a rerun sets ``name`` to what a manifest says: it decides numbers, and can do nothing else."""
    allowed = VARIABLES.get(name)
    return allowed is not None and re.fullmatch(allowed, value, re.ASCII) is not None


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str | None]:
    """What a rerun does to its own process's variables: a value, or ``None`` where it takes one away."""
    found: dict[str, str | None] = {}
    for name, allowed in VARIABLES.items():
        if then.get(name) == now.get(name) or allowed is None:
            continue
        if name not in then:
            found[name] = None
        elif may_be_set(name, then[name]):
            found[name] = then[name]
    return found
