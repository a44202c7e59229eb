"""What the audit of a run says: whether what was served is what the history says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DRIFT = "drift"
"""Result with what the endpoint told of drift when the step began."""

STREAMING = "while_streaming"
"""Result that says that the stream went on, so that more pairs were joined than there were in files."""


def audit_text(results: Mapping[str, Any]) -> str:
    """The figures in a sentence; a difference, and that nothing was compared, is said in capitals.

    :param results: of the step ``audit``.
    """
    if results.get("failed"):
        return f"NOT AUDITED: {results['failed']}; see 'netops audit'"
    compared, pairs = int(results.get("compared") or 0), int(results.get("pairs") or 0)
    differ = int(results.get("mismatches") or 0)
    if not pairs:
        return "no served pairs yet; what is served and labeled from now on is audited with the next run"
    if differ:
        names = ", ".join(f"{name} {count:,}" for name, count in (results.get("by_feature") or {}).items())
        return (
            f"DIFFERENT: {differ:,} of {compared:,} served pairs are not what the history says ({names}); "
            "do not trust this model before you know why: 'netops audit'"
        )
    waiting = int(results.get("not_in_history") or 0)
    if waiting and not compared:
        text = f"nothing to compare yet; the next run audits what was served, {waiting:,} pairs so far"
    elif compared:
        text = f"{compared:,} of {pairs:,} served pairs compared with the history, equal to the last bit"
        if partly := int(results.get("partly") or 0):
            text += f" in what was looked at: in {partly:,} of them some features are unknown"
    else:
        text = f"none of {pairs:,} served pairs could be compared"
    reasons = (
        ("not_in_history", "are no history yet and are audited with the next run"),
        ("label_not_in_history", "have a label that is no history yet and are audited with the next run"),
        ("without_label", "have no label in the history any more, as of a cancelled incident"),
        ("without_target", "were in error already by the history or are left out there, which has no target"),
        ("out_of_history", "are left out of the history, too late by the arrival of what files brought"),
        ("after_late", "follow a late reading and were compared in the order of the journal"),
        ("after_silence", "came after a silence of their device and were, too"),
        ("beside_files", "have readings that came by file in their windows and were, too"),
        ("rounded", "are so but for a thousandth in features relative to the past of their device"),
        ("not_in_journal", "had a late reading, and no journal has them"),
        ("unknown_models", "are of a model that is registered no more"),
        ("of_other_schema", "are of a model with features of another schema than that of the history"),
        (
            "without_input",
            f"are of a model whose inputs {', '.join(results.get('absent') or {})} are no history",
        ),
    )
    told = [
        f"{int(results[name]):,} {why}"
        for name, why in reasons
        if results.get(name) and not (name == "not_in_history" and not compared)
    ]
    if results.get(STREAMING) and (compared or not waiting):
        told.append("what came later, as the network still streamed, is audited with the next run")
    if results.get("left_out"):
        told.append(
            f"{len(results['left_out'])} features not looked at where their order of arrival is not known"
        )
    return "; ".join([text, *told])
