"""The handlers of the jobs of NetOps; imports no MLRun."""

from __future__ import annotations

JOBS = {
    "ingest": "project.jobs.ingest.ingest",
    "live-history": "project.jobs.live_history.add_live_history",
    "explore": "training.explore.explore",
    "select-features": "training.select_features.select_features",
    "train": "training.train.train",
    "evaluate": "training.evaluate.evaluate",
    "horizons": "training.further_horizons.train_further_horizons",
    "report": "training.report.report",
    "model-server-tester": "project.jobs.model_server_tester.test_model_server",
    "rehearse": "project.jobs.rehearse.rehearse",
    "end-rehearsal": "project.jobs.end_rehearsal.end_rehearsal",
    "promote": "project.jobs.promote.promote",
    "release": "project.jobs.release.release",
    "labeled-stream": "project.jobs.labeled_stream.watch_labeled_stream",
    "audit": "project.jobs.audit.audit_served",
    "init-detectors": "project.jobs.init_detectors.init_detectors",
    "drift-magnitude": "project.jobs.drift_magnitude.measure_drift_magnitude",
}
"""Job functions of the workflow and the handler of each."""
