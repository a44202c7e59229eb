"""The pages of the documentation as tests read them: prose in sentences, and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
_MARKER = re.compile(r"<!-- not run: (.+?) -->\n$", re.S)
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_COMMAND = re.compile(r"^\$ (.*(?:\n {4}.*)*)", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    :param page: its file.
    :param line: number of its first line.
    :param language: word after the opening fence.
    :param text: its content.
    :param not_run: the reason why it is not executed, from the comment before it; empty if it is.
    """

    page: Path
    line: int
    language: str
    text: str
    not_run: str

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Shell commands of a console block; what they printed is left out."""
        return _COMMAND.findall(self.text)


def blocks(page: Path) -> Iterator[Block]:
    """Blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        marker = _MARKER.search(before)
        yield Block(page, before.count("\n") + 2, match[2], match[3], marker[1] if marker else "")


def executed(page: Path, language: str) -> list[Block]:
    """Blocks of a language that a test must execute."""
    return [block for block in blocks(page) if block.language == language and not block.not_run]


def prose(text: str) -> str:
    """A page without code, comments, tables and headings; links are their text, inline code one word."""
    text = _COMMENT.sub("", _FENCE.sub("", text))
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]+`", "Code", text)
    text = re.sub(r"^(\||#|:::).*$", "", text, flags=re.M)
    return re.sub(r"^\s*(?:[-*]|\d+\.) ", "\n", text, flags=re.M)


def sentences(text: str) -> Iterator[str]:
    """Sentences of a page's prose; an item of a list begins a new one."""
    for paragraph in re.split(r"\n\s*\n", prose(text)):
        for sentence in re.split(r"(?<=[.!?:])\s+(?=[\"'(]?[A-Z0-9])", " ".join(paragraph.split())):
            if sentence:
                yield sentence
