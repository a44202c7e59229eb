"""The site builds strictly and loads nothing from the network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

pytestmark = pytest.mark.slow

MKDOCS = Path(sys.executable).with_name("mkdocs")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [str(MKDOCS), "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


FROM_THE_ROOT = {
    "README.md": "index.html",
    "CONTRIBUTING.md": "contributing.html",
    "CHANGELOG.md": "changelog.html",
}


def test_every_page_is_in_the_site(site):
    for page in PAGES:
        name = FROM_THE_ROOT.get(page.name) or page.relative_to(ROOT / "docs").with_suffix(".html")
        assert (site / name).is_file(), name
    assert (site / "images" / "report.png").is_file()
    assert (site / "LICENSE").is_file()


def test_nothing_is_loaded_from_the_network(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert (
            re.findall(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>""", text) == []
        )
        links = re.findall(r"<link\b[^>]*>", text)
        assert [link for link in links if re.search(r"""href=["']?(?:https?:)?//""", link)] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_the_reference_is_made_from_the_docstrings(site):
    text = (site / "reference.html").read_text(encoding="utf-8")
    for words in ("Drift Detection Method", "Rolling windows over the metrics", "Total variation distance"):
        assert words in text
