import stat

import pytest
from typer.main import get_command

from feature_sets.checks import InputError
from graphs.protocol.roles import Role
from project.cli.app import app
from project.cli.token import token as print_token
from project.retention_policy import RetentionPolicy
from project.settings import SOURCE_ROOT, Settings


def test_state_lives_in_the_checkout_unless_told_otherwise(tmp_path):
    assert Settings.from_environment({}).home == SOURCE_ROOT / ".netops"
    assert Settings.from_environment({"NETOPS_HOME": str(tmp_path / "x")}).home == tmp_path / "x"


def test_without_a_checkout_state_lives_in_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setattr("project.settings.SOURCE_ROOT", tmp_path / "site-packages")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings.from_environment({}).home == tmp_path / ".netops"


def test_empty_variables_count_as_absent():
    settings = Settings.from_environment({"NETOPS_PROFILE": "", "MLRUN_DBPATH": "", "NETOPS_PROJECT": ""})
    assert (settings.profile, settings.mlrun_dbpath, settings.project) == ("local", "", "netops")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"NETOPS_PROFILE": "moon"}, "NETOPS_PROFILE: must be among local, kubernetes, iguazio, got 'moon'"),
        ({"NETOPS_RETRAIN": "yes"}, "NETOPS_RETRAIN: must be among auto, approve, off, got 'yes'"),
        ({"NETOPS_RETRAIN_POLICY": "growth=0"}, "retraining policy: growth: must be"),
        ({"NETOPS_RETENTION": "runs=0"}, "retention policy: runs: must be"),
        (
            {"NETOPS_PROFILE": "kubernetes", "NETOPS_RETRAIN": "auto"},
            "NETOPS_RETRAIN: must be off with profile kubernetes, got 'auto'",
        ),
        ({"MLRUN_DBPATH": "./db"}, r"MLRUN_DBPATH: must be an http\(s\) address, got './db'"),
        (
            {"NETOPS_PROFILE": "kubernetes"},
            "NETOPS_SOURCE: must be the address of this repository with profile kubernetes, got ''",
        ),
        (
            {"NETOPS_VERIFY_KEY_FILE": "/nowhere.pub"},
            "NETOPS_VERIFY_KEY_FILE: must be the path of a file, got '/nowhere.pub'",
        ),
        ({"NETOPS_RATE_LIMIT": "many"}, "NETOPS_RATE_LIMIT: must be a number, got 'many'"),
        ({"NETOPS_RATE_LIMIT": "0"}, "NETOPS_RATE_LIMIT: must be a number above 0, got 0.0"),
        ({"NETOPS_STANDBY": "no"}, "NETOPS_STANDBY: must be among on, off, got 'no'"),
        ({"NETOPS_ANONYMOUS": "admin"}, "NETOPS_ANONYMOUS: must be among read, write, got 'admin'"),
        (
            {"NETOPS_ANONYMOUS": "write", "NETOPS_PROFILE": "kubernetes"},
            "NETOPS_ANONYMOUS: must be read with profile kubernetes, got 'write'",
        ),
        (
            {"NETOPS_PROFILE": "iguazio", "NETOPS_SOURCE": "git://x"},
            "NETOPS_STREAMS: must be a folder that its pods share with profile iguazio, got None",
        ),
        (
            {"NETOPS_PROFILE": "iguazio", "NETOPS_SOURCE": "git://x", "NETOPS_STREAMS": "/x"},
            "MLRUN_DBPATH: must be the address of its MLRun API with profile iguazio, got ''",
        ),
        (
            {"NETOPS_STREAMS_CLAIM": "netops-streams"},
            "NETOPS_STREAMS_CLAIM: must be given with the profile of a cluster only, got 'netops-streams'",
        ),
        (
            {"NETOPS_STREAMS_CLAIM": "Net_Ops", "NETOPS_PROFILE": "kubernetes"},
            "NETOPS_STREAMS_CLAIM: must be the name of a claim: lower-case .* got 'Net_Ops'",
        ),
        (
            {
                "NETOPS_PROFILE": "kubernetes",
                "NETOPS_SOURCE": "git://x",
                "NETOPS_STREAMS": "streams",
                "MLRUN_DBPATH": "http://x",
            },
            "NETOPS_STREAMS: must be an absolute path below the root with profile kubernetes, got 'streams'",
        ),
    ],
)
def test_bad_variables_are_refused_by_name(environment, words):
    with pytest.raises(InputError, match=words):
        Settings.from_environment(environment)


def test_the_token_is_made_once_and_is_private(tmp_path):
    settings = Settings(home=tmp_path / "home")
    token = settings.bearer_token()
    assert len(token) >= 24
    assert settings.bearer_token() == token
    assert stat.S_IMODE((tmp_path / "home" / "token").stat().st_mode) == 0o600
    assert Settings(home=tmp_path / "home", token="given").bearer_token() == "given"


