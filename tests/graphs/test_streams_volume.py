"""An endpoint of a cluster does not write what must last to the own disk of its pod."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feature_sets.checks import InputError
from graphs.exposure import LISTEN_HOST
from graphs.initializer import initialize
from graphs.streams_volume import check_on_volume, is_deployed_in_pod
from tests.graphs.conftest import make_client

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
DEPLOYED = {**IN_POD, "NUCLIO_FUNCTION_NAME": "serving"}


@pytest.mark.parametrize(
    ("mounted", "is_lost"),
    [({"/streams"}, False), ({"/streams/p"}, False), ({"/"}, True), ({"/", "/other"}, True)],
)
def test_a_folder_that_only_the_root_holds_is_lost_with_the_pod(mounted: set[str], is_lost: bool) -> None:
    folder = Path("/streams/p/labeled")
    if is_lost:
        with pytest.raises(
            InputError, match=r"x: must be on a volume.*NETOPS_STREAMS_CLAIM.*got '/streams/p"
        ):
            check_on_volume("x", folder, IN_POD, mounted.__contains__)
    else:
        check_on_volume("x", folder, IN_POD, mounted.__contains__)
    check_on_volume("x", folder, {}, mounted.__contains__)  # On a laptop its disk is no volume of a pod.


def test_a_link_to_a_volume_is_on_it(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "streams").symlink_to(tmp_path / "volume")
    check_on_volume("x", tmp_path / "streams" / "p", IN_POD, {str(tmp_path / "volume")}.__contains__)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (DEPLOYED, True),
        (IN_POD, False),
        ({"NUCLIO_FUNCTION_NAME": "serving"}, False),
        ({**DEPLOYED, LISTEN_HOST: "127.0.0.1"}, False),
    ],
)
def test_only_a_function_that_nuclio_has_deployed_is_sure_to_be_one(
    variables: dict[str, str], expected: bool
) -> None:
    assert is_deployed_in_pod(variables) is expected


@pytest.mark.parametrize("name", ["labeled_directory", "archive_directory", "snapshot_directory"])
def test_such_an_endpoint_does_not_start(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mounted: set[str] = set()

    def check(where: str, folder: Path) -> None:
        check_on_volume(where, folder, is_mount=mounted.__contains__)

    monkeypatch.setattr("graphs.initializer.check_on_volume", check)
    monkeypatch.setenv("ACCESS", "secret")
    given: dict[str, Any] = {"token_secret": "ACCESS", name: str(tmp_path / "streams")}
    server = make_client(package, **given).server
    server.context.is_mock = False
    monkeypatch.delenv(LISTEN_HOST, raising=False)
    for variable, value in DEPLOYED.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=f"argument '{name}': must be on a volume"):
        initialize(server)
    mounted.add(str(tmp_path))
    initialize(server)
