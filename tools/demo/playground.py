"""`make playground`: the demo's world left running in the background, and commands to play with it.

start prints what to type; stop ends everything; run is what start runs in the background; connect USER PORT tries one
connection to the VM. What belongs to a running playground stands in build/playground.
"""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from demo.scene import ADDRESSES, HERE, MACHINE, MANIFESTS, PUBLIC_ADDRESS, TEAM, WORDS, Scene
from world import cleanup, http_json
from world.assets import REPOSITORY
from world.certificates import write_private
from world.connect import CONNECTED, TIMEOUT, connect
from world.process import Process, wait_for

_FOLDER = REPOSITORY / "build/playground"
_PID, _STATE, _LOG, _BIN, _OPERATOR = (_FOLDER / name for name in ("pid", "state.json", "log", "bin", "operator.pid"))
_USERS = ("admin", "alice", "mallory")
_UP_SECONDS, _DOWN_SECONDS = 90, 30
_RESTART_SECONDS = 2  # that an operator which ended stays away: a kubelet does not start it in the same moment either


def start() -> int:
    if _running() is None:
        shutil.rmtree(_FOLDER, ignore_errors=True)
        _FOLDER.mkdir(parents=True)
        print("Bringing up an API server, a cloud in a lab and the operator ...", flush=True)
        with open(_LOG, "wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "demo.playground", "run"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=REPOSITORY,
            )
        _PID.write_text(str(child.pid))
        try:
            wait_for(lambda: _STATE.exists() or child.poll() is not None, _UP_SECONDS, "the playground up")
        except BaseException:
            stop()
            raise
        if child.poll() is not None:
            print(f"The playground did not come up:\n{_LOG.read_text()}", file=sys.stderr)
            return 1
    print(_what_to_type(json.loads(_STATE.read_text())))
    return 0


def stop() -> int:
    pid = _running()
    if pid is None:
        print("No playground runs.")
        return 0
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: _running() is None, _DOWN_SECONDS, f"the playground (process {pid}) ended")
    shutil.rmtree(_FOLDER, ignore_errors=True)
    print("The playground is gone.")
    return 0


def run() -> int:
    """Ends by SIGTERM, which cleans up."""
    scene = Scene()
    with scene:
        lab = scene.world.lab
        scene.wait_until_people_may_ask()
        _write_commands(scene)
        state = {"dataplane": lab.dataplane, "namespaces": lab.namespaces, "lab": lab.addresses}
        state["operatorLog"] = str(scene.world.operator.process.log)
        unfinished = _STATE.with_suffix(".tmp")
        unfinished.write_text(json.dumps(state))
        unfinished.rename(_STATE)
        cleanup.at_end(lambda: _STATE.unlink(missing_ok=True))
        _keep_running(scene.world.operator.process)


def _keep_running(operator: Process) -> None:
    """As Kubernetes does with a Deployment: who kills the operator sees what it makes of that when it is back."""
    while True:
        _OPERATOR.write_text(f"{operator.pid}\n")
        print(f"the operator ended with {operator.wait_until_it_ends()}; it starts again", flush=True)
        time.sleep(_RESTART_SECONDS)
        operator.restart()


def try_connection(who: str, port: int) -> int:
    """Prints what the connection met; exit status 0 if it was made."""
    state = json.loads(_STATE.read_text())
    if who in state["namespaces"]:
        word = connect(state["namespaces"][who], PUBLIC_ADDRESS, port)
    else:
        word = CONNECTED if _judge(state["lab"], ADDRESSES[who], port) else TIMEOUT
    print(f"{who} ({ADDRESSES[who]}) to {MACHINE}:{port}: {WORDS[word]}")
    return 0 if word == CONNECTED else 1


def _judge(lab: dict[str, Any], address: str, port: int) -> bool:
    context = ssl.create_default_context(cafile=lab["ca"])
    flow = {"from": address, "to": MACHINE, "port": port, "protocol": "Tcp"}
    return bool(http_json.request(lab["admin"], context, "POST", "/connect", flow).body["allowed"])


def _running() -> int | None:
    """The process of the playground, if it is one: a number alone may have been given to somebody else since."""
    try:
        pid = int(_PID.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if b"demo.playground" in command else None


def _write_commands(scene: Scene) -> None:
    """A command for each person, which is kubectl with that person's certificate, and `connect`."""
    _BIN.mkdir(parents=True, exist_ok=True)
    cluster = scene.world.cluster
    for user in _USERS:
        kubeconfig = write_private(_FOLDER / f"kubeconfig-{user}", cluster.user(user).read_bytes())
        env = cluster.kubectl_env(kubeconfig)
        kubectl = shutil.which("kubectl", path=env["PATH"])
        exports = "".join(f"export {name}='{env[name]}'\n" for name in ("KUBECONFIG", "KUBECACHEDIR"))
        _write_script(user, f"{exports}exec '{kubectl}' \"$@\"")
    module = f"exec '{sys.executable}' -m demo.playground"
    _write_script("connect", f"export PYTHONPATH='{HERE.parent}'\n{module} connect \"$@\"")


def _write_script(name: str, body: str) -> None:
    path = _BIN / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)


def _what_to_type(state: dict[str, Any]) -> str:
    real = "alice" in state["namespaces"]
    judged = "network namespaces are not allowed here, so the lab's judge answers"
    commands = [
        ("connect stranger 22", "real TCP" if real else judged),
        (f"admin apply -f {MANIFESTS}/account.yaml -f {MANIFESTS}/policy.yaml", ""),
        (f"admin describe -n {TEAM} jitp/web-admin", "Audit: whom a lock would cut"),
        (f"""admin patch -n {TEAM} jitp/web-admin --type=merge -p '{{"spec":{{"enforcement":"Enforce"}}}}'""", ""),
        (f"admin wait -n {TEAM} jitp/web-admin --for=condition=Locked", ""),
        ("connect alice 22", "no answer"),
        (f"mallory create -f {MANIFESTS}/request-mallory.yaml", "refused, with the reason"),
        (f"alice create -f {MANIFESTS}/request.yaml", "open for 35 s; more: spec.duration in the file"),
        (f"alice get -n {TEAM} areq -w", ""),
        ("connect alice 22", "connected, until the time ends"),
        (f"kill -9 $(cat {_OPERATOR})", f"it is started again after {_RESTART_SECONDS} s; nothing is lost"),
        (f"admin delete -n {TEAM} jitp/web-admin", "everything as it was"),
    ]
    width = max(len(command) for command, comment in commands if comment)
    typed = "\n".join(f"  {command:{width}}  # {comment}" if comment else f"  {command}" for command, comment in commands)
    return f"""
The playground runs. web-1 answers on 22 and 3389 to the whole internet. In this shell:

  export PATH="{_BIN}:$PATH"   # admin, alice, mallory: kubectl as that person; connect

{typed}

Kubeconfigs: {_FOLDER}/kubeconfig-{{{",".join(_USERS)}}}
The cloud: {state["lab"]["arm"]} (CA {state["lab"]["ca"]})
The operator's log: {state["operatorLog"]}

Stop it with: make playground-stop"""


def main() -> int:
    match sys.argv[1:]:
        case ["start"]:
            return start()
        case ["stop"]:
            return stop()
        case ["run"]:
            return run()
        case ["connect", who, port] if who in ADDRESSES and port.isdigit():
            return try_connection(who, int(port))
        case ["connect", *_]:
            print(f"usage: connect {'|'.join(ADDRESSES)} PORT", file=sys.stderr)
            return 2
    print("usage: playground start|stop|run|connect USER PORT", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
