"""The report of a run as one HTML page that needs no network: tables by template, plots by Plotly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from numbers import Integral
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

TEMPLATE = Path(__file__).with_name("report.html.j2")
SECTION = Path(__file__).with_name("section.html.j2")
_LINKS_END, _END = "</nav>", "</main>\n"
_GATE = '<p class="gate"><b>Gate</b> '


@dataclass(frozen=True)
class Table:
    """A table of the page.

    :param frame: cells as they are shown; numbers are rounded to four digits.
    :param caption: what a reader sees in it.
    :param marked: rows to stand out, by position.
    """

    frame: pd.DataFrame
    caption: str
    marked: tuple[int, ...] = ()

    @property
    def headings(self) -> list[str]:
        """Names of the columns in words; what has a space in it is in words already."""
        return [name if " " in name else name.replace("_", " ") for name in map(str, self.frame.columns)]

    @property
    def rows(self) -> list[list[str]]:
        """Cells as text."""
        return [[shown(cell) for cell in row] for row in self.frame.itertuples(index=False, name=None)]


@dataclass(frozen=True)
class Section:
    """A part of the page, in the order text, tables, plots.

    :param title: heading.
    :param text: paragraphs.
    :param tables: wide ones scroll sideways on a narrow screen.
    :param figures: drawn as wide as the screen allows.
    """

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[go.Figure, ...] = ()

    @property
    def anchor(self) -> str:
        """What the table of contents links to."""
        return "-".join(self.title.lower().split())


@dataclass(frozen=True)
class Page:
    """A whole report.

    :param title: of the page.
    :param verdict: two sentences: how good the model is, and beside what.
    :param facts: name -> value of the numbers to see first.
    :param sections: the rest.
    :param gate: whether the model went into production, and why; may be empty.
    :param footer: where it all comes from.
    """

    title: str
    verdict: str
    facts: dict[str, str]
    sections: Sequence[Section]
    footer: str = ""
    gate: str = ""


def shown(cell: Any) -> str:
    """A cell for people: four digits, thousands apart, nothing for what is missing."""
    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return ""
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    if isinstance(cell, Integral) or (isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15):
        return f"{int(cell):,}"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    if isinstance(cell, pd.Timestamp):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    return str(cell)


def render(page: Page) -> str:
    """The page as HTML; everything it needs is in it."""
    plots = {
        section.title: [_plot(f"{section.anchor}-{number}", f) for number, f in enumerate(section.figures)]
        for section in page.sections
    }
    template = _environment().get_template(TEMPLATE.name)
    return template.render(page=page, plots=plots, plotlyjs=get_plotlyjs())


def with_section(html: str, section: Section) -> str:
    """A page with one section more at its end, without plots; in place of one of the same title.

    :param html: a page of ours.
    :raises ValueError: if it is none.
    """
    head, closed, tail = html.rpartition(_END)
    links, closed_links, rest = head.rpartition(_LINKS_END)
    if not closed or not closed_links:
        raise ValueError(f"page must be a report of ours, got one without {_LINKS_END} or {_END.strip()}")
    begin = f'<section id="{section.anchor}">'
    made = _environment().get_template(SECTION.name).render(section=section, plots={})
    if begin in rest:
        before, _, after = rest.partition(begin)
        rest = before + made + after.partition("</section>\n")[2]
    else:
        links += f'<a href="#{section.anchor}">{section.title}</a>'
        rest += made
    return f"{links}{closed_links}{rest}{closed}{tail}"


def with_gate(html: str, gate: str) -> str:
    """A page that says what became of its model, in the place of what the gate said before.

    :param html: a page of ours.
    :param gate: see ``Page``.
    :raises ValueError: if it is none, or says nothing of a gate.
    """
    before, begin, rest = html.partition(_GATE)
    _, closed, after = rest.partition("</p>")
    if not begin or not closed:
        raise ValueError(f"page must be a report of ours with a gate, got one without {_GATE.strip()}")
    return f"{before}{begin}{escape(gate)}{closed}{after}"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=jinja2.select_autoescape(default_for_string=True, default=True),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _plot(name: str, figure: go.Figure) -> str:
    """A figure as a piece of HTML with a name of its own, so that equal reports have equal bytes."""
    # A copy with room for titles on a narrow screen; the artifact of the same figure stays as it is.
    drawn = go.Figure(figure)
    drawn.update_layout(
        autosize=True,
        margin={"l": 10, "r": 10, "t": 70, "b": 40},
        font={"family": "system-ui, sans-serif", "size": 12},
        title={"font": {"size": 15}, "automargin": True, "yref": "container", "pad": {"t": 12, "b": 8}},
    )
    drawn.update_yaxes(automargin=True)
    drawn.update_xaxes(automargin=True)
    html: str = drawn.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={"responsive": True, "displayModeBar": False},
    )
    return html
