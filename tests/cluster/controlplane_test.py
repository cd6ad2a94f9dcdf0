"""The control plane that all other tests here stand on: is it real, are its users who they say, does it go away."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from world.controlplane import ControlPlane, KubectlFailed
from world.process import Process, ProcessFailed, wait_for


def whoami(cluster: ControlPlane, user: str | Path) -> dict:
    out = cluster.kubectl(user, "auth", "whoami", "-o", "json").stdout
    return json.loads(out)["status"]["userInfo"]


def test_a_real_api_server_of_the_pinned_version_answers(bare_cluster):
    version = json.loads(bare_cluster.kubectl("admin", "version", "-o", "json").stdout)
    assert version["serverVersion"]["gitVersion"] == version["clientVersion"]["gitVersion"]
    major_minor = int(version["serverVersion"]["major"]), int(version["serverVersion"]["minor"])
    assert major_minor >= (1, 31)


def test_users_are_who_their_certificates_say(bare_cluster):
    bare_cluster.user("carol", ["sre", "oncall"], uid="u-carol")
    carol = whoami(bare_cluster, "carol")
    assert carol["username"] == "carol"
    assert carol["uid"] == "u-carol"
    assert set(carol["groups"]) == {"sre", "oncall", "system:authenticated"}


def test_a_user_without_rights_is_refused_and_an_admin_is_not(bare_cluster):
    bare_cluster.user("dave")
    with pytest.raises(KubectlFailed, match='User "dave" cannot list resource "secrets"'):
        bare_cluster.kubectl("dave", "get", "secrets", "-A")
    bare_cluster.kubectl("admin", "get", "secrets", "-A")


def test_a_service_account_comes_with_a_token_of_the_api_server(bare_cluster):
    namespace = bare_cluster.namespace("token-test")
    bare_cluster.kubectl("admin", "create", "serviceaccount", "robot", "-n", namespace)
    robot = whoami(bare_cluster, bare_cluster.service_account(namespace, "robot"))
    assert robot["username"] == "system:serviceaccount:token-test:robot"
    assert robot["uid"]  # unlike an impersonated one


def test_a_strange_certificate_is_nobody(bare_cluster):
    with ControlPlane() as other:
        answer = other.identity("admin").request("GET", "/api")
        assert answer.status == 200
        stranger = other.folder / "users/admin/kubeconfig"
        result = bare_cluster.kubectl(
            stranger, "--server", bare_cluster.server, "--insecure-skip-tls-verify", "get", "ns", check=False
        )
        assert result.returncode != 0


def test_data_survives_a_crash_of_the_api_server(bare_cluster):
    bare_cluster.kubectl("admin", "create", "configmap", "kept", "-n", "default")
    before = bare_cluster.api_server.pid
    bare_cluster.restart_api_server()
    assert bare_cluster.api_server.pid != before
    bare_cluster.kubectl("admin", "get", "configmap", "kept", "-n", "default")


def test_stop_is_quick_while_a_watch_is_open_and_leaves_no_process():
    cluster = ControlPlane().start()
    kubectl = cluster._programs / "kubectl"
    watch = Process(
        "watch",
        [kubectl, "get", "namespaces", "--watch"],
        cluster.folder / "watch.log",
        env=cluster.kubectl_env(cluster.admin),
    ).start()
    watch.wait_for_line("default", 20)
    pids = [cluster.api_server.pid, cluster.etcd.pid]
    started = time.monotonic()
    cluster.stop()
    assert time.monotonic() - started < 5
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    watch.kill9()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_process_that_started_it_ends_by(number, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import time\n"
        "from world.controlplane import ControlPlane\n"
        "cluster = ControlPlane().start()\n"
        "print(cluster.folder, cluster.api_server.pid, cluster.etcd.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    child = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    try:
        folder, *pids = child.stdout.readline().split()
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        child.send_signal(number)
        child.wait(20)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == -number
    wait_for(lambda: not any(is_alive(pid) for pid in pids), 10, "the servers gone")
    if number == signal.SIGKILL:
        ControlPlane()  # whoever comes next removes what a SIGKILL left
    assert not Path(folder).exists()


def is_alive(pid: str) -> bool:
    """An orphan whose new parent has not yet read its exit status is no longer alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_start_that_fails_shows_the_server_log():
    cluster = ControlPlane(api_server_flags=["--authorization-mode=NoSuchMode"])
    with pytest.raises(ProcessFailed, match="NoSuchMode"):
        cluster.start()
    assert not cluster.etcd.running


def test_a_log_line_is_waited_for_and_a_dead_process_is_told(tmp_path):
    process = Process("echo", ["sh", "-c", "echo up; echo broken >&2; exit 3"], tmp_path / "log").start()
    process.wait_for_line("^up$", 5)
    with pytest.raises(ProcessFailed, match=r"ended with 3[\s\S]*broken"):
        process.wait_for_line("never", 5)
    assert not process.running
    assert os.path.getsize(process.log) > 0


def test_with_the_controller_manager_namespaces_go_and_owned_objects_are_collected():
    with ControlPlane(controller_manager=True) as cluster:
        cluster.apply(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owner, namespace: default}\n"
        )
        owner = json.loads(cluster.kubectl("admin", "get", "configmap", "owner", "-o", "json").stdout)
        uid = owner["metadata"]["uid"]
        cluster.apply(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: owned\n  namespace: default\n"
            f"  ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]\n"
        )
        cluster.kubectl("admin", "delete", "configmap", "owner")
        cluster.kubectl("admin", "wait", "--for=delete", "configmap/owned", "--timeout=60s", timeout=70)
        namespace = cluster.namespace("goes")
        cluster.kubectl("admin", "delete", "namespace", namespace, "--timeout=60s", timeout=70)
        assert cluster.kubectl("admin", "get", "namespace", namespace, check=False).returncode != 0
        assert "rules: []" not in cluster.kubectl("admin", "get", "clusterrole", "view", "-o", "yaml").stdout
