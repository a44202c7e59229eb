"""The HTTP host: runs one MLRun serving or Nuclio function as a local process behind HTTP.

It does what Nuclio's Python worker does for a function in a cluster. It builds a Nuclio context, calls
``init_context``, then hands each request to the handler as a Nuclio event, all in one event loop. MLRun's own
graph server does the serving; nothing of a graph is implemented again here.
"""
