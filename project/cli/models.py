"""``netops models``: the versions of the model, and what the endpoint does with each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.settings import Settings
from project.text_columns import print_columns

if TYPE_CHECKING:
    from project.endpoint_routing import EndpointRouting
    from project.registered_versions import RegisteredVersion
    from project.run_lock import Holder


def models(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """List the versions of the model with their tags and roles.

    Also shows what the gate decided on each version, because only the newest rejected one has the tag
    rejected. Says so if the endpoint and the tag production disagree.
    """
    from feature_sets.model_package.tags import PRODUCTION
    from project.api_reader import check_project
    from project.cli.endpoint import running_endpoint
    from project.endpoint_routing import routing_if_any
    from project.model_addresses import model_address
    from project.registered_versions import end_promotion, registered_versions
    from project.run_lock import SWAP, holder
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    name = known_project(project, settings, session)
    check_project(session.mlrun_dbpath, name)
    up = running_endpoint(session, name)

    def look() -> tuple[EndpointRouting | None, Sequence[RegisteredVersion], str, str]:
        """Routing, versions, and which of these is the champion and which in production."""
        routing = routing_if_any(up.address, settings.bearer_token()) if up is not None else None
        registered = registered_versions(name)
        production = next((each.version for each in registered if PRODUCTION in each.tags), "")
        return routing, registered, routing.document.champion.version if routing else "", production

    changing = holder(settings.home, name, (SWAP,))
    end_promotion(name)
    routing, registered, champion, production = look()
    if routing is not None and champion != production and changing is None:
        # Another command may have begun between the two questions: by now it holds the champion, or is done.
        changing = holder(settings.home, name, (SWAP,))
        routing, registered, champion, production = look()
    rows = _rows(registered, routing)
    if as_json:
        changes = [dict(change) for change in routing.changes] if routing else []
        answered = {"champion": champion, "production": production}
        print(json.dumps({"project": name, **answered, "versions": rows, "changes": changes}))
        return
    header = ("version", "role", "share", "devices", "tags", "gate", "algorithm", "registered (UTC)")
    print_columns(header, [_cells(row) for row in rows])
    tagged = next((tag for row in rows for tag in row["tags"]), "")
    if tagged:
        print(f"address of one, as 'netops replay --model' takes it: {model_address(name, tagged)}")
    if up is None:
        way = f"'netops serve --project {name}' starts it"
        if not production:
            way = (
                f"no model is in production, either: 'netops promote VERSION --project {name}' puts one there"
            )
        print(f"no endpoint is up, so none has a role; {way}")
    elif routing is None:
        print(
            "the endpoint is of an earlier version, which has no routing; "
            f"'netops serve --project {name}' deploys it anew"
        )
    elif production and champion != production:
        print(disagreement(champion, production, name, changing))


def disagreement(champion: str, production: str, project: str, changing: Holder | None) -> str:
    """What is told where the endpoint and the tag production name two versions.

    :param changing: who changes the champion now; its next step ends this by itself.
    """
    told = f"the endpoint answers with {champion}, and {production} has the tag production: "
    if changing is not None:
        return f"{told}{changing} is changing the champion; look again when it has ended"
    return (
        f"{told}'netops promote {champion} --project {project}' moves the tag, "
        f"'netops serve --project {project}' deploys what has it"
    )


def _rows(registered: Sequence[RegisteredVersion], routing: EndpointRouting | None) -> list[dict[str, Any]]:
    """What is known of each version, those that the endpoint has first."""
    roles = {each.version: each for each in (routing.document.versions if routing else ())}
    newest = {each.version: each for each in reversed(registered)}
    rows: list[dict[str, Any]] = []
    for version in dict.fromkeys([*roles, *(each.version for each in registered)]):
        known, routed = newest.get(version), roles.get(version)
        rows.append(
            {
                "version": version,
                "role": routed.role if routed else "",
                "share": routed.share if routed and routed.share else None,
                "devices": routing.devices.get(version) if routing else None,
                "tags": list(known.tags) if known else [],
                "gate": known.gate if known else "",
                "rejected_for": known.rejected_for if known else "",
                "algorithm": known.algorithm if known else "",
                "registered": known.registered if known else "",
            }
        )
    return rows


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    share = "" if row["share"] is None else f"{row['share']:g}"
    devices = "" if row["devices"] is None else str(row["devices"])
    registered = row["registered"][:19].replace("T", " ")
    tags = ", ".join(row["tags"])
    return (row["version"], row["role"], share, devices, tags, row["gate"], row["algorithm"], registered)
