"""The software bill of materials: ``python -m tools.bill_of_materials FILE``.

It lists every package of ``requirements.lock`` with its digests, its license where it is installed, and who
needs it, in the form of CycloneDX 1.6. The same lock and environment give the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)")
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SPDX = re.compile(r"^[A-Za-z0-9.+() -]{2,80}$")


@dataclass(frozen=True)
class Locked:
    """A package of the lock.

    :param name: in the form of the index.
    :param digests: SHA-256 of each of its files, any of which may be installed.
    :param parents: packages that need it.
    """

    name: str
    version: str
    digests: tuple[str, ...]
    parents: tuple[str, ...]

    @property
    def address(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(text: str) -> list[Locked]:
    """The packages of a lock that was compiled with digests, by name."""
    found = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", text.strip()):
        pinned = _PINNED.match(block)
        if pinned is None:
            raise ValueError(f"requirements.lock: must pin every package, got {block.splitlines()[0]!r}")
        parents = re.findall(r"^ +#(?: via)? +([A-Za-z0-9._-]+)", block, re.M)
        name = canonicalize_name(pinned[1])
        others = tuple(sorted({canonicalize_name(each) for each in parents if each != "via"}))
        found.append(Locked(name, pinned[2], tuple(_DIGEST.findall(block)), others))
    return sorted(found, key=lambda each: each.name)


def bill_of_materials(lock: str, project: Mapping[str, Any]) -> dict[str, Any]:
    """The CycloneDX document.

    :param lock: content of ``requirements.lock``.
    :param project: table ``project`` of ``pyproject.toml``. What its dependencies need is ``required``, the
        rest, for work on the code, ``optional``.
    """
    packages = {each.name: each for each in locked(lock)}
    needs: dict[str, set[str]] = {}
    for each in packages.values():
        for parent in each.parents:
            needs.setdefault(parent, set()).add(each.name)
    direct: set[str] = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    required = set(_reached(direct, needs))
    own = {"type": "application", "name": project["name"], "version": project["version"], "bom-ref": "netops"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, lock)}",
        "version": 1,
        "metadata": {"component": {**own, "licenses": [{"expression": project["license"]}]}},
        "components": [_component(each, each.name in required) for each in packages.values()],
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": _addresses(needs.get("netops", set()), packages)},
            *(
                {"ref": each.address, "dependsOn": _addresses(needs.get(each.name, set()), packages)}
                for each in packages.values()
            ),
        ],
    }


def _reached(start: set[str], needs: Mapping[str, set[str]]) -> Iterator[str]:
    """Packages that are needed by some, these among them."""
    seen, waiting = set(start), sorted(start)
    while waiting:
        name = waiting.pop()
        yield name
        more = needs.get(name, set()) - seen
        seen |= more
        waiting.extend(sorted(more))


def _addresses(names: set[str], packages: Mapping[str, Locked]) -> list[str]:
    return [packages[name].address for name in sorted(names) if name in packages]


def _component(package: Locked, required: bool) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.address,
        "name": package.name,
        "version": package.version,
        "scope": "required" if required else "optional",
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.digests],
        **_license(package),
        "purl": package.address,
    }


def _license(package: Locked) -> dict[str, Any]:
    """What the installed package says of its license; nothing unless this version is installed."""
    try:
        facts: Any = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return {}
    if facts["Version"] != package.version:
        return {}
    if expression := facts.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    named = [each.split(" :: ")[-1] for each in facts.get_all("Classifier") or () if "License ::" in each]
    if not named and _SPDX.match(facts.get("License") or ""):
        named = [str(facts["License"])]
    return {"licenses": [{"license": {"name": each}} for each in sorted(set(named))]} if named else {}


def main(target: str) -> None:
    """Write the document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    document = bill_of_materials((ROOT / "requirements.lock").read_text(encoding="utf-8"), project)
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{target}: {len(document['components'])} packages")


if __name__ == "__main__":
    main(*sys.argv[1:])
