"""The one room that meets a live MLRun project, Kubeflow Pipelines or a user."""
