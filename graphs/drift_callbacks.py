"""Who is told about drift; one that is to be told no more still gets what waits for him."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphs.protocol.drift_callback import DriftCallback

BY_SETTING, ATTACHED = "setting", "attached"
"""The address of the settings, and the one attached with the detectors."""

MOST_LEFT = 8
"""Addresses that are attached no more and have not taken everything yet, at most."""


class DriftCallbacks:
    """Tells the address of the settings and the attached one, each until it has taken everything.

    An alert that was raised is delivered, or it is reported as ``dropped`` with its id: when detectors are
    detached, when another address is attached, and over a restart.

    :param made: makes the callback of a name and an address.
    :param report: called with ``dropped`` and a text for each alert that nobody can be told.
    """

    def __init__(self, made: Callable[[str, str], DriftCallback], report: Callable[[str, str], None]) -> None:
        self._made, self._report = made, report
        self._named: dict[str, DriftCallback] = {}
        self._left: list[DriftCallback] = []
        self._known: set[str] = set()
        """Ids of the alerts that were ever to be told here."""

    def tell(self, name: str, url: str | None) -> None:
        """Tell an address from now on, or nobody; what waits for the one before waits for it.

        Without a new address the one before is still told what waits.
        """
        before = self._named.pop(name, None)
        if url:
            self._named[name] = self._made(name, url)
            same = [each for each in self._left if each.url == url and name == ATTACHED]
            for old in [*([before] if before else []), *same]:
                old.close()
                self._named[name].send_all(old.pending)
            self._left = [each for each in self._left if each not in same]
        elif before is not None:
            self._leave(before)

    def send(self, told: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        """Post an alert soon.

        :param more: what the address of the settings is told beside it.
        """
        self._known.add(told["id"])
        for name, callback in self._named.items():
            callback.send({**more, **told} if name == BY_SETTING else told)

    @property
    def attached(self) -> str | None:
        """The attached address."""
        return self._named[ATTACHED].url if ATTACHED in self._named else None

    @property
    def pending(self) -> int:
        """Alerts that an address has not taken yet."""
        return sum(len(callback.pending) for callback in self._all)

    def content(self) -> dict[str, Any]:
        """What a restart goes on from."""
        return {
            "callback": self.attached,
            "undelivered": {name: each.pending for name, each in self._named.items()},
            "left": _rows(self._left),
        }

    def merged(self, kept: Mapping[str, Any] | None, is_ours: bool) -> dict[str, Any]:
        """What a restart goes on from, with what another process has kept of alerts that are not known here.

        :param kept: with the content of whichever process kept it last.
        :param is_ours: whether the addresses are those of this process; else they stay those that were kept.
        """
        own = self.content()
        if kept is None:
            return own
        waiting = [*kept.get("left", ())]
        for name, bodies in kept.get("undelivered", {}).items() if is_ours else ():
            known = self._named.get(name)
            url = kept.get("callback") if name == ATTACHED else known and known.url
            waiting.append({"url": url, "bodies": bodies})
        others = [
            {"url": each["url"], "bodies": [body for body in each["bodies"] if body["id"] not in self._known]}
            for each in waiting
        ]
        others = [each for each in others if each["url"] and each["bodies"]]
        if is_ours:
            return {**own, "left": [*own["left"], *others]}
        return {"left": [*others, *_rows(self._all)]}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what an earlier process could not deliver."""
        given = [*saved.get("undelivered", {}).values(), *(left["bodies"] for left in saved.get("left", ()))]
        self._known.update(body["id"] for bodies in given for body in bodies)
        self.tell(ATTACHED, saved.get("callback"))
        for name, bodies in saved.get("undelivered", {}).items():
            if name in self._named:
                self._named[name].send_all(bodies)
                continue
            for body in bodies:
                self._report("dropped", f"{body['id']}: the address that waited for it is named no more")
        for left in saved.get("left", ()):
            known = next((each for each in self._all if each.url == left["url"]), None)
            callback = known or self._made(ATTACHED, left["url"])
            callback.send_all(left["bodies"])
            if known is None:
                self._leave(callback)

    def wait(self, seconds: float = 30.0) -> bool:
        """Wait until nothing is pending; whether that is so."""
        return all(callback.wait(seconds) for callback in self._all)

    def close(self) -> None:
        """Post nothing any more; what is pending stays so."""
        for callback in self._all:
            callback.close()

    @property
    def _all(self) -> list[DriftCallback]:
        return [*self._named.values(), *self._left]

    def _leave(self, callback: DriftCallback) -> None:
        waiting = [*self._left, callback]
        for each in waiting:
            if not each.pending:
                each.close()
        self._left = [each for each in waiting if each.pending]
        while len(self._left) > MOST_LEFT:
            oldest = self._left.pop(0)
            oldest.close()
            for body in oldest.pending:
                text = f"{MOST_LEFT} addresses are attached no more and have not taken everything"
                self._report("dropped", f"{body['id']} for {oldest.url}: {text}")


def _rows(callbacks: Iterable[DriftCallback]) -> list[dict[str, Any]]:
    """What waits for addresses."""
    return [{"url": each.url, "bodies": bodies} for each in callbacks if (bodies := each.pending)]
