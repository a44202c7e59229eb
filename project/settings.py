"""Settings that differ between laptop and cluster; the only reader of the environment.

Variables:

``NETOPS_HOME``             where all local state lives
``NETOPS_PROFILE``          local, kubernetes or iguazio
``NETOPS_PROJECT``          MLRun project of a deployed function
``NETOPS_TOKEN``            token of the role admin: guards the runner, and what changes the endpoint
``NETOPS_TOKEN_WRITE``      token of the role write, for telemetry, labels and incidents
``NETOPS_TOKEN_READ``       token of the role read
``NETOPS_ANONYMOUS``        role of those without a token: read or, with the profile local, write
``NETOPS_RATE_LIMIT``       requests a second of one token; any number without it
``NETOPS_SIGNING_KEY_FILE`` private key that models are signed with
``NETOPS_VERIFY_KEY_FILE``  public key that models must be signed with
``NETOPS_STREAMS``          folder of the labeled stream
``NETOPS_STREAMS_CLAIM``    claim of the volume of that folder, on a cluster
``NETOPS_DRIFT_CALLBACK``   address that is told about drift
``NETOPS_CALLBACK_SECRET``  signs what it is told
``NETOPS_RETRAIN``          whether drift starts a training: auto, approve or off
``NETOPS_RETRAIN_POLICY``   when it does, such as ``cool_down=30m,runs_a_day=4``
``NETOPS_RETENTION``        which runs keep their data, such as ``runs=30,champions=5``, or off
``NETOPS_UNKNOWN_DEVICES``  reject or accept events of devices unknown or retired
``NETOPS_LABEL_DEADLINE``   how much later than its event a label may come, such as ``6h``
``NETOPS_CLOCK``            what tells the endpoint the time: ``wall``, or ``arrival`` for scenarios
``NETOPS_LOG_FORMAT``       form of the log of deployed functions: text, or json for JSON lines
``NETOPS_REQUEST_LOG``      which requests of an endpoint are in it: failed, all or off
``NETOPS_STANDBY``          whether a process waits beside an endpoint, to take over: on or off
``NETOPS_IMAGE``            container image, on a cluster
``NETOPS_SOURCE``           where the code is loaded from, on a cluster
``MLRUN_DBPATH``            an MLRun API of the user's own
``MLRUN_REDIS__URL``        a Redis of the user's own
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from feature_sets.checks import InputError, check_choice, check_number, duration_seconds
from feature_sets.secret_files import FILE, secret_of_file
from graphs.protocol.device_status import POLICIES, REJECT
from graphs.protocol.label_status import DEADLINE_SETTING
from graphs.protocol.request_logs import FAILED, REQUEST_LOGS
from graphs.protocol.roles import Role
from graphs.state.clocks import CLOCKS, WALL
from project.home_owner import check_owner
from project.retention_policy import KEEP_ALL, RetentionPolicy
from project.retraining_policy import AUTO, MODES, OFF, RetrainingPolicy
from project.standby import CHOICES, ON, STANDBY
from project.token_files import kept_token

SOURCE_ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the rooms: the checkout, or ``site-packages``."""

LABEL_DEADLINE = "1h"

TEXT, LOG_FORMATS = "text", ("text", "json")

_CLAIM, _CLAIM_NAME = "NETOPS_STREAMS_CLAIM", re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")

PROFILES = ("local", "kubernetes", "iguazio")

NEEDED_BY_CLUSTERS = {
    "NETOPS_SOURCE": "the address of this repository",
    "NETOPS_STREAMS": "a folder that its pods share",
    "MLRUN_DBPATH": "the address of its MLRun API",
}
"""Variables that every other profile than local needs, and what each is."""


