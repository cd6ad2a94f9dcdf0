"""What a person needs who wants to know why the story went wrong."""

import sys
from collections.abc import Callable

from demo.scene import Scene


def show_evidence(scene: Scene) -> None:
    def show(title: str, get: Callable[[], str]) -> None:
        try:
            text = get()
        except Exception as error:  # the rest may still be had
            text = f"cannot be had: {error}"
        print(f"\n--- {title}\n{text}", file=sys.stderr)

    kinds = "cloudaccounts,jitpolicies,accessrequests,accessverdicts"
    show("objects", lambda: scene.kubectl("admin", "get", kinds, "-A", "-o", "yaml").stdout)
    show("events", lambda: scene.kubectl("admin", "get", "events", "-A").stdout)
    show("rules of Portcullis in the cloud", lambda: "\n".join(scene.own_rules()) or "none")
    show("requests to the cloud, the last 40", lambda: "\n".join(map(str, scene.world.lab.requests()[-40:])))
    show("the operator's log, the last 100 lines", lambda: "\n".join(scene.world.operator.log().splitlines()[-100:]))
