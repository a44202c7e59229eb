"""Jobs and workflows that run as processes of the control plane."""
