"""Who may do what: every route of the table, with every role and without a token."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from feature_sets.checks import InputError
from graphs.exposure import LISTEN_HOST, is_exposed
from graphs.initializer import initialize
from graphs.protocol.access import AccessGuard
from graphs.protocol.errors import ApiError
from graphs.protocol.function_secrets import read_tokens, role_secret
from graphs.protocol.roles import Role, anonymous_role
from graphs.protocol.routes import ROUTES, Route
from graphs.protocol.watched_tokens import WatchedTokens, holder_name
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import Answered, Client, event, make_client

TOKENS = {role: f"the-token-of-{role}" for role in Role}
BEARER = {role: {"Authorization": f"Bearer {token}"} for role, token in TOKENS.items()}


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS", TOKENS[Role.ADMIN])
    monkeypatch.setenv("ACCESS_WRITE", TOKENS[Role.WRITE])
    monkeypatch.setenv("ACCESS_READ", TOKENS[Role.READ])


@pytest.fixture
def guarded(package: Path, tokens: None) -> Callable[..., Client]:
    return lambda **settings: make_client(package, token_secret="ACCESS", **settings)


def ask(client: Client, route: Route, headers: dict[str, str] | None = None) -> Answered:
    path = route.path.replace("{name}", "model").replace("{version}", "v3")
    return client.send(route.method, path, {} if route.has_body else None, headers=headers or {})


@pytest.mark.parametrize("anonymous", ["none", "read", "write"])
def test_every_route_takes_its_role(guarded: Callable[..., Client], anonymous: str) -> None:
    client, nobody = guarded(anonymous=anonymous), anonymous_role(anonymous)
    for route in ROUTES:
        for role in (None, *Role):
            held = [each for each in (role, nobody) if each is not None]
            if route.role is None or any(each.covers(route.role) for each in held):
                expected = None
            else:
                expected = 401 if role is None else 403
            answered = ask(client, route, BEARER[role] if role else None)
            if expected is None:
                assert answered.status not in (401, 403), (route, role)
                continue
            assert answered.status == expected, (route, role)
            assert answered.json["error"]["field"] == "authorization"
            assert answered.headers["WWW-Authenticate"].startswith("Bearer")
            assert not any(token in str(answered.json) for token in TOKENS.values())


@pytest.mark.parametrize("anonymous", ["read", "write"])
def test_a_wrong_token_is_refused_where_nobody_needs_one(
    guarded: Callable[..., Client], anonymous: str
) -> None:
    client, wrong = guarded(anonymous=anonymous), {"Authorization": "Bearer the-token-of-yesterday"}
    for route in ROUTES:
        answered = ask(client, route, wrong)
        if route.role is None:  # A probe is asked for none, and what a proxy adds counts for nothing.
            assert answered.status not in (401, 403), route
            continue
        assert answered.status == 401, route
        assert answered.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert client.get("/labeled", headers=BEARER[Role.READ]).status == 200


def test_what_is_refused_is_not_processed(guarded: Callable[..., Client]) -> None:
    client = guarded()
    assert client.post("/telemetry", event()).status == 401
    assert client.post("/telemetry", event(), headers=BEARER[Role.READ]).status == 403
    assert client.get("/labeled").json["remembered"] == 0
    assert client.post("/telemetry", event(), headers=BEARER[Role.WRITE]).status == 200
    assert client.get("/labeled").json["remembered"] == 1


def test_the_document_of_an_endpoint_tells_its_own_rules(guarded: Callable[..., Client]) -> None:
    for anonymous, free in (("none", False), ("write", True)):
        paths = guarded(anonymous=anonymous).get("/openapi.json").json["paths"]
        assert ({} in paths["/telemetry"]["post"]["security"]) == free


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Basic the-token-of-admin",
        "the-token-of-admin",
        "Bearer the-token",
        "Bearer \xff",
    ],
)
def test_what_bears_no_token_is_nobody(header: str) -> None:
    guard = AccessGuard({Role.ADMIN: ["the-token-of-admin"]})
    with pytest.raises(ApiError, match="'netops serve', got 'another value'") as raised:
        guard.check(Role.READ, {"Authorization": header})
    assert raised.value.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_every_token_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    guard = AccessGuard({Role.READ: ["a"], Role.WRITE: ["b", "another one"], Role.ADMIN: ["c"]})
    for token in ("a", "another one", "c"):
        compared.clear()
        guard.check(Role.READ, {"authorization": f"bearer {token}"})
        assert compared == [(32, 32)] * 4


def test_a_secret_may_hold_the_old_token_and_the_new_one(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS", "old\nnew")
    client = make_client(package, token_secret="ACCESS")
    for token in ("old", "new"):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.post("/devices/reload", None, headers=headers).status == 200
    assert serving_state(client.server.context).token == "old"


def test_a_single_token_administers_and_no_other_role_has_one(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS", "alone")
    client = make_client(package, token_secret="ACCESS")
    client.headers = {"Authorization": "Bearer alone"}
    assert client.post("/telemetry", event()).status == 200
    assert client.get("/routing").status == 200


def test_tokens_come_from_files_that_others_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, file = SimpleNamespace(get_secret=lambda name: None), tmp_path / "token"
    monkeypatch.setenv("ACCESS_FILE", str(file))
    with pytest.raises(InputError, match="ACCESS_FILE: must be the path of a file that can be read"):
        read_tokens(context, "ACCESS")
    file.write_text("secret\n")
    file.chmod(0o640)
    assert read_tokens(context, "ACCESS") == {Role.ADMIN: ("secret",), Role.WRITE: (), Role.READ: ()}
    file.chmod(0o604)
    with pytest.raises(InputError, match=r"ACCESS_FILE: must not be open to other users.*of mode 0604"):
        read_tokens(context, "ACCESS")


@pytest.mark.parametrize(
    ("is_mock", "variables", "exposed"),
    [
        (True, {"NUCLIO_FUNCTION_NAME": "serving"}, False),
        (False, {}, False),
        (False, {"NUCLIO_FUNCTION_NAME": "serving"}, True),
        (False, {"NUCLIO_FUNCTION_NAME": "serving", LISTEN_HOST: "127.0.0.1"}, False),
        (False, {LISTEN_HOST: "::1"}, False),
        (False, {LISTEN_HOST: "localhost"}, False),
        (False, {LISTEN_HOST: "0.0.0.0"}, True),
        (False, {LISTEN_HOST: "netops.example.org"}, True),
    ],
)
def test_an_endpoint_knows_whether_others_reach_it(
    is_mock: bool, variables: dict[str, str], exposed: bool
) -> None:
    assert is_exposed(SimpleNamespace(is_mock=is_mock), variables) == exposed


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({}, "argument 'token_secret': must name the secret with the token: the address is not loopback"),
        (
            {"token_secret": "ACCESS", "anonymous": "write"},
            "argument 'anonymous': must be none or read: the address is not loopback",
        ),
    ],
)
def test_an_endpoint_that_others_reach_does_not_start_open(
    package: Path, tokens: None, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], rule: str
) -> None:
    server = make_client(package, **settings).server
    server.context.is_mock = False
    monkeypatch.setenv(LISTEN_HOST, "127.0.0.1")
    initialize(server)
    monkeypatch.setenv(LISTEN_HOST, "10.0.0.7")
    with pytest.raises(InputError, match=rule):
        initialize(server)


def test_each_token_has_a_rate_of_its_own_and_probes_have_none(guarded: Callable[..., Client]) -> None:
    client = guarded(requests_per_second=2)
    for headers in (BEARER[Role.WRITE], BEARER[Role.ADMIN], {}):
        statuses = [client.get("/labeled", headers=headers).status for _ in range(4)]
        assert statuses == [200, 200, 429, 429]
    refused = client.post("/telemetry", event(), headers=BEARER[Role.WRITE])
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert {client.get("/v2/health/live").status for _ in range(9)} == {200}


def test_a_token_that_is_taken_back_counts_no_more_while_the_endpoint_runs(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = {role: tmp_path / role for role in Role}
    for role, file in files.items():
        file.write_text(f"{role}-old\n{role}-other")
        file.chmod(0o600)
        monkeypatch.setenv(f"{role_secret('ACCESS', role)}_FILE", str(file))
    client = make_client(package, token_secret="ACCESS", anonymous="none")

    def status(token: str) -> int:
        return client.post("/telemetry", event(), headers={"Authorization": f"Bearer {token}"}).status

    def put(role: Role, content: str) -> None:
        (tmp_path / "new").write_text(content)
        (tmp_path / "new").chmod(0o600)
        (tmp_path / "new").replace(files[role])

    assert status("write-old") == status("write-other") == status("admin-old") == 200
    put(Role.WRITE, "write-other\nwrite-new")
    assert (status("write-old"), status("write-other"), status("write-new")) == (401, 200, 200)
    told = caplog.text
    gone, new = holder_name(Role.WRITE, "write-old"), holder_name(Role.WRITE, "write-new")
    assert f"tokens of the role write: {gone} no longer count; {new} count from now on" in told
    assert "write-old" not in told and "write-new" not in told
    put(Role.ADMIN, "admin-new")
    assert (status("admin-old"), status("admin-new"), status("write-new")) == (401, 200, 200)
    assert serving_state(client.server.context).token == "admin-new"
    for file in files.values():  # The last ones taken back leave nothing open.
        file.unlink()
    assert {status(token) for token in ("write-new", "admin-new", "read-old")} == {401}
    assert client.post("/telemetry", event()).status == 401
    assert "must be the path of a file that can be read" in caplog.text
    put(Role.WRITE, "write-new")
    assert status("write-new") == 200


def test_a_token_that_a_variable_gives_is_not_that_of_a_file(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS", "given")
    (tmp_path / "file").write_text("kept")
    (tmp_path / "file").chmod(0o600)
    monkeypatch.setenv("ACCESS_FILE", str(tmp_path / "file"))
    client = make_client(package, token_secret="ACCESS")
    (tmp_path / "file").unlink()
    assert client.get("/routing", headers={"Authorization": "Bearer given"}).status == 200


def test_a_file_that_changed_since_the_start_read_it_or_kept_its_time_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "write"
    file.write_text("one")
    file.chmod(0o600)
    monkeypatch.setenv(f"{role_secret('ACCESS', Role.WRITE)}_FILE", str(file))
    told: list[str] = []
    watched = WatchedTokens(
        "ACCESS", {Role.WRITE: ("old",)}, [Role.WRITE], lambda sentence, is_wrong: told.append(sentence)
    )
    assert watched.changed() == {Role.WRITE: ("one",)} and watched.changed() is None
    before = file.stat()
    file.write_text("two")  # As a copy that keeps the time of what it copies.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watched.changed() == {Role.WRITE: ("two",)}
    file.chmod(0o604)
    assert watched.changed() == {Role.WRITE: ()} and watched.changed() is None
    assert [sentence.count("count from now on") for sentence in told] == [1, 1, 0]
