"""What is shipped for installing, as kustomize and Helm make it of the files of the repository."""

import functools
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from world import assets, cleanup

CHART = assets.REPOSITORY / "charts/portcullis"
DEFAULT = assets.REPOSITORY / "manifests/default"
NAMESPACE = "portcullis-system"

Key = tuple[str, str, str]  # kind, namespace, name
Objects = dict[Key, dict[str, Any]]


class _OnceLoader(yaml.SafeLoader):
    """A key that stands twice in a mapping is an error, not the last one's victory."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise ValueError(f"a key stands twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def objects_of(documents: str | Iterable[dict[str, Any] | None]) -> Objects:
    """YAML text, or what it was read to, in its order; an object that stands there twice is an error."""
    found: Objects = {}
    for document in yaml.load_all(documents, _OnceLoader) if isinstance(documents, str) else documents:
        if document is None:
            continue
        metadata = document["metadata"]
        key = (document["kind"], metadata.get("namespace", ""), metadata["name"])
        if key in found:
            raise ValueError(f"{key} stands there twice")
        found[key] = document
    return found


@functools.cache
def kustomize(folder: Path) -> Objects:
    """What `kubectl apply -k` of the folder would apply, in its order. Asked again, it is the same: to be read only."""
    command = [assets.control_plane() / "kubectl", "kustomize", folder]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise RuntimeError(f"kustomize {folder}: {result.stderr}")
    return objects_of(result.stdout)


def helm(
    *args: str | Path, kubeconfig: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs Helm with a home of its own. With check, a failure is a RuntimeError with what it said."""
    env = {"HOME": str(_home()), "PATH": os.environ["PATH"]}
    if kubeconfig is not None:
        env["KUBECONFIG"] = str(kubeconfig)
    result = subprocess.run([assets.helm(), *args], env=env, capture_output=True, text=True, timeout=120)
    if check and result.returncode != 0:
        raise RuntimeError(f"helm {' '.join(map(str, args))}\n{result.stdout}{result.stderr}")
    return result


@functools.cache
def render(*args: str, chart: Path = CHART, namespace: str = NAMESPACE) -> Objects:
    """What `helm install` with these flags would make of the chart. To be read only, as above."""
    return objects_of(helm("template", "portcullis", chart, f"--namespace={namespace}", *args).stdout)


def alike(objects: Objects) -> Objects:
    """The same for comparing: without the annotation that tells Helm what to keep (nothing else of Helm's is rendered), and
    with one space for all white space in texts, since YAML readers do not agree on what folding leaves of it."""
    plain: Objects = {}
    for key, document in objects.items():
        metadata = dict(document["metadata"])
        annotations = dict(metadata.pop("annotations", {}))
        annotations.pop("helm.sh/resource-policy", None)
        metadata |= {"annotations": annotations} if annotations else {}
        plain[key] = _with_one_space(document | {"metadata": metadata})
    return plain


def _with_one_space(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_one_space(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_one_space(each) for each in value]
    return " ".join(value.split()) if isinstance(value, str) else value


@functools.cache
def _home() -> Path:
    return cleanup.temporary_folder("helm")
