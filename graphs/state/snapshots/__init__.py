"""Snapshots: what a replay of the journal would build, kept in a file with its place in the journal."""
