"""The tables of ``docs/benchmarks.md``: what each benchmark measures, and which of its figures are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Table(NamedTuple):
    """How the lines of one benchmark are shown.

    :param text: what is measured.
    :param columns: heading -> template of its cells.
    """

    text: str
    columns: Mapping[str, str]


ARGUMENTS = {"overload": "load 60 overload", "consumers": "load 60 consumers"}
"""Of benchmarks that are run with another module than one of their name."""

TABLES: Mapping[str, Table] = {
    "backfill": Table(
        "Windows of a history, in events a second; storey and polars compute the same features.",
        {
            "events": "{events:,}",
            "devices": "{devices:,}",
            "windows": "{windows}",
            "steps": "{period}",
            "ours": "{ours_events_per_s:,}",
            "polars": "{polars_events_per_s:,}",
            "storey": "{storey_events_per_s:,}",
            "ours / polars": "{ratio_polars:.2f}",
            "ours / storey": "{ratio_storey:,.0f}",
        },
    ),
    "append": Table(
        "A day of telemetry added to 29 days, beside all 30 at once, in seconds of the ingest job; and the "
        "job once more with nothing new.",
        {
            "rows": "{rows:,}",
            "days": "{days}",
            "devices": "{devices}",
            "all at once": "{all_s:.2f}",
            "the last day": "{append_s:.2f}",
            "nothing new": "{again_s:.2f}",
            "the last day / all": "{ratio:.3f}",
            "nothing new / all": "{ratio_again:.3f}",
        },
    ),
    "online_windows": Table(
        "Windows of live events, in microseconds an event: one by one, and in lists.",
        {
            "devices": "{devices:,}",
            "one by one": "{single_us:.1f}",
            "in lists of": "{list}",
            "in lists": "{list_us:.1f}",
            "storey": "{storey_us:,.0f}",
            "storey / one by one": "{ratio_single:.0f}",
            "storey / in lists": "{ratio_list:.0f}",
        },
    ),
    "mlrun_serving": Table(
        "Events to predictions, in events a second. Ours, with its journal, is beside what MLRun has: "
        "windows of storey in the online store, the online feature service, and a pickled model in the "
        "model router. Both in one process, by MLRun's mock server, without HTTP, with the same model and "
        "events; ratios of processor time in brackets. Last, the shares of model inputs and of probabilities "
        "that are the same, one by one and in lists.",
        {
            "devices": "{devices:,}",
            "features": "{features}",
            "one by one": "{single_events_per_s:,.0f}",
            "MLRun": "{peer_single_events_per_s:,.0f}",
            "ours / MLRun": "{ratio_single:.0f} ({processor_ratio_single:.0f})",
            "in lists of": "{list}",
            "in lists": "{list_events_per_s:,.0f}",
            "MLRun, in lists": "{peer_list_events_per_s:,.0f}",
            "ours / MLRun, in lists": "{ratio_list:.0f} ({processor_ratio_list:.0f})",
            "same inputs": "{same_inputs_single:.4g}, {same_inputs_list:.4g}",
            "same probabilities": "{same_probabilities_single:.4g}, {same_probabilities_list:.4g}",
        },
    ),
    "ingestion": Table(
        "Ingestion into Parquet, in events a second, beside MLRun's `feature_set.ingest`.",
        {
            "events": "{events:,}",
            "ours": "{ours_events_per_s:,}",
            "MLRun": "{mlrun_events_per_s:,}",
            "ours / MLRun": "{ratio:.0f}",
        },
    ),
    "long_files": Table(
        "Gzip CSV in long layout, 1,000 devices with ten metrics: values a second, and MB resident at most. "
        "Each way has a process of its own. Polars makes the same readings and checks nothing. "
        "The ingest job computes and writes the windows, too.",
        {
            "values": "{rows:,}",
            "files": "{files}",
            "readings": "{readings:,}",
            "reading": "{ours_read_rows_per_s:,}",
            "polars": "{polars_rows_per_s:,}",
            "ingest job": "{ours_ingest_rows_per_s:,}",
            "reading, MB": "{ours_read_peak_mb:,}",
            "polars, MB": "{polars_peak_mb:,}",
            "polars streaming, MB": "{polars_streaming_peak_mb:,}",
            "ingest job, MB": "{ours_ingest_peak_mb:,}",
        },
    ),
    "append_memory": Table(
        "The same files: MB resident at most while the first values are ingested, and while as many more are "
        "added to them, all in one day.",
        {
            "values": "{rows:,}",
            "readings": "{first_readings:,}",
            "first, MB": "{first_peak_mb:,}",
            "added, MB": "{added_peak_mb:,}",
        },
    ),
    "online_features": Table(
        "Newest features from Valkey, p50 and p99 in milliseconds a request, beside MLRun's online service "
        "and a bare `HGETALL`.",
        {
            "devices in a request": "{devices}",
            "ours": "{ours_p50_ms:g}, {ours_p99_ms:g}",
            "MLRun": "{mlrun_p50_ms:,g}, {mlrun_p99_ms:,g}",
            "`HGETALL`": "{hgetall_p50_ms:g}, {hgetall_p99_ms:g}",
            "MLRun / ours": "{ratio_mlrun_p50:,.0f}",
            "ours / `HGETALL`": "{part_of_hgetall_p50:.2f}",
        },
    ),
    "window_memory": Table(
        "Memory of the windows, in bytes, beside what the numbers alone need.",
        {
            "devices": "{devices:,}",
            "memory": "{memory_bytes:,}",
            "the numbers alone": "{needed_bytes:,}",
            "ratio": "{ratio:.2f}",
        },
    ),
    "million_devices": Table(
        "Devices that send a reading of four metrics a minute, in lists of 1,000 at their moment. The "
        "endpoint has its journal, archive, snapshots and all checks. First the lag of the sender at the end "
        "and how long after its moment a list was answered. Then the processor time of a reading in "
        "microseconds, and the most memory seen, in GB. Sender, store and endpoint shared the two cores.",
        {
            "devices": "{devices:,}",
            "minutes": "{minutes}",
            "lag, s": "{lag_s:.2f}",
            "p50, ms": "{p50_ms:.1f}",
            "p99, ms": "{p99_ms:.1f}",
            "refused": "{refused}",
            "processor time": "{processor_us:.1f}",
            "endpoint, GB": "{endpoint_gb:.1f}",
            "Valkey": "{valkey_gb:.2f}",
            "all": "{all_gb:.1f}",
        },
    ),
    "chunked_backfill": Table(
        "Backfill in chunks into Parquet: events a second, and bytes resident at most.",
        {
            "events": "{events:,}",
            "events a second": "{events_per_s:,}",
            "resident bytes": "{peak_resident_bytes:,}",
        },
    ),
    "prediction": Table(
        "Predictions of the model package beside the pickled forest: one row in microseconds, and a batch of "
        "10,000 rows in milliseconds where it was measured.",
        {
            "features": "{features}",
            "trees": "{trees}",
            "one row: ours": "{ours_one_row_us:,.0f}",
            "forest": "{forest_one_row_us:,.0f}",
            "ratio": "{ratio_one_row:.0f}",
            "batch, all cores: ours": "{ours_batch_all_cores_ms:.0f}",
            "forest, all cores": "{forest_batch_all_cores_ms:.0f}",
            "batch, one core: ours": "{ours_batch_ms:.0f}",
            "forest, one core": "{forest_batch_ms:.0f}",
        },
    ),
    "load": Table(
        "Events over HTTP with journal, archive, snapshots and all checks, beside a bare JSON echo on the "
        "same server in the same run. Those of 300 a second come from an open loop. Sender, store and "
        "endpoint shared the two cores: compare processor times, in microseconds.",
        {
            "connections": "{connections}",
            "events in a request": "{size}",
            "requests a second": "{requests_per_second:,.0f}",
            "events a second": "{events_per_second:,}",
            "p50, ms": "{p50_ms:.2f}",
            "p99, ms": "{p99_ms:.1f}",
            "echo: requests a second": "{echo_requests_per_second:,.0f}",
            "p50 of it, ms": "{echo_p50_ms:.2f}",
            "ours / echo": "{share_of_echo:.3f}",
            "processor time": "{processor_us:,.0f}",
            "of the echo": "{echo_processor_us:,.0f}",
        },
    ),
    "consumers": Table(
        "Single events at 300 a second from an open loop, with what reads the answers and without it, by "
        "turns. That is the label of each event two seconds later, its pair in a Parquet file, three "
        "detectors, and a callback that takes five seconds to answer. Milliseconds, and microseconds of "
        "processor time an event.",
        {
            "labels": "{labels:,}",
            "files": "{files}",
            "drifts": "{drifts}",
            "callbacks": "{callbacks}",
            "p50": "{p50_ms:.2f}",
            "without": "{without_p50_ms:.2f}",
            "p99": "{p99_ms:.1f}",
            "p99 without": "{without_p99_ms:.1f}",
            "longest": "{max_ms:.0f}",
            "longest without": "{without_max_ms:.0f}",
            "processor time": "{processor_us:,.0f}",
            "without them": "{without_processor_us:,.0f}",
        },
    ),
    "overload": Table(
        "Lists of 100 at ten times what the endpoint takes, over 2,000 connections: refusals, resident "
        "memory before, at most and after, and single events afterwards. The senders shared the cores.",
        {
            "seconds": "{seconds:.0f}",
            "capacity, lists a second": "{capacity_per_second:.0f}",
            "offered": "{offered_per_second:,}",
            "taken": "{taken_per_second:.0f}",
            "refused p50, ms": "{refused_p50_ms:.0f}",
            "refused p99, ms": "{refused_p99_ms:.0f}",
            "MB before": "{resident_mb_before}",
            "at most": "{resident_mb_most}",
            "afterwards p99, ms": "{after_p99_ms:.0f}",
        },
    ),
    "few_incidents": Table(
        "Training on generated networks of few error episodes, in four shapes. F1 at the threshold that was "
        "chosen, as a share of the best possible on the test rows, in the median and in the worst tenth. "
        "The share of networks for which a rate of false alarms is stated, and of those that are kept within "
        "a factor of two either way. The share of all ranges that hold the true rate.",
        {
            "episodes": "{episodes}",
            "code": "{code}",
            "networks": "{networks}",
            "best F1": "{best_f1_median:.3f}",
            "share of it": "{share_median:.3f}",
            "in the worst tenth": "{share_lowest_tenth:.3f}",
            "rate found": "{true_median:.4f}",
            "rate stated": "{stated_share:.2f}",
            "kept": "{rate_kept:.2f}",
            "range holds": "{range_held:.2f}",
        },
    ),
    "nab": Table(
        "A model without labels on series of the Numenta benchmark, one rule for all. The standard score at "
        "the best threshold, as the benchmark itself chooses it, and at the limit that a run chooses.",
        {
            "series": "{series}",
            "rows": "{rows:,}",
            "windows": "{windows}",
            "standard score": "{standard_score:.1f}",
            "alarms": "{alarms}",
            "at its own limit": "{score_at_own_threshold:.1f}",
        },
    ),
    "unlabeled_limits": Table(
        "Rules for the limit of a model without labels: the standard score on the Numenta series, and its "
        "mean over four generated fleets of 24 series. The limit is chosen on the first 15 % of the rows, or "
        "on 70 %, in which there are incidents. Runs prefer the middle of the rows, and counted 2 % before.",
        {
            "rule": "{rule}",
            "Numenta, 15 %": "{numenta_15%}",
            "Numenta, 70 %": "{numenta_70%}",
            "generated, 15 %": "{generated_15%}",
            "generated, 70 %": "{generated_70%}",
        },
    ),
    "soak": Table(
        "A served endpoint under 200 single events a second, whose labels come one to ten minutes later. It "
        "remembers every prediction until its deadline, twelve minutes here, so memory grows by these until "
        "then.",
        {
            "minute": "{minute}",
            "events": "{events:,}",
            "labels": "{labels:,}",
            "p50, ms": "{p50_ms:.1f}",
            "p99, ms": "{p99_ms:.1f}",
            "memory, MB": "{rss_mb:.0f}",
            "files": "{files}",
            "sockets": "{sockets}",
        },
    ),
    "training": Table(
        "Selection and the search of 36 combinations, in seconds, and the peak memory of the process. The "
        "last two have few errors, in episodes of ten rows; all of them are fitted on, whatever the sample "
        "of healthy rows.",
        {
            "rows": "{rows:,}",
            "features": "{features}",
            "fitted on": "{train_rows:,}",
            "errors in it": "{train_errors:,}",
            "selection": "{select_seconds:.0f}",
            "search": "{train_seconds:.0f}",
            "together": "{seconds:.0f}",
            "peak MB": "{peak_mb:,}",
        },
    ),
}
