"""Which plugins the kit looks at: what its options name, found as a run finds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest

from tradeoff.cell import parse_backend
from tradeoff.chain import Step, parse_chain
from tradeoff.conformance.kit import Subject
from tradeoff.engine import engine_requirements
from tradeoff.errors import BadInput, UnknownName
from tradeoff.matrix import devices_of, quoted
from tradeoff.options import split_words
from tradeoff.pytest_cells import plugins_of
from tradeoff.registry import PluginSources, Registry, load_registry
from tradeoff.vocabulary import Requirement

ALL = "all"


@dataclass(frozen=True)
class Selection:
    """What is looked at.

    :param estimated: backends on devices that are not here.
    """

    registry: Registry = field(default_factory=Registry)
    sources: PluginSources = field(default_factory=PluginSources)
    backends: tuple[Subject, ...] = ()
    techniques: tuple[Step, ...] = ()
    devices: tuple[str, ...] = ()
    estimated: tuple[Subject, ...] = ()


def select(config: pytest.Config) -> Selection:
    """What the options name; raises for what nothing is registered under."""
    sources, plugins = plugins_of(config)
    registry = load_registry(PluginSources(blocked=sources.blocked), plugins)
    devices = _words(config, "device", registry.devices)
    for name in devices:
        if name not in registry.devices:
            raise UnknownName("device", name, registry.devices, _broken(registry))
    backends = _words(config, "backend", registry.backends)
    techniques = _words(config, "technique", registry.techniques)
    if not (backends or techniques or devices):
        raise BadInput(_usage(registry))
    subjects = tuple(_subject(text, registry, devices) for text in backends)
    return Selection(
        registry,
        sources,
        subjects,
        tuple(_step(text, registry) for text in techniques),
        devices,
        tuple(_estimated(registry, subjects, devices)),
    )


def _words(config: pytest.Config, kind: str, known: Mapping[str, object]) -> tuple[str, ...]:
    given = config.getoption(f"tradeoff_{kind}")
    words = split_words(given) if given is not None else ()
    return tuple(dict.fromkeys(name for word in words for name in (known if word == ALL else (word,))))


def _usage(registry: Registry) -> str:
    """What can be given."""
    return (
        "the conformance kit is not told what to look at; give one of "
        f"--tradeoff-backend ({', '.join(sorted(registry.backends)) or 'none'}), "
        f"--tradeoff-technique ({', '.join(sorted(registry.techniques)) or 'none'}), "
        f"--tradeoff-device ({', '.join(sorted(registry.devices)) or 'none'}). {_broken(registry)}"
    ).rstrip()


def _broken(registry: Registry) -> str:
    return "; ".join(registry.problems)


def _subject(text: str, registry: Registry, devices: tuple[str, ...]) -> Subject:
    try:
        choice = parse_backend(text, registry.backends)
    except UnknownName as error:
        raise UnknownName("backend", error.name, registry.backends, _broken(registry)) from None
    backend = registry.backends[choice.name]
    needs = (*backend.needs(choice.parameters), *backend.converter_requires, *engine_requirements())
    _check_installed(f"backend {choice.name}", needs, backend.install)
    declared = devices_of(registry, choice.name, backend.abilities(choice.parameters))
    return Subject(backend, choice, _device(choice.name, declared, registry, devices))


def _device(name: str, declared: tuple[str, ...], registry: Registry, asked: tuple[str, ...]) -> str:
    """The first that the backend runs on and that is there; of those that were asked for, if it runs on one."""
    wanted = [device for device in declared if device in asked] or list(declared)
    absent = []
    for device in wanted:
        missing = registry.devices[device].present() if device in registry.devices else f"{device}: not registered"
        if missing is None:
            return device
        absent.append(str(missing))
    raise BadInput(f"backend {name} runs on no device that is here: {'; '.join(absent) or 'it declares none'}")


def _estimated(registry: Registry, subjects: Iterable[Subject], devices: Iterable[str]) -> Iterator[Subject]:
    """Backends that were named on devices that are not here; a device without one has the first that stands for it."""
    found = [subject for subject in subjects if not registry.devices[subject.device].is_here]
    yield from found
    for device in devices:
        if registry.devices[device].is_here or registry.devices[device].present() is not None:
            continue
        runs = [subject for subject in subjects if device in _places(registry, subject)]
        for subject in runs or _stand_in(registry, device):
            if replace(subject, device=device) not in found:
                yield replace(subject, device=device)


def _places(registry: Registry, subject: Subject) -> tuple[str, ...]:
    return devices_of(registry, subject.choice.name, subject.can)


def _stand_in(registry: Registry, device: str) -> list[Subject]:
    """The first backend that runs there and of which nothing is missing; none where there is none."""
    for name, backend in registry.backends.items():
        subject = Subject(backend, parse_backend(name, registry.backends), device)
        needs = (*backend.needs(subject.choice.parameters), *backend.converter_requires, *engine_requirements())
        if subject.can.runs and device in _places(registry, subject) and all(need.installed() for need in needs):
            return [subject]
    return []


def _step(text: str, registry: Registry) -> Step:
    chain = parse_chain(text, registry.techniques)
    if len(chain.steps) != 1:
        raise BadInput(f"--tradeoff-technique={text}: expected one technique with its parameters, such as prune:0.5")
    (step,) = chain.steps
    technique = registry.techniques[step.technique]
    _check_installed(f"technique {step.technique}", (*technique.requires, *engine_requirements()), "")
    return step


def _check_installed(owner: str, needs: Iterable[Requirement], install: str) -> None:
    missing = list(dict.fromkeys(need.distribution for need in needs if not need.installed()))
    if missing:
        what = quoted(install or " ".join(missing))
        raise BadInput(f"{owner} cannot be checked without {', '.join(missing)}: pip install {what}")
