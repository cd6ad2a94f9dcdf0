"""`make demo`. Exit status 0 only if everything was as told; 1 if not; 130 after Ctrl-C."""

import signal
import sys
import time

from demo.evidence import show_evidence
from demo.narrator import Narrator
from demo.scene import Scene
from demo.story import Story
from world import cleanup


def main() -> int:
    signal.signal(signal.SIGINT, _interrupt_once)
    narrator = Narrator()
    print("Portcullis, the whole story: a real Kubernetes API server, real users, a cloud in a lab.")
    started = time.monotonic()
    scene = Scene()
    try:
        with scene:
            up = time.monotonic() - started
            print(f"All is up after {up:.1f} s. alice, mallory and an admin have client certificates of their own.")
            print(_how_connections_are_made(scene))
            try:
                Story(scene, narrator).play()
                if not narrator.all_as_told:
                    show_evidence(scene)
            except Exception as error:
                narrator.observe("the story", "goes on", f"ends here: {str(error).strip()}")
                show_evidence(scene)
    except KeyboardInterrupt:
        cleanup.run_all()
        print(f"\ninterrupted; left behind: {scene.left_behind()}", file=sys.stderr)
        return 130
    cleanup.run_all()
    narrator.step("The end", "Everything is stopped and removed.")
    narrator.observe("left behind", "nothing", scene.left_behind())
    narrator.table()
    seconds = time.monotonic() - started
    print(f"The story took {seconds:.1f} s, {up:.1f} s of it to bring the world up.")
    return 0 if narrator.all_as_told else 1


def _how_connections_are_made(scene: Scene) -> str:
    if scene.real_connections:
        return "Connections are real: TCP between network namespaces, through nftables rules made from the NSGs."
    return (
        "Network namespaces are not allowed here (they need root, iproute2 and nftables), so no real connections are "
        "made:\nthe lab's judge says what the NSGs would let through."
    )


def _interrupt_once(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not stop the cleaning up
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
