"""A project on one page, as a notebook shows a workbench: its size, its model and its labels. Read `overview`."""

from __future__ import annotations

from ..drawing import html
from ..errors import BadInput
from ..project.session import Session


def overview(session: Session, adopted: str | None) -> str:
    """Make the page, in HTML.

    Parameters
    ----------
    session : Session
        The project's session.
    adopted : str or None
        The version of the model in use.
    """
    project, annotator = session.project, session.project.annotator
    title = f"Workbench {project.name}"
    about = f"{len(project.taxonomy)} labels (version {project.taxonomy.version}), {annotator} labelling"
    try:
        pool = project.pool
    except BadInput:
        return html.page(title, html.paragraph(f"No pool. {about}."))
    tally, counts = session.tally(), project.counts()
    most = max(1, int(counts["decided"].max())) if len(counts) else 1
    return html.page(
        title, html.paragraph(f"{len(pool):,} items, {about}, round {tally['round']}."),
        html.paragraph(f"{tally['answered']:,} answered by {annotator}, {tally['open']:,} open, "
                       f"{tally['holdout']:,} answers measure. "
                       + (f"Model {adopted}." if adopted else "No model yet.")),
        html.table(["label", "answers", ""], [(row.label, int(row.decided), html.bar(row.decided / most))
                                              for row in counts.head(30).itertuples()]))
