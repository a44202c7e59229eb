"""Which version of the model answers which device: plain documents, no loaded models."""
