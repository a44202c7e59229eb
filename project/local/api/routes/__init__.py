"""The routes of the control plane, one file for each resource."""
