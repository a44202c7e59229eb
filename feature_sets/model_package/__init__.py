"""The model package: a directory with ``model.onnx`` and ``model.json``, between training and serving."""
