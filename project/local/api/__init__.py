"""A control plane for one laptop: the part of MLRun's REST API that its 1.12 client uses, over SQLite.

Nothing here imports mlrun or pandas: the server answers its first request well under a second after it
starts. It works for any MLRun client, the ``mlrun`` command line and notebooks included.
"""
