"""Resources in SQLite, one file for each kind."""
