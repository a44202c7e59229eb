"""Folders that must outlive a pod: one on no volume is on the pod's own disk, and is lost with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from feature_sets.checks import InputError
from graphs.exposure import LISTEN_HOST, NUCLIO

_POD = "KUBERNETES_SERVICE_HOST"
"""Variable that Kubernetes sets in each pod."""


def is_deployed_in_pod(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this process is a function that Nuclio has deployed in Kubernetes.

    Our own host sets ``NETOPS_LISTEN_HOST``, also where a laptop's profile is used inside a pod.
    """
    environ = os.environ if environ is None else environ
    return _POD in environ and NUCLIO in environ and LISTEN_HOST not in environ


def check_on_volume(
    where: str,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    is_mount: Callable[[str], bool] = os.path.ismount,
) -> None:
    """Refuse a folder that is on the own disk of this pod; outside of a pod that cannot be known.

    :param where: what an error calls the folder.
    :param folder: absolute; it need not be there yet.
    :param environ: the environment; None for that of this process.
    :param is_mount: whether something is mounted at a path.
    :raises InputError: if nothing is mounted at the folder, nor at one above it but the root.
    """
    if _POD not in (os.environ if environ is None else environ):
        return
    # What is linked is where it leads to.
    place = folder.resolve()
    if any(is_mount(str(each)) for each in (place, *place.parents) if each != each.parent):
        return
    rule = (
        "must be on a volume that is mounted in this pod, or it is lost with the pod; NETOPS_STREAMS_CLAIM "
        "names the claim of one"
    )
    raise InputError(where, rule, str(folder))
