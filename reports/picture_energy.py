from .points import Scene


def energy_split(scene: Scene):
    return iter(())
