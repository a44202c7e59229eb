"""The laptop control plane: MLRun-compatible API, process host, HTTP host, Valkey."""
