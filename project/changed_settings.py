"""What a deployment changes of the settings that the endpoint was deployed with.

Settings are those of the shell that deploys. Another shell, which has not the same variables, would change
them without a word.
"""

from __future__ import annotations

from project.api_reader import function_variables
from project.function_names import SERVING
from project.settings import Settings

_PREFIX = "NETOPS_"
_OF_THE_PLACE = frozenset(("NETOPS_HOME", "NETOPS_PROFILE", "NETOPS_PROJECT"))


def changed_settings(settings: Settings, dbpath: str, project: str) -> list[str]:
    """A line for each variable that the endpoint has another value of than it will have; none if it is new.

    :param settings: that it will have.
    :param dbpath: address of the MLRun API.
    """
    before = function_variables(dbpath, project, SERVING)
    if before is None:
        return []
    after = settings.function_environment(project)
    names = sorted({*_settings(before), *_settings(after)})
    return [
        f"changes {name}: {before.get(name) or 'the default'} -> {after.get(name) or 'the default'}"
        for name in names
        if before.get(name, "") != after.get(name, "")
    ]


def _settings(variables: dict[str, str]) -> set[str]:
    """Names of what a shell sets; secrets are named by files, which are of the home folder."""
    return {
        name
        for name in variables
        if name.startswith(_PREFIX)
        and name not in _OF_THE_PLACE
        and not name.startswith(("NETOPS_TOKEN", "NETOPS_CALLBACK_SECRET"))
    }
