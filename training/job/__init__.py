"""What the MLRun jobs of this room share: their arguments and their artifacts."""
