"""What the control plane stores in SQLite, one file for each kind of resource."""