def test_each_role_has_a_token_of_its_own_on_a_laptop(tmp_path):
    settings = Settings(home=tmp_path, read_token="old new")
    assert len({settings.bearer_token(role) for role in Role}) == 3
    assert settings.tokens(Role.READ) == ["old", "new"]
    assert settings.bearer(Role.READ) == {"Authorization": "Bearer old"}
    assert not list(tmp_path.glob("*-*-*"))  # What a file is made of is gone.


def test_on_a_cluster_a_role_without_a_token_uses_that_of_admin(tmp_path):
    cluster = {"mlrun_dbpath": "http://x", "source": "git://x", "streams": tmp_path}
    settings = Settings(tmp_path / "home", "kubernetes", token="secret", write_token="data", **cluster)
    assert [settings.bearer_token(role) for role in Role] == ["secret", "data", "secret"]
    assert settings.tokens(Role.READ) == []


def test_a_token_that_is_printed_is_never_that_of_another_role(monkeypatch, capsys):
    for name in ("TOKEN_READ", "TOKEN_WRITE", "HOME"):
        monkeypatch.delenv(f"NETOPS_{name}", raising=False)
    given = {"PROFILE": "kubernetes", "TOKEN": "secret next", "SOURCE": "git://here", "STREAMS": "/there"}
    for name, value in given.items():
        monkeypatch.setenv(f"NETOPS_{name}", value)
    monkeypatch.setenv("MLRUN_DBPATH", "http://api")
    print_token(Role.ADMIN)
    for role in (Role.READ, Role.WRITE):
        with pytest.raises(InputError, match=f"token of the role {role}: must have been given"):
            print_token(role)
    assert capsys.readouterr().out == "secret\n"


def test_a_token_may_be_given_in_a_file_and_one_that_is_kept_may_change(tmp_path):
    (tmp_path / "mine").write_text("given")
    (tmp_path / "mine").chmod(0o600)
    home = tmp_path / "home"
    given = {"NETOPS_HOME": str(home), "NETOPS_TOKEN_FILE": str(tmp_path / "mine")}
    assert Settings.from_environment(given).bearer_token() == "given"
    kept = Settings(home=home).bearer_token()
    deployed = Settings.from_environment({**given, "NETOPS_TOKEN_FILE": str(home / "token")})
    assert deployed.bearer_token() == kept
    (home / "token").write_text("another")
    assert deployed.bearer_token() == "another"


def test_the_option_open_is_a_setting_of_the_command_and_what_it_starts(monkeypatch):
    monkeypatch.setenv("NETOPS_ANONYMOUS", "")
    assert Settings.from_environment().anonymous == "read"
    typer_command = get_command(app).commands["serve"]
    typer_command.make_context("serve", ["--open"])
    assert Settings.from_environment().anonymous == "write"


def test_drift_starts_a_training_on_a_laptop_unless_told_otherwise():
    assert Settings.from_environment({}).retrain == "auto"
    assert Settings.from_environment({"NETOPS_RETRAIN": "off"}).retrain == "off"
    cluster = {"NETOPS_PROFILE": "kubernetes", "NETOPS_SOURCE": "git://x", "NETOPS_STREAMS": "/x"}
    assert Settings.from_environment({**cluster, "MLRUN_DBPATH": "http://x"}).retrain == "off"


def test_old_runs_lose_their_data_on_a_laptop_unless_told_otherwise():
    assert Settings.from_environment({}).retention_policy == RetentionPolicy()
    given = Settings.from_environment({"NETOPS_RETENTION": "runs=3"})
    assert given.retention_policy == RetentionPolicy(runs=3)
    assert Settings.from_environment(given.function_environment("p")).retention_policy.runs == 3
    cluster = {"NETOPS_PROFILE": "kubernetes", "NETOPS_SOURCE": "git://x", "NETOPS_STREAMS": "/x"}
    cluster["MLRUN_DBPATH"] = "http://x"
    assert Settings.from_environment(cluster).retention_policy.is_off
    assert Settings.from_environment({**cluster, "NETOPS_RETENTION": "runs=3"}).retention_policy.runs == 3


def test_a_deployed_function_reads_the_same_loop():
    given = {"NETOPS_RETRAIN": "approve", "NETOPS_RETRAIN_POLICY": "cool_down=30m"}
    settings = Settings.from_environment(given)
    again = Settings.from_environment(settings.function_environment("p"))
    assert (again.retrain, again.retraining) == ("approve", settings.retraining)


def test_keys_of_this_machine_are_named_to_what_runs_on_it_alone(tmp_path):
    (tmp_path / "key").write_text("a key")
    given = {f"NETOPS_{name}_KEY_FILE": str(tmp_path / "key") for name in ("SIGNING", "VERIFY")}
    cluster = {"NETOPS_PROFILE": "kubernetes", "NETOPS_SOURCE": "git://x", "NETOPS_STREAMS": "/x"}
    cluster["MLRUN_DBPATH"] = "http://x"
    assert given.items() <= Settings.from_environment(given).function_environment("p").items()
    assert not given.keys() & Settings.from_environment({**given, **cluster}).function_environment("p").keys()
