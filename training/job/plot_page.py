"""A figure as a page of its own. The pages of a project share one copy of Plotly, which lies beside them."""

from __future__ import annotations

import html
import posixpath
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlparse

import mlrun
import plotly.graph_objects as go
from mlrun.artifacts import PlotlyArtifact
from mlrun.utils.helpers import template_artifact_path
from plotly.offline import get_plotlyjs, get_plotlyjs_version

# A page that MLRun's UI shows has no folder around it. There the API that serves the page serves the script.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<script charset="utf-8" src="{beside}"></script>
<script>
if (!window.Plotly && self.origin.startsWith("http"))
  document.write('<script charset="utf-8" src="' + self.origin + '{api}"><\\/script>');
</script>
</head>
<body>
{plot}
<script>
if (!window.Plotly)
  document.body.append("This plot needs {name} of its project. The page 'report' needs no other file.");
</script>
</body>
</html>
"""


class PlotPage(PlotlyArtifact):
    """A figure that MLRun logs as a page.

    :param key: of the artifact.
    :param figure: what the page shows.
    :param folder: in which the run that logs it lays artifacts, as a path or URL.
    :param script: where Plotly is, see ``lay_plotly``.
    :param project: of the run.
    """

    def __init__(self, key: str, figure: go.Figure, folder: str, script: str, project: str) -> None:
        super().__init__(figure=figure, key=key)
        self._folder, self._script, self._project = folder, script, project

    def get_body(self) -> str:
        """The page; of equal figures with equal keys it is equal."""
        # MLRun names a file by what is in it, in the folder itself, or chooses its path before it asks.
        folder = posixpath.dirname(self.spec.target_path) if self.spec.target_path else self._folder
        return _PAGE.format(
            title=html.escape(self.metadata.key),
            beside=posixpath.relpath(self._script, folder),
            api=f"/api/v1/projects/{quote(self._project)}/files?path={quote(self._script, safe='')}",
            name=posixpath.basename(self._script),
            plot=self._plot,
        )

    @cached_property
    def _plot(self) -> str:
        # MLRun asks for the page twice: whether there is one, and for what it writes.
        text: str = self._figure.to_html(full_html=False, include_plotlyjs=False, div_id=self.metadata.key)
        return text


def lay_plotly(context: mlrun.MLClientCtx, folder: str) -> str:
    """Have the script that draws plots lie above the folder of a run, and tell where.

    It is no artifact of the run: what deletes the data of an old run leaves it to the others.

    :param folder: in which the run lays artifacts; a part of the path is the run's uid.
    :returns: path or URL, with Plotly's version in its name: what it holds never changes.
    """
    shared = folder.partition(f"/{context.uid}")[0]
    path: str = template_artifact_path(
        f"{shared}/plotly-{get_plotlyjs_version()}.min.js", context.project, context.uid
    )
    text = get_plotlyjs()
    if urlparse(path).scheme not in ("", "file"):
        mlrun.get_dataitem(path).put(text)
        return path
    file = Path(path.removeprefix("file://"))
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, whatever is killed. Two steps of a run may do this at once.
        part = file.with_name(f"{file.name}.{context.uid}")
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    return path
