"""The newest report of each project, at a path that stays the same: a link to the artifact of its run."""

from __future__ import annotations

from pathlib import Path


def link_report(home: Path, project: str, page: Path) -> Path:
    """Let the project's path lead to a page.

    :param home: folder of local state, see ``Settings``.
    :returns: the path.
    """
    link = _folder(home) / f"{project}.html"
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(page)
    temporary.replace(link)
    return link


def latest_reports(home: Path) -> dict[str, Path]:
    """Path of the newest report of each project that has one."""
    return {link.stem: link for link in sorted(_folder(home).glob("*.html")) if link.exists()}


def _folder(home: Path) -> Path:
    return home / "reports"
