"""What was started or deployed with other code than is installed now, as before an upgrade."""

from __future__ import annotations

from project.api_reader import function_variables
from project.code_digest import CODE, code_digest
from project.function_names import RUNNER, SERVING, what_brings_back
from project.session import Session, local_stack
from project.settings import Settings

_OTHER = "with other code or packages than are installed now, as before an upgrade"


def other_control_plane(settings: Settings, session: Session) -> str:
    """That the control plane of this machine was started with such code, in a sentence; empty if it was not.

    :raises NetopsError: if it does not answer.
    """
    if not session.owned or not session.mlrun_dbpath or local_stack(settings).code() == code_digest():
        return ""
    return (
        f"the control plane was started {_OTHER}; 'netops stop' and 'netops up' replace it, and "
        "'netops serve --project NAME' brings the endpoints of a project back"
    )


def other_code_of(settings: Settings, dbpath: str, project: str) -> list[str]:
    """That such ones run, in a sentence with the command that replaces them; none if there are none.

    Releases that did not note their code are earlier ones. On a cluster nothing is noted.

    :param dbpath: address of the MLRun API; empty of the local one that does not run. What was deployed is
        read without it then: it is started again as it was, before an upgrade as well.
    """
    if settings.profile != "local":
        return []
    deployed = local_stack(settings).deployed_variables(project) if not dbpath else {}
    if dbpath:
        told = {name: function_variables(dbpath, project, name) for name in (SERVING, RUNNER)}
        deployed = {name: variables for name, variables in told.items() if variables is not None}
    other = [
        name for name in (SERVING, RUNNER) if name in deployed and deployed[name].get(CODE) != code_digest()
    ]
    if not other:
        return []
    were = "was" if len(other) == 1 else "were"
    return [
        f"{' and '.join(other)} {were} deployed {_OTHER}; '{what_brings_back(project, SERVING)}' "
        "replaces what runs, and loses nothing"
    ]
