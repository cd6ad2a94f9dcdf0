"""What is shipped for installing, before any API server sees it: chart and kustomize say the same, and say it well."""

import re
import shutil
import subprocess

import yaml
from world import assets
from world.shipped import CHART, DEFAULT, NAMESPACE, alike, helm, kustomize, objects_of, render

FLAGS = [
    "--set=instance=worldlab,log.level=debug,log.format=text",
    "--set=azure.armEndpoint=https://arm.example.com:8443,azure.loginEndpoint=https://login.example.com/tenants",
    "--set=azure.imdsEndpoint=http://192.0.2.1:8080,azure.caConfigMap=cloud-ca,azure.clientSecret=cloud-secret",
    "--set=extraArgs={--lease-duration=30s,--retry-period=3s}",
]


def test_chart_and_kustomize_give_the_same_objects():
    ours, theirs = alike(render()), alike(kustomize(DEFAULT))
    assert ours.keys() == theirs.keys()
    for key, document in theirs.items():
        assert ours[key] == document, key
    kinds = [kind for kind, _, _ in theirs]
    assert kinds.count("CustomResourceDefinition") >= 5 and kinds.count("Deployment") == 1


def test_chart_and_kustomize_give_the_same_objects_for_older_servers():
    old = render("--kube-version=1.31.0", "--set=admission.mutating=false")
    assert alike(old) == alike(kustomize(assets.REPOSITORY / "manifests/default-before-1.36"))
    assert not any(kind.startswith("Mutating") for kind, _, _ in old)


def test_in_another_namespace_only_its_name_differs():
    shipped = kustomize(DEFAULT)
    crds = {key: document for key, document in shipped.items() if key[0] == "CustomResourceDefinition"}
    text = yaml.safe_dump_all([document for key, document in shipped.items() if key not in crds])
    assert alike(render(namespace="jit")) == alike(crds | objects_of(text.replace(NAMESPACE, "jit")))


def test_guards_come_before_what_they_guard_and_the_namespace_before_what_lies_in_it():
    order = [kind for kind, _, _ in kustomize(DEFAULT)]
    first_of_all = max(place for place, kind in enumerate(order) if "Admission" in kind)
    assert first_of_all < order.index("CustomResourceDefinition") < order.index("Namespace")
    assert order.index("Namespace") < order.index("ServiceAccount") < order.index("Deployment")


def test_helm_keeps_what_records_and_guards_the_past():
    for (kind, _, name), document in render().items():
        kept = document["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
        assert kept == (kind in ("CustomResourceDefinition", "Namespace") or "Admission" in kind), (kind, name)


def test_gitops_tools_leave_the_kinds_alone():
    """With its kind each policy goes, and its locks with it: no sync may do that."""
    for objects in (render(), kustomize(DEFAULT)):
        kinds = [document for (kind, _, _), document in objects.items() if kind == "CustomResourceDefinition"]
        assert len(kinds) >= 5
        for annotations in (document["metadata"]["annotations"] for document in kinds):
            assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
            assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


def test_the_chart_finds_no_fault_with_itself():
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART).stdout


def test_a_packed_chart_holds_the_files_that_the_repository_links_to(tmp_path):
    helm("package", CHART, f"--destination={tmp_path}")
    (packed,) = tmp_path.glob("portcullis-*.tgz")
    assert render(chart=packed) == render()


def test_the_versions_agree():
    (version,) = re.findall(r"project\(portcullis VERSION (\S+)", (assets.REPOSITORY / "CMakeLists.txt").read_text())
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    deployment = (assets.REPOSITORY / "manifests/operator/10-deployment.yaml").read_text()
    assert chart["version"] == chart["appVersion"] == version
    assert f"image: portcullis:{version}\n" in deployment


