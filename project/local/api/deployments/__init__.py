"""Functions deployed as processes of this machine."""
