"""The newest features of each device in Redis: written by ingestion, read by serving."""
