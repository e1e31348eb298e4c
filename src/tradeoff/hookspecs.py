"""Every hook of ``tradeoff``. A plugin implements those it needs, with ``@tradeoff.hookimpl``.

A plugin is a module or object: named by an entry point in group ``tradeoff``, given to pytest with ``-p``, or
simply a ``conftest.py``. Built-in models, techniques, backends and reports come through these same hooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    from tradeoff.vocabulary import Backend, Device, Meter, Model, Renderer, Task, Technique, View

PROJECT: Final = "tradeoff"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tradeoff_tasks() -> Sequence[Task]:
    """Tasks: data, and what 'good' means.

    :return: the tasks this plugin brings.
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def tradeoff_models() -> Sequence[Model]:
    """Models: a task, and a way to get a Keras model for it.

    :return: the models this plugin brings.
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def tradeoff_techniques() -> Sequence[Technique]:
    """Techniques: named transformations that can stand in a chain.

    :return: the techniques this plugin brings.
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def tradeoff_backends() -> Sequence[Backend]:
    """Backends: a deployment format and the runtime that runs it.

    :return: the backends this plugin brings.
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def tradeoff_devices() -> Sequence[Device]:
    """Devices: where backends run artifacts.

    :return: the devices this plugin brings.
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def tradeoff_meters() -> Sequence[Meter]:
    """Meters: what tells the energy that a request uses.

    :return: the meters this plugin brings.
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def tradeoff_renderers() -> Sequence[Renderer]:
    """Report renderers: one output format each.

    :return: the renderers this plugin brings.
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def tradeoff_views() -> Sequence[View]:
    """Views: tables that a person asks for by name.

    :return: the views this plugin brings.
    """
    raise AssertionError("a hook specification is never called")
