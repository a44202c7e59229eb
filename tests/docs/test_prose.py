"""Plain English: short sentences, the words of the field, links that lead somewhere."""

import re

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, prose, sentences

MOST_WORDS = 29

BANNED = {
    "what came": "what was given",
    "and said": "and reported",
    "goes without": "has no",
    "mute": "silent",
    "steadiness": "feature stability",
    "unsteady": "unstable",
    "judgement": "evaluation report",
    "judged": "evaluated",
    "enlist": "attach",
    "dismiss": "detach",
    "error states": "label history",
    "voting rows": "selection rows",
    "labelled": "labeled",
    "behaviour": "behavior",
    "serialise": "serialize",
    "licence": "license",
    "a device and day": "per device-day",
}
"""Words that the documentation once had, and those that say it better."""

page_of = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@page_of
def test_sentences_are_short(page):
    long = [s for s in sentences(page.read_text(encoding="utf-8")) if len(s.split()) > MOST_WORDS]
    assert not long


@page_of
def test_words_are_those_of_the_field(page):
    text = prose(page.read_text(encoding="utf-8")).lower()
    assert {word: better for word, better in BANNED.items() if re.search(rf"\b{word}", text)} == {}


@page_of
def test_links_lead_to_files_and_headings(page):
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        text = text.replace(block.text, "")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.is_file(), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


def anchors(text):
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@page_of
def test_files_that_are_named_exist(page):
    named = re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|yaml|json|md|j2))`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_sentences_are_found_in_a_page():
    text = (
        "# A heading\n\nOne `a b`. Two [and a half](x.md)\nthree.\n\n"
        "- item\n- Item: Yes\n\n| a. b |\n\n```text\nno. no\n```\n"
    )
    assert list(sentences(text)) == ["One Code.", "Two and a half three.", "item", "Item:", "Yes"]
