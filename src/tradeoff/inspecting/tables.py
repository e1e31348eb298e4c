"""The tables of ``tradeoff inspect``: layers, the stages of a chain beside each other, and what is shipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tradeoff.text import safe, seconds, size

_NOTHING: Final = "–"
_GAP: Final = 2
#: Bytes of training for each byte of a weight: itself, its gradient, and the two averages of Adam.
_TRAINED: Final = 4


@dataclass(frozen=True)
class Stage:
    """A variant on the way of a chain.

    :param name: the technique that made it, as it is spelled.
    :param totals: of its layers; empty where they are not known.
    :param metric: the task's.
    :param quality: of the Keras model on the test split.
    :param peak_bytes: resident memory that making it took.
    """

    name: str
    totals: Mapping[str, Any]
    metric: str
    quality: Mapping[str, float | None]
    epochs: int | None = None
    seconds: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True)
class _Column:
    """One column; those of a higher rank are left out first where room is short."""

    header: str
    rank: int
    texts: Sequence[str]
    left: bool = False

    @property
    def width(self) -> int:
        """Of its widest text."""
        return max(map(len, (self.header, *self.texts)))


def layer_table(layers: Sequence[Mapping[str, Any]], changed: Mapping[str, Mapping[str, Any]], width: int) -> str:
    """One row for each layer with weights or arithmetic, and how many others there are."""
    shown = [row for row in layers if row["parameters"] or row["macs"] or row["macs"] is None]
    columns = [
        _Column("layer", 0, [safe(row["name"]) for row in shown], left=True),
        _Column("kind", 4, [safe(row["kind"]) for row in shown], left=True),
        _Column("parameters", 1, [_count(row["parameters"]) for row in shown]),
        _Column("dtype", 2, [safe(row["dtype"]) or _NOTHING for row in shown], left=True),
        _Column("bytes", 1, [size(row["bytes"]) for row in shown]),
        _Column("MACs", 1, [_count(row["macs"]) for row in shown]),
        _Column("sparsity", 1, [_share(row["sparsity"]) for row in shown]),
        _Column("values", 3, [_count(row["unique"]) for row in shown]),
        _Column("rank", 5, [_count(row["rank"]) for row in shown]),
        _Column("kernel", 6, [_shape(_kernel(row)) for row in shown]),
        _Column("output", 7, [_shape(row["output"]) for row in shown]),
        _Column("before", 8, [_before(changed.get(row["name"], {})) for row in shown], left=True),
    ]
    told = _table(columns, width)
    others = len(layers) - len(shown)
    return f"{told}\n{others} more without weights" if others else told


def stage_table(stages: Sequence[Stage], width: int) -> str:
    """The variants of the chain beside each other, the last one being what the layers are of."""
    metric = stages[-1].metric
    names: dict[str, Callable[[Stage], str]] = {
        "parameters": lambda one: _count(one.totals.get("parameters")),
        "MACs": lambda one: _count(one.totals.get("macs")),
        "sparsity of kernels": lambda one: _share(one.totals.get("sparsity")),
        "most values in a kernel": lambda one: _count(one.totals.get("unique")),
        "weights": lambda one: _size(one.totals.get("weights_bytes")),
        "activations at once": lambda one: _size(one.totals.get("activations_bytes")),
        "inference, in theory": lambda one: _size(_inference(one.totals)),
        "training one sample, in theory": lambda one: _size(_training(one.totals)),
        "training, measured": lambda one: _size(one.peak_bytes),
        "epochs": lambda one: _count(one.epochs),
        "time to make": lambda one: _NOTHING if one.seconds is None else seconds(one.seconds),
        f"{metric} of the Keras model": lambda one: _quality(metric, one.quality.get(metric)),
        "loss": lambda one: _quality("loss", one.quality.get("loss")),
    }
    columns = [_Column("variant", 0, list(names), left=True)]
    last = len(stages) - 1
    for place, stage in enumerate(stages):
        # The first and the last matter most where room is short: the teacher and what became of it.
        rank = 0 if place in (0, last) else 1 + last - place
        header = f"+ {safe(stage.name)}" if place else safe(stage.name)
        columns.append(_Column(header, rank, [tell(stage) for tell in names.values()]))
    return _table(columns, width)


def artifact_table(artifacts: Sequence[Mapping[str, Any]], width: int) -> str:
    """What is shipped of the variant, cell by cell."""
    metrics = list(dict.fromkeys(name for one in artifacts for name in one.get("quality", {})))
    columns = [
        _Column("artifact", 0, [safe(one["cell"]) for one in artifacts], left=True),
        _Column("file", 0, [_size(one.get("bytes")) for one in artifacts]),
        _Column("after gzip", 1, [_size(one.get("gzip_bytes")) for one in artifacts]),
    ]
    for place, name in enumerate(metrics):
        told = [_quality(name, one.get("quality", {}).get(name)) for one in artifacts]
        columns.append(_Column(name, 0 if place == 0 else 2, told))
    columns += [
        _Column("memory, measured", 1, [_size(one.get("peak_bytes")) for one in artifacts]),
        _Column("weights", 3, [_size(one.get("weights_bytes")) for one in artifacts]),
        _Column("all activations", 4, [_size(one.get("activations_bytes")) for one in artifacts]),
    ]
    return _table(columns, width)


def _table(columns: Sequence[_Column], width: int) -> str:
    """With as many columns as fit; names are folded where even that is too much, and numbers never."""
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table

    kept = list(columns)
    while len(kept) > 1 and sum(one.width + _GAP for one in kept) - _GAP > width and max(one.rank for one in kept) > 0:
        kept.remove(max(reversed(kept), key=lambda one: one.rank))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP - 1, 0, 0), show_edge=False)
    for one in kept:
        justify: Any = "left" if one.left else "right"
        table.add_column(one.header, justify=justify, overflow="fold", no_wrap=not one.left)
    for row in zip(*(one.texts for one in kept), strict=True):
        table.add_row(*row)
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False, markup=False).print(table)
    left_out = [one.header for one in columns if one not in kept]
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    if left_out:
        lines.append(f"not shown in {width} columns: {', '.join(left_out)}")
    return "\n".join(lines)


def _inference(totals: Mapping[str, Any]) -> int | None:
    weights, activations = totals.get("weights_bytes"), totals.get("activations_bytes")
    return None if weights is None or activations is None else int(weights) + int(activations)


def _training(totals: Mapping[str, Any]) -> int | None:
    """Weights with what an optimizer keeps of them, and all results, which the gradients need again."""
    weights, activations = totals.get("weights_bytes"), totals.get("all_activations_bytes")
    return None if weights is None or activations is None else _TRAINED * int(weights) + int(activations)


def _kernel(row: Mapping[str, Any]) -> Sequence[int] | None:
    shapes = [shape for shape in row["shapes"].values() if len(shape) >= 2]
    return max(shapes, key=len) if shapes else None


def _before(changed: Mapping[str, Any]) -> str:
    """What of the layer was different before the last technique."""
    words = {"parameters": _count, "macs": _count, "sparsity": _share, "unique": _count, "rank": _count, "bits": _count}
    names = {"macs": "MACs", "unique": "values"}
    return ", ".join(
        f"{names.get(name, name)} {tell(changed[name][0])}" for name, tell in words.items() if name in changed
    )


def _shape(shape: Sequence[int] | None) -> str:
    return "×".join(map(str, shape)) if shape else _NOTHING


def _count(value: float | None) -> str:
    return _NOTHING if value is None else f"{int(value):,}"


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{100 * value:.1f} %"


def _size(value: float | None) -> str:
    return _NOTHING if value is None else size(value)


def _quality(metric: str, value: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{100 * value:.2f} %" if metric in ("accuracy", "top1_agreement") else f"{value:.4g}"