@dataclass(frozen=True)
class Settings:
    """Where this installation keeps and finds things.

    :param home: folder of all local state: databases, artifacts, logs, the token.
    :param profile: ``local``, ``kubernetes`` or ``iguazio``.
    :param mlrun_dbpath: address of an MLRun API that is not ours, or empty to use the local control plane.
    :param redis_url: address of a Redis that is not ours, or empty to take what the MLRun API says.
    :param token: given token of the role admin, or empty to keep one in the home folder; several, separated
        by spaces, while one replaces another.
    :param write_token: the same of the role write.
    :param read_token: the same of the role read.
    :param anonymous: role of those who send no token to the serving endpoint: ``read`` or, with the profile
        local, ``write``.
    :param rate_limit: requests that one token may make a second; None for any number.
    :param signing_key: file of the private key in PEM that models are signed with; None signs none.
    :param verify_key: file of the public keys in PEM, one of which a model must be signed with to be served;
        None serves any.
    :param image: container image with the locked packages, for cluster profiles.
    :param source: git, zip or tar address of this repository, from which a cluster loads the code.
    :param project: MLRun project that a deployed function belongs to.
    :param is_project_named: whether the environment names it, so that no other one is taken for it.
    :param drift_callback: address that is told about every drift besides the runner.
    :param callback_secret: signs what that address is told, which then gets no token; empty signs nothing.
    :param retrain: whether drift starts a training: ``auto``, ``approve`` to have a person promote what comes
        of it, or ``off``; empty is ``auto`` with profile local, else ``off``.
    :param retraining: when it does, see ``RetrainingPolicy``.
    :param retention: which runs keep their data, see ``RetentionPolicy``; empty is its default with profile
        local, else ``off``.
    :param unknown_devices: what the endpoint does with events of unknown or retired devices, ``reject`` or
        ``accept``.
    :param label_deadline: how much later than its event, and the horizon, a label may come to meet its
        prediction: a duration such as ``6h``, longer than 0.
    :param clock: of the serving endpoint: ``wall``, or ``arrival`` to take it from the events. With that,
        whoever sends telemetry sets the clock; it is for scenarios.
    :param log_format: of deployed functions, ``text`` or ``json`` for JSON lines.
    :param request_log: which requests of an endpoint have a line: ``failed``, ``all`` or ``off``.
    :param standby: whether a process waits beside an endpoint of a laptop to take over, ``on`` or ``off``.
    :param streams: folder of the labeled stream, or None to keep it in the home folder; on a cluster a volume
        that its pods share.
    :param streams_claim: Kubernetes claim of that volume, which is mounted at the folder; empty where the
        cluster mounts one by itself.
    """

    home: Path
    profile: str = "local"
    mlrun_dbpath: str = ""
    redis_url: str = ""
    token: str = field(default="", repr=False)
    write_token: str = field(default="", repr=False)
    read_token: str = field(default="", repr=False)
    anonymous: str = Role.READ.value
    rate_limit: float | None = None
    signing_key: Path | None = None
    verify_key: Path | None = None
    image: str = "mlrun/mlrun"
    source: str = ""
    project: str = "netops"
    is_project_named: bool = False
    drift_callback: str = ""
    callback_secret: str = field(default="", repr=False)
    retrain: str = ""
    retraining: RetrainingPolicy = field(default_factory=RetrainingPolicy)
    retention: str = ""
    unknown_devices: str = REJECT
    label_deadline: str = LABEL_DEADLINE
    clock: str = WALL
    log_format: str = TEXT
    request_log: str = FAILED
    standby: str = ON
    streams: Path | None = None
    streams_claim: str = ""

    def __post_init__(self) -> None:
        check_choice("NETOPS_PROFILE", self.profile, PROFILES)
        check_choice("NETOPS_UNKNOWN_DEVICES", self.unknown_devices, POLICIES)
        if not duration_seconds(self.label_deadline, DEADLINE_SETTING):
            raise InputError(DEADLINE_SETTING, "must be longer than 0", self.label_deadline)
        check_choice("NETOPS_CLOCK", self.clock, CLOCKS)
        check_choice("NETOPS_LOG_FORMAT", self.log_format, LOG_FORMATS)
        check_choice("NETOPS_REQUEST_LOG", self.request_log, REQUEST_LOGS)
        check_choice(STANDBY, self.standby, CHOICES)
        check_choice("NETOPS_ANONYMOUS", self.anonymous, (Role.READ, Role.WRITE))
        if self.rate_limit is not None:
            check_number("NETOPS_RATE_LIMIT", self.rate_limit, above=0)
        local = self.profile == "local"
        if not local and self.anonymous == Role.WRITE:
            raise InputError("NETOPS_ANONYMOUS", f"must be read with profile {self.profile}", self.anonymous)
        object.__setattr__(self, "retrain", self.retrain or (AUTO if local else OFF))
        check_choice("NETOPS_RETRAIN", self.retrain, MODES)
        RetentionPolicy.parse(self.retention)
        if not local and self.retrain != OFF:
            # The state of the loop is a file that outlives the runner, which a pod has not.
            raise InputError("NETOPS_RETRAIN", f"must be off with profile {self.profile}", self.retrain)
        if self.mlrun_dbpath and not self.mlrun_dbpath.startswith(("http://", "https://")):
            raise InputError("MLRUN_DBPATH", "must be an http(s) address", self.mlrun_dbpath)
        if local and self.streams_claim:
            raise InputError(_CLAIM, "must be given with the profile of a cluster only", self.streams_claim)
        if self.streams_claim and not _CLAIM_NAME.fullmatch(self.streams_claim):
            rule = "must be the name of a claim: lower-case letters, digits, - and ."
            raise InputError(_CLAIM, rule, self.streams_claim)
        if local:
            return
        values = (self.source, self.streams, self.mlrun_dbpath)
        for (name, what), value in zip(NEEDED_BY_CLUSTERS.items(), values, strict=True):
            if not value:
                raise InputError(name, f"must be {what} with profile {self.profile}", value)
        if self.streams is not None and (
            not self.streams.is_absolute() or self.streams == self.streams.parent
        ):
            rule = f"must be an absolute path below the root with profile {self.profile}"
            raise InputError("NETOPS_STREAMS", rule, str(self.streams))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment.

        :raises InputError: naming the variable that breaks a rule.
        :raises ForeignHomeError: if the home is of another user, see ``check_owner``.
        """
        env = os.environ if environ is None else environ
        home = Path(env.get("NETOPS_HOME") or default_home()).expanduser().resolve()
        profile = env.get("NETOPS_PROFILE") or "local"
        if profile == "local":
            check_owner(home)  # Now: a lock or a token would be there before a server is looked for.
        return cls(
            home=home,
            profile=profile,
            mlrun_dbpath=env.get("MLRUN_DBPATH", "").rstrip("/"),
            redis_url=env.get("MLRUN_REDIS__URL", ""),
            token=_given(env, "NETOPS_TOKEN", home),
            write_token=_given(env, "NETOPS_TOKEN_WRITE", home),
            read_token=_given(env, "NETOPS_TOKEN_READ", home),
            signing_key=_file(env, "NETOPS_SIGNING_KEY_FILE"),
            verify_key=_file(env, "NETOPS_VERIFY_KEY_FILE"),
            rate_limit=_number(env, "NETOPS_RATE_LIMIT"),
            anonymous=env.get("NETOPS_ANONYMOUS") or Role.READ.value,
            image=env.get("NETOPS_IMAGE") or "mlrun/mlrun",
            source=env.get("NETOPS_SOURCE", ""),
            project=env.get("NETOPS_PROJECT") or "netops",
            is_project_named=bool(env.get("NETOPS_PROJECT")),
            drift_callback=env.get("NETOPS_DRIFT_CALLBACK", ""),
            callback_secret=env.get("NETOPS_CALLBACK_SECRET")
            or secret_of_file(env, "NETOPS_CALLBACK_SECRET"),
            retrain=env.get("NETOPS_RETRAIN", ""),
            retraining=RetrainingPolicy.parse(env.get("NETOPS_RETRAIN_POLICY", "")),
            retention=env.get("NETOPS_RETENTION", ""),
            unknown_devices=env.get("NETOPS_UNKNOWN_DEVICES") or REJECT,
            label_deadline=env.get(DEADLINE_SETTING) or LABEL_DEADLINE,
            clock=env.get("NETOPS_CLOCK") or WALL,
            log_format=env.get("NETOPS_LOG_FORMAT") or TEXT,
            request_log=env.get("NETOPS_REQUEST_LOG") or FAILED,
            standby=env.get(STANDBY) or ON,
            streams=Path(env["NETOPS_STREAMS"]) if env.get("NETOPS_STREAMS") else None,
            streams_claim=env.get(_CLAIM, ""),
        )

    @property
    def label_deadline_seconds(self) -> int:
        """How much later than its event, and the horizon, a label may come."""
        return duration_seconds(self.label_deadline, DEADLINE_SETTING)

    @property
    def retention_policy(self) -> RetentionPolicy:
        """Which runs keep their data."""
        return RetentionPolicy.parse(self.retention or ("" if self.profile == "local" else KEEP_ALL))

    @property
    def trusted_keys(self) -> str | None:
        """Content of the file of public keys; None without one."""
        return self.verify_key.read_text(encoding="utf-8") if self.verify_key else None

    @property
    def labeled_streams(self) -> Path:
        """Folder of the labeled streams' Parquet batches."""
        return self.streams or self.home / "streams"

    def labeled_pairs(self, project: str) -> Path:
        """Folder of the labeled pairs of a project's endpoint."""
        return self.labeled_streams / project / "labeled"

    def rehearsed_pairs(self, project: str) -> Path:
        """Folder of the labeled pairs of a project's last rehearsal."""
        return self.labeled_streams / project / "rehearsed"

    def accepted_events(self, project: str) -> Path:
        """Folder of what the endpoint of a project accepted: the archive of its journal."""
        return self.labeled_streams / project / "accepted"

    def snapshots(self, project: str) -> Path:
        """Folder of the snapshots of the state of a project's endpoint."""
        return self.labeled_streams / project / "snapshots"

    @property
    def loops(self) -> Path:
        """Folder of the state of each project's loop from drift to a new model."""
        return self.home / "retraining"

    def function_environment(self, project: str) -> dict[str, str]:
        """Variables with which a deployed function reads these settings again, without the token.

        On a cluster MLRun itself sets ``MLRUN_DBPATH``; the home folder and the online store of a laptop are
        known to its control plane.
        """
        variables = {"NETOPS_PROJECT": project, "NETOPS_PROFILE": self.profile}
        if self.profile == "local":
            variables |= {"NETOPS_HOME": str(self.home), "NETOPS_RETRAIN": self.retrain}
            variables["NETOPS_RETRAIN_POLICY"] = self.retraining.to_text()
        for name, value in (
            ("NETOPS_CLOCK", self.clock if self.clock != WALL else ""),
            ("NETOPS_STREAMS", self.streams),
            (_CLAIM, self.streams_claim),
            ("NETOPS_RETENTION", self.retention),
            ("NETOPS_DRIFT_CALLBACK", self.drift_callback),
            ("NETOPS_UNKNOWN_DEVICES", self.unknown_devices if self.unknown_devices != REJECT else ""),
            (DEADLINE_SETTING, self.label_deadline if self.label_deadline != LABEL_DEADLINE else ""),
            ("NETOPS_LOG_FORMAT", self.log_format if self.log_format != TEXT else ""),
            ("MLRUN_LOG_FORMATTER", self.log_format if self.log_format != TEXT else ""),
            ("NETOPS_REQUEST_LOG", self.request_log if self.request_log != FAILED else ""),
            (STANDBY, self.standby if self.standby != ON else ""),
            ("NETOPS_ANONYMOUS", self.anonymous if self.anonymous != Role.READ else ""),
            ("NETOPS_RATE_LIMIT", self.rate_limit),
            # Pods have no file of this machine: they get the secret, and the graph has the public keys.
            ("NETOPS_SIGNING_KEY_FILE", self.signing_key if self.profile == "local" else None),
            ("NETOPS_VERIFY_KEY_FILE", self.verify_key if self.profile == "local" else None),
            ("NETOPS_IMAGE", self.image),
            ("NETOPS_SOURCE", self.source),
            ("MLRUN_REDIS__URL", self.redis_url if self.profile != "local" else ""),
        ):
            if value:
                variables[name] = str(value)
        return variables

    def tokens(self, role: Role = Role.ADMIN) -> list[str]:
        """Tokens of a role: the given ones, or one that was made and kept (mode 0600) on first use.

        On a cluster a role without a token of its own has none; only ``admin`` must have one.
        """
        given = {Role.ADMIN: self.token, Role.WRITE: self.write_token, Role.READ: self.read_token}[role]
        if not given and (self.profile == "local" or role is Role.ADMIN):
            given = kept_token(self.home, role)
        return given.split()

    def bearer_token(self, role: Role = Role.ADMIN) -> str:
        """What a client sends that needs a role: the first token of it, or that of ``admin``."""
        return (self.tokens(role) or self.tokens())[0]

    def bearer(self, role: Role = Role.ADMIN) -> dict[str, str]:
        """The header with that token."""
        return {"Authorization": f"Bearer {self.bearer_token(role)}"}


def _given(environ: Mapping[str, str], name: str, home: Path) -> str:
    """A token that somebody has given; one that is kept in the home folder is not, and may change there."""
    file = environ.get(f"{name}{FILE}", "")
    kept = bool(file) and Path(file).parent == home
    return environ.get(name) or ("" if kept else secret_of_file(environ, name))


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    """Path of a file that somebody has given.

    :raises InputError: if there is none.
    """
    given = environ.get(name, "")
    if not given:
        return None
    path = Path(given).expanduser().resolve()
    if not path.is_file():
        raise InputError(name, "must be the path of a file", given)
    return path


def _number(environ: Mapping[str, str], name: str) -> float | None:
    """A number that somebody has given.

    :raises InputError: if it is none.
    """
    given = environ.get(name, "")
    try:
        return float(given) if given else None
    except ValueError as error:
        raise InputError(name, "must be a number", given) from error


def default_home() -> Path:
    """Folder of local state where ``NETOPS_HOME`` is not set.

    :returns: ``.netops`` in the checkout; where the packages were installed without one, in the user's home.
    """
    checkout = (SOURCE_ROOT / "pyproject.toml").is_file()
    return (SOURCE_ROOT if checkout else Path.home()) / ".netops"
