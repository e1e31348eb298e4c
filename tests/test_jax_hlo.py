"""What XLA writes of a compiled module is read instruction by instruction, and counted."""

from __future__ import annotations

import pytest

from tradeoff.backends.jax import hlo as jax_hlo

TEXT = """HloModule jit_call, is_scheduled=true, entry_computation_layout={(f32[1,8,8,2]{3,2,1,0})->f32[1,10]{1,0}}

%add.1 (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%fused (p0: f32[1,8,8,4], p1: bf16[4]) -> f32[1,4] {
  %p0 = f32[1,8,8,4]{3,2,1,0} parameter(0)
  %half = f32[] constant(0.5), metadata={op_name="jit(answer)/pool/mul"}
  %wide = f32[1,8,8,4]{3,2,1,0} broadcast(%half), dimensions={}
  %scaled = f32[1,8,8,4]{3,2,1,0} multiply(%p0, %wide), metadata={op_name="jit(answer)/norm/mul"}
  ROOT %summed = f32[1,4]{1,0} reduce(%scaled, %half), dimensions={1,2}, to_apply=%add.1
}

ENTRY %main (x: f32[1,8,8,2]) -> f32[1,10] {
  %x = f32[1,8,8,2]{3,2,1,0} parameter(0)
  %kernel = f32[3,3,2,4]{3,2,1,0} constant({...})
  %shift = bf16[4]{0} constant({...})
  %matrix = f32[4,10]{1,0} constant({...})
  %turned = f32[10,4]{1,0} bitcast(%matrix)
  %conv = f32[1,8,8,4]{3,2,1,0} convolution(%x, %kernel), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f, metadata={op_name="jit(answer)/jit(wrapped)/conv2d/conv_general_dilated"}
  %fusion.7 = f32[1,4]{1,0} fusion(%conv, %shift), kind=kLoop, calls=%fused
  %loop = (s32[], f32[1,4]{1,0}, pred[3]{0}) while(%fusion.7), condition=%c, body=%b
  ROOT %dot.1 = f32[1,10]{1,0} dot(%fusion.7, %turned), lhs_contracting_dims={1}, rhs_contracting_dims={1}
}
"""  # noqa: E501 - as XLA writes it
READ = jax_hlo.read(TEXT)
MAIN = READ.main


def test_instructions_stand_in_the_order_in_which_they_run() -> None:
    assert [name for name, one in MAIN.items() if one.opcode not in jax_hlo.SILENT] == [
        "conv",
        "fusion.7",
        "loop",
        "dot.1",
    ]


@pytest.mark.parametrize(
    ("name", "size"), [("conv", 4 * 256), ("shift", 8), ("loop", 4 + 16 + 3), ("dot.1", 40), ("kernel", 4 * 72)]
)
def test_bytes_are_those_of_every_array_in_its_own_type(name: str, size: int) -> None:
    assert MAIN[name].bytes == size


@pytest.mark.parametrize(
    ("name", "count"), [("conv", 2.0 * 256 * 18), ("dot.1", 2.0 * 10 * 4), ("fusion.7", 256.0 + 256.0), ("loop", None)]
)
def test_operations_are_counted_or_not_told(name: str, count: float | None) -> None:
    assert READ.flops(MAIN[name]) == count


def test_constants_are_those_it_takes_and_those_inside() -> None:
    assert READ.constants(MAIN["conv"]) == {"kernel": 288}
    assert READ.constants(MAIN["fusion.7"]) == {"half": 4, "shift": 8}
    assert READ.constants(MAIN["dot.1"]) == {"matrix": 160}


def test_a_place_is_the_layer_and_what_is_done_in_it() -> None:
    assert MAIN["conv"].path == ("conv2d", "conv_general_dilated")
    assert [one.path for one in READ.inside(MAIN["fusion.7"]) if one.path] == [("pool", "mul"), ("norm", "mul")]


@pytest.mark.parametrize(
    "line",
    [
        "%dot.1 = f32[1,10]{1,0} dot(%gone, %turned), lhs_contracting_dims={1}",
        "%dot.1 = f32[1,10]{1,0} dot(%x, %turned), lhs_contracting_dims={9}",
        "%dot.1 = f32[1,10]{1,0} convolution(%x, %kernel), window={}",
        "%dot.1 = f32[1,10]{1,0} reduce-window(%x, %kernel), window={}",
        '%dot.1 = f32[1,10]{1,0} custom-call(%x), custom_call_target="unheard_of"',
    ],
)
def test_what_is_written_in_another_form_is_not_told(line: str) -> None:
    text = f"ENTRY %main (x: f32[1,8]) -> f32[1,10] {{\n  %x = f32[1,8]{{1,0}} parameter(0)\n  {line}\n}}\n"
    read = jax_hlo.read(text)
    assert read.flops(read.main["dot.1"]) is None


@pytest.mark.parametrize("text", ["", "ENTRY", "%x = f32[] add(%y)\n"])
def test_what_is_no_module_has_no_computations(text: str) -> None:
    assert jax_hlo.read(text).computations == {}
