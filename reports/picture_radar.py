from .points import Scene


def radar(scene: Scene):
    return iter(())
