"""Finds the programs: the control plane's through its build script, ours in the build directory."""

import functools
import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@functools.cache
def control_plane(with_controller_manager: bool = False) -> Path:
    """The folder with kube-apiserver, etcd and kubectl; builds them if need be, which takes minutes."""
    command = [REPOSITORY / "tools/controlplane/build.sh"]
    if with_controller_manager:
        command.append("--with-controller-manager")
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@functools.cache
def helm() -> Path:
    """The program helm; builds it if need be, which takes a minute or two."""
    command = [REPOSITORY / "tools/controlplane/build.sh", "--helm"]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()) / "helm"


def build_directory() -> Path:
    """Where CMake built: PORTCULLIS_BUILD_DIR, else build/release."""
    given = os.environ.get("PORTCULLIS_BUILD_DIR")
    return (REPOSITORY / given) if given else REPOSITORY / "build/release"


def is_sanitized() -> bool:
    """Whether the programs were built with a sanitizer, which takes memory of its own."""
    return build_directory().name in ("asan", "tsan")


def binary(name: str) -> Path:
    """A program of ours: portcullis, portcullis-lab, kubectl-jit."""
    build = build_directory()
    for folder in ("bin", ".", "src/app", "src/cli", "src/lab"):
        path = build / folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"no program {name} in {build}: build it, or set PORTCULLIS_BUILD_DIR")


def has_binary(name: str) -> bool:
    try:
        return bool(binary(name))
    except FileNotFoundError:
        return False
