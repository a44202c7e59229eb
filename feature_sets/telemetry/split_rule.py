"""Which labeled rows a model learns from, and which it is evaluated on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from feature_sets.checks import (
    InputError,
    check_choice,
    check_column_name,
    check_integer,
    check_mapping,
    check_names,
)

TIME, DEVICE_TIME, FIRST_ROWS = "time", "device_time", "first_rows"
COLUMN, DEVICES, GROUP = "column", "devices", "group"
KINDS = (TIME, DEVICE_TIME, FIRST_ROWS, COLUMN, DEVICES, GROUP)

_FIELDS: Mapping[str, tuple[str, ...]] = {
    TIME: (),
    DEVICE_TIME: (),
    FIRST_ROWS: ("rows",),
    COLUMN: ("column", "train", "test"),
    DEVICES: ("test",),
    GROUP: ("column", "test"),
}
"""What can be said beside each kind."""


@dataclass(frozen=True)
class SplitRule:
    """How labeled rows are split into those to learn from and those to evaluate on.

    :param by: ``time``, the latest rows are evaluated on; ``device_time``, the latest of each device;
        ``first_rows``, all but the first ones of each device; ``column``, those that a column of the labels
        says; ``devices``, all rows of some devices; ``group``, all rows of some groups of devices.
    :param column: of the labels for ``column``; for ``group`` the entity or static column with the group.
    :param train: values of that column that mark rows to learn from.
    :param test: values that mark rows to evaluate on; the devices or groups to evaluate on, chosen if empty.
    :param rows: labeled rows of each device to learn from, for ``first_rows``.
    :raises InputError: unless all that is said belongs to the kind, and what it needs is there.
    """

    by: str = TIME
    column: str = ""
    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    rows: int = 0

    def __post_init__(self) -> None:
        check_choice("split.by", self.by, KINDS)
        for name in ("column", "train", "test", "rows"):
            value = getattr(self, name)
            if value and name not in _FIELDS[self.by]:
                raise InputError(f"split.{name}", f"must not be given to split by {self.by}", value)
        if self.by == FIRST_ROWS:
            check_integer("split.rows", self.rows, at_least=1)
        if self.by == COLUMN:
            for name, default in (("column", "split"), ("train", ("train",)), ("test", ("test",))):
                object.__setattr__(self, name, getattr(self, name) or default)
        if self.by in (COLUMN, GROUP):
            check_column_name("split.column", self.column)
        both = sorted({*self.train} & {*self.test})
        if both:
            raise InputError("split.test", "must have no value that split.train has", both)

    @property
    def label_column(self) -> str:
        """Column of the labels that says the part; empty if none does."""
        return self.column if self.by == COLUMN else ""

    @property
    def group_column(self) -> str:
        """Entity or static column with the group of a device; empty for other kinds."""
        return self.column if self.by == GROUP else ""

    @property
    def holds_devices_out(self) -> bool:
        """Whether each device is in one part with all of its rows."""
        return self.by in (DEVICES, GROUP)

    def check(
        self, devices: Collection[str], labels: Collection[str], others: Collection[str], where: str = "split"
    ) -> None:
        """Raise InputError unless the column is one that a schema keeps.

        :param devices: columns that are known of devices.
        :param labels: columns that are known of label rows; empty if rows say nothing beside their label.
        :param others: columns with another meaning.
        """
        if self.by == COLUMN and (self.column in others or self.column not in labels):
            rule = "must name a column of the labels that the schema keeps, as its field split"
            raise InputError(where, rule, self.column)
        if self.by == GROUP and self.column not in devices:
            rule = f"must group by one of {', '.join(devices)}, or by a column that the schema has as split"
            raise InputError(where, rule, self.column)

    @classmethod
    def from_content(cls, content: object) -> SplitRule:
        """Rule of a schema file: text as of ``parse``, or a mapping of the fields."""
        if isinstance(content, str):
            return cls.parse(content)
        given = check_mapping("split", content, ("by", "column", "train", "test", "rows"))
        for name in ("train", "test"):
            if name in given:
                value = given[name]
                # YAML reads a bare number or truth value; the column is text.
                texts = value if isinstance(value, list) else [value]
                given[name] = check_names(f"split.{name}", [_text(each) for each in texts])
        return cls(**given)

    @classmethod
    def parse(cls, text: str, where: str = "split") -> SplitRule:
        """Rule of a text.

        >>> SplitRule.parse("group:site=oslo,bergen")
        SplitRule(by='group', column='site', train=(), test=('oslo', 'bergen'), rows=0)
        >>> SplitRule.parse("first_rows:400").rows
        400

        :param text: the kind and, after a colon, what belongs to it: ``first_rows:400``, ``column:split``,
            ``devices:r1,r2``, ``group:site`` or ``group:site=oslo``.
        :raises InputError: unless it is such a text.
        """
        by, _, rest = text.partition(":")
        try:
            check_choice("split.by", by, KINDS)
            if by == FIRST_ROWS:
                # More digits than any history has rows are no number either.
                return cls(by, rows=int(rest) if rest.isdecimal() and len(rest) < _DIGITS else 0)
            if by == DEVICES:
                return cls(by, test=_names(rest))
            column, _, values = rest.partition("=")
            return replace(cls(by, column), test=_names(values)) if values else cls(by, column)
        except InputError as error:
            raise InputError(where, error.rule, text) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain content; ``from_content`` reads it back."""
        content: dict[str, Any] = {"by": self.by}
        for name in ("column", "train", "test", "rows"):
            value = getattr(self, name)
            if value:
                content[name] = list(value) if isinstance(value, tuple) else value
        return content

    def __str__(self) -> str:
        """The rule as text, without the values of a column."""
        chosen = ",".join(self.test) if self.holds_devices_out else ""
        rest = str(self.rows) if self.by == FIRST_ROWS else self.column or chosen
        if self.by == GROUP and chosen:
            rest += f"={chosen}"
        return f"{self.by}:{rest}" if rest else self.by


_DIGITS = 16
BY_TIME = SplitRule()


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _text(value: object) -> object:
    """A bare number or truth value of YAML as the text that a file has."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value