def test_what_can_be_set_reaches_the_objects():
    objects = render(
        *FLAGS,
        "--set=replicas=3,image.repository=registry.example.com/jit,image.tag=v9,imagePullSecrets[0].name=pull",
        "--set=resources.limits.memory=1Gi,workloadIdentity.enabled=false,priorityClassName=high,podLabels.team=a",
        "--set-string=serviceAccount.annotations.azure\\.workload\\.identity/client-id=33333333",
        "--set=nodeSelector.pool=system,extraEnv[0].name=HTTP,extraEnv[0].value=x",
    )
    account = objects["ServiceAccount", NAMESPACE, "portcullis"]
    assert account["metadata"]["annotations"] == {"azure.workload.identity/client-id": "33333333"}
    deployment = objects["Deployment", NAMESPACE, "portcullis"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["replicas"] == 3
    assert "azure.workload.identity/use" not in deployment["template"]["metadata"]["labels"]
    assert deployment["template"]["metadata"]["labels"]["team"] == "a"
    assert (pod["priorityClassName"], pod["nodeSelector"]) == ("high", {"pool": "system"})
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert container["image"] == "registry.example.com/jit:v9"
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert {"name": "HTTP", "value": "x"} in container["env"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert {volume["name"] for volume in pod["volumes"]} == set(mounted) == {"ca", "client-secret"}
    for flag in ("--azure-ca-file", "--azure-client-secret-file"):
        (path,) = [arg.partition("=")[2] for arg in container["args"] if arg.startswith(f"{flag}=")]
        assert any(path.startswith(f"{folder}/") for folder in mounted.values())


def test_the_operator_takes_every_flag_that_the_chart_may_give():
    """It goes on to what the flags name, which is not there: a wrong flag would be exit status 2."""
    (container,) = render(*FLAGS)["Deployment", NAMESPACE, "portcullis"]["spec"]["template"]["spec"]["containers"]
    command = [assets.binary("portcullis"), *container["args"], "--kubeconfig=/nowhere"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 3 and "/nowhere" in ended.stderr, ended
    assert len(container["args"]) >= 11


def test_a_digest_wins_over_the_tag():
    digest = f"sha256:{'a' * 64}"
    objects = render(f"--set=image.digest={digest},image.tag=v9")
    (container,) = objects["Deployment", NAMESPACE, "portcullis"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"portcullis@{digest}"


def test_what_others_install_is_left_out():
    kinds = {kind for kind, _, _ in render("--set=crds.install=false,admission.install=false,namespace.create=false")}
    assert kinds == {
        "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Deployment", "PodDisruptionBudget",
    }


def test_wrong_values_are_named():
    wrong = (
        "replicas=-1", "replica=3", "instance=Prod", "log.level=loud", "image.digest=latest", "crds.install=perhaps",
        "azure.armEndpoint=http://arm.example.com", "extraArgs={operator}",
    )
    result = helm("template", "portcullis", CHART, *(f"--set={each}" for each in wrong), check=False)
    assert result.returncode != 0
    for name in ("/replicas", "'replica'", "/instance", "/log/level", "/image/digest", "/crds/install", "/azure/armEndpoint",
                 "/extraArgs/0"):
        assert name in result.stderr


def test_a_server_without_mutating_policies_is_told_what_to_set():
    result = helm("template", "portcullis", CHART, "--kube-version=1.35.2", check=False)
    assert result.returncode != 0
    assert "set admission.mutating=false" in result.stderr


def test_the_shipped_roles_are_those_that_are_judged_elsewhere():
    """roles_test.py asks a real API server about the roles of manifests/rbac: there are no others."""
    shipped = {key for key in kustomize(DEFAULT) if key[0] in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")}
    judged = kustomize(assets.REPOSITORY / "manifests/rbac")
    assert shipped and shipped <= judged.keys()


def test_the_operators_account_is_bound_to_its_own_roles_alone():
    bound = [
        (document["kind"], document["roleRef"]["name"], document["subjects"])
        for (kind, _, _), document in kustomize(DEFAULT).items()
        if kind.endswith("RoleBinding") or kind == "RoleBinding"
    ]
    account = [{"kind": "ServiceAccount", "name": "portcullis", "namespace": NAMESPACE}]
    assert sorted(kind for kind, _, _ in bound) == ["ClusterRoleBinding", "RoleBinding"]
    assert all((role, subjects) == ("portcullis-operator", account) for _, role, subjects in bound)


def copied_into_the_image() -> set[str]:
    lines = (assets.REPOSITORY / "Dockerfile").read_text().splitlines()
    return {source for line in lines if line.startswith("COPY ") and "--from" not in line for source in line.split()[1:-1]}


def test_the_image_is_built_with_the_same_manifests_in_it(tmp_path):
    for source in copied_into_the_image():
        whole, part = assets.REPOSITORY / source, tmp_path / source
        part.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(whole, part) if whole.is_dir() else shutil.copy(whole, part)
    configured = subprocess.run(
        ["cmake", "--preset", "release", "-DBUILD_TESTING=OFF"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert configured.returncode == 0, configured.stderr
    made = {file.name: file.read_text() for file in (tmp_path / "build/release/generated").iterdir()}
    ours = assets.binary("portcullis").parent / "generated"
    assert len(made) >= 3 and made == {file.name: file.read_text() for file in ours.iterdir()}


def test_the_image_gets_what_it_is_built_of_and_runs_as_the_deployment_says():
    lines = (assets.REPOSITORY / "Dockerfile").read_text().splitlines()
    copied = copied_into_the_image()
    admitted = (assets.REPOSITORY / ".dockerignore").read_text().splitlines()
    assert copied and {f"!{source}" for source in copied} == {line for line in admitted if line.startswith("!")}
    assert all((assets.REPOSITORY / source).exists() for source in copied)
    pod = kustomize(DEFAULT)["Deployment", NAMESPACE, "portcullis"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security, ports = pod["securityContext"], [str(port["containerPort"]) for port in container["ports"]]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in lines
    assert f"EXPOSE {' '.join(ports)}" in lines
    assert f'CMD ["{container["args"][0]}"]' in lines
