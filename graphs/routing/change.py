"""A change of the routing: asked for, checked, and applied or refused at one place of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feature_sets.checks import InputError, check_boolean, check_integer, check_mapping
from graphs.routing.document import RoutingDocument, check_text
from graphs.routing.routing import Routing

DEPLOYMENT, ENDPOINT, DEADLINE = "deployment", "endpoint", "deadline"
"""Authors of changes that nobody asks for: a deployment, a version that is away, and the end of a shadow."""

NOT_LOADABLE = "no longer loadable"
"""How the endpoint begins to say why it changes the routing where versions are away."""

APPLIED, REFUSED = "applied", "refused"


@dataclass(frozen=True)
class ChangeRequest:
    """What a caller asks for.

    :param document: the routing that is to be.
    :param who: in whose name.
    :param why: the reason.
    :param revision: of the routing that the caller has seen; None does not look.
    :param declared: whether the next deployment declares this champion, too: the tag moves with it.
    """

    document: RoutingDocument
    who: str
    why: str
    revision: int | None = None
    declared: bool = False

    @classmethod
    def from_body(cls, body: object) -> ChangeRequest:
        """Read the body of a request.

        :raises InputError: naming the first field that breaks a rule.
        """
        given = check_mapping("body", body, ("routing", "who", "why", "revision", "declared"))
        for name in ("who", "why"):
            check_text(name, given.get(name))
        own = (DEPLOYMENT, ENDPOINT, DEADLINE)
        if given["who"] in own:
            raise InputError("who", f"must be another than {', '.join(own)}", given["who"])
        revision = given.get("revision")
        return cls(
            RoutingDocument.from_dict(given.get("routing")),
            given["who"],
            given["why"],
            None if revision is None else check_integer("revision", revision, at_least=0),
            check_boolean("declared", given.get("declared", False)),
        )


@dataclass(frozen=True)
class RoutingChange:
    """What became of one, as the journal has it.

    :param id: made when it was asked for.
    :param time: when it was applied or refused, epoch seconds.
    :param who: in whose name.
    :param why: the reason that was given.
    :param outcome: ``applied`` or ``refused``.
    :param error: why it was refused, or why versions that had to give way could not be loaded; else empty.
    :param before: the document in force until then.
    :param routing: what was asked for; in force from then on if it was applied.
    :param declared: whether deployments declare this champion from then on.
    """

    id: str
    time: float
    who: str
    why: str
    outcome: str
    error: str
    before: RoutingDocument
    routing: Routing
    declared: bool = False

    @property
    def is_applied(self) -> bool:
        """Whether it is in force from its place on."""
        return self.outcome == APPLIED

    @property
    def is_wish(self) -> bool:
        """Whether a person or a deployment says here which versions there are to be."""
        if self.who == DEPLOYMENT:  # It may say which models further horizons have, and no more.
            return self.before != self.routing.document
        return self.who not in (ENDPOINT, DEADLINE)

    def row(self) -> dict[str, Any]:
        """Plain form; ``of_row`` reads it."""
        return {
            "id": self.id,
            "time": self.time,
            "who": self.who,
            "why": self.why,
            "outcome": self.outcome,
            "error": self.error,
            "before": self.before.to_dict(),
            "routing": self.routing.to_dict(),
            "declared": self.declared,
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> RoutingChange:
        """Inverse of ``row``."""
        before, routing = RoutingDocument.from_dict(row["before"]), Routing.from_dict(row["routing"])
        return cls(**{**row, "before": before, "routing": routing})
