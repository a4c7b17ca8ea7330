"""The guides to files in and out, and to moving between tools: their examples run, their table is that of the formats.

`python tests/exchange/test_guides.py` writes the table anew.
"""

import re
from pathlib import Path

from exchange.foreign_files import coco, doccano, label_studio, prodigy, yolo

import hitl_widgets as hw
from hitl_widgets import Workbench

DOCS = Path(__file__).resolve().parents[2] / "docs"
COLUMNS = ["format", "tasks", "items", "path", "what it can't hold"]


def examples(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def table():
    """The rows of the table, as the guide has them."""
    rows = []
    for row in hw.formats().to_dict("records"):
        all_tasks = row["tasks"].count(",") == 6
        cells = [f"`{row['format']}`", "all" if all_tasks else row["tasks"],
                 "all" if "," in row["items"] else f"{row['items']}s", row["path"],
                 row["what it can't hold"].replace("Nothing is lost.", "–")]
        rows.append(f"| {' | '.join(cells)} |\n")
    return "".join(rows)


def test_the_examples_of_the_guide_to_files_run():
    names = {}
    for example in examples("exchange.md"):
        exec(example, names)
    assert names["planned"].files == []
    assert names["planned"].lost.equals(names["out"].lost)
    assert names["again"].n_new == 0
    assert names["other"].annotations()["label"].tolist() == ["ham", "spam"]
    names["wb"].close()
    names["other"].close()


def test_the_table_of_formats_is_that_of_the_package():
    assert table() in (DOCS / "exchange.md").read_text("utf-8"), "run python tests/exchange/test_guides.py"


def test_the_examples_of_the_guide_to_moving_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for write, folder in ((label_studio, "."), (prodigy, "."), (doccano, "."), (coco, "cvat"), (yolo, "roboflow")):
        Path(folder).mkdir(exist_ok=True)
        write(Path(folder))
    names = {}
    for example in examples("moving.md"):
        exec(example, names)
    made = [one for one in names.values() if isinstance(one, Workbench)]
    assert [one.project.task for one in made] == ["classify", "spans", "boxes", "spans", "boxes", "classify"]
    assert [len(one.annotations()) for one in made] == [2, 2, 1, 2, 2, 2]  # nobody says of an image without boxes
    assert names["labels"].tolist()[::2] == ["dog", "cat"]
    assert {"config.xml", "tasks.json"} <= {file.name for file in Path("for_label_studio").iterdir()}
    for one in made:
        one.close()


if __name__ == "__main__":
    guide = DOCS / "exchange.md"
    text = guide.read_text("utf-8")
    head, rest = text.split("|---|---|---|---|---|\n")
    guide.write_text(f"{head}|---|---|---|---|---|\n{table()}\n{rest.split(chr(10) * 2, 1)[1]}", "utf-8", newline="\n")
