"""The structure of the package, counted from its own imports: rooms, floors, arrows, cycles and sizes.

    python benchmarks/structure.py                  this checkout
    python benchmarks/structure.py PATH [PATH ...]   other checkouts, a column each

A room is a folder or a file at the package's root, without ``__init__`` and without `testing`. An arrow leads from a
room to one that it imports, inside functions and for types too. A room's floor is one above the highest room that it
imports; rooms that import each other in a cycle share a floor.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.IfExp, ast.BoolOp, ast.comprehension, ast.ExceptHandler)
FACE = {"__init__"}
ASIDE = {"testing"}


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted names inside the package, and their files."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    return names


def imports(module: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a module imports, wherever the import stands."""
    here = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            home = [*here[:len(here) - node.level + 1], *filter(None, (node.module or "").split("."))]
        elif (node.module or "").split(".")[0] == "hitl_widgets":
            home = (node.module or "").split(".")[1:]
        else:
            continue
        for alias in node.names:
            for target in (".".join([*home, alias.name]), ".".join(home)):
                if target in modules:
                    yield target
                    break


def rooms_of(package: Path) -> dict[str, set[str]]:
    """Each room, and the rooms that it imports."""
    modules = modules_of(package)
    rooms: dict[str, set[str]] = {}
    for module, path in modules.items():
        room = module.split(".")[0]
        if room in FACE | ASIDE:
            continue
        found = {target.split(".")[0] for target in imports(module, path, modules)}
        rooms.setdefault(room, set()).update(found - {room} - FACE - ASIDE)
    return rooms


def cycles(rooms: dict[str, set[str]]) -> list[set[str]]:
    """Rooms that reach each other, a set for each such group."""
    reach = {room: set(others) for room, others in rooms.items()}
    for middle in rooms:
        for room in rooms:
            if middle in reach[room]:
                reach[room] |= reach[middle]
    groups = {frozenset([room, *(other for other in reach[room] if room in reach.get(other, ()))]) for room in rooms}
    return [set(group) for group in groups if len(group) > 1]


def floors(rooms: dict[str, set[str]]) -> dict[str, int]:
    """The floor of each room, from 1."""
    together = {room: group for group in cycles(rooms) for room in group}
    known: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in known:
            group = together.get(room, {room})
            below = {other for member in group for other in rooms.get(member, ())} - group
            known.update(dict.fromkeys(group, 1 + max((floor(other) for other in below), default=0)))
        return known[room]
    return {room: floor(room) for room in rooms}


def code_lines(node: ast.AST, lines: list[str]) -> int:
    """Lines of a definition or module without docstrings, comments and blank lines."""
    prose = {line for inner in ast.walk(node) if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant)
             and isinstance(inner.value.value, str) for line in range(inner.lineno, (inner.end_lineno or 0) + 1)}
    first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", len(lines))
    return sum(line not in prose and bool(text.strip()) and not text.strip().startswith("#")
               for line, text in enumerate(lines[first - 1:last], first))


def branches(node: ast.AST) -> int:
    """Branches of a function: conditions, loops, handlers, and the terms of `and` and `or` beyond the first."""
    return sum(len(inner.values) - 1 if isinstance(inner, ast.BoolOp) else 1 for inner in ast.walk(node)
               if isinstance(inner, (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler, ast.BoolOp,
                                     ast.comprehension)))


def has_reason(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> bool:
    """Whether a comment such as "# 17 branches: one for each field" says why a function has many.

    It stands within three lines above the function, or above its first statement.
    """
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    comments = [*lines[max(0, first - 4):first - 1], *(lines[inner.lineno - 2] for inner in node.body[:2])]
    return any(text.strip().startswith("#") and "branches:" in text for text in comments)


def measure(package: Path) -> tuple[dict[str, object], dict[str, list[str]]]:
    """The figures of one checkout, and the places behind those that are above a limit."""
    rooms = rooms_of(package)
    n_lines, riddles = 0, 0
    sizes: dict[str, int] = {}
    places: dict[str, list[str]] = {"functions over 60 lines": [], "functions over 12 branches": [],
                                    "the same, with a reason beside it": [],
                                    "functions over 10 parameters": [], "classes over 350 lines": []}
    for module, path in modules_of(package).items():
        text = path.read_text("utf-8")
        tree, lines = ast.parse(text), text.splitlines()
        title = (ast.get_docstring(tree) or "").split("\n")[0]
        riddles += title.rstrip().endswith("?")
        if module.split(".")[0] not in ASIDE:
            n_lines += code_lines(tree, lines)
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                name = f"{module}.{node.name} ({{}})"
                if (n := code_lines(node, lines)) > 60:
                    places["functions over 60 lines"].append(name.format(n))
                if (n := branches(node)) > 12:
                    places["the same, with a reason beside it" if has_reason(node, lines) else
                           "functions over 12 branches"].append(name.format(n))
                if (n := len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])) > 10:
                    places["functions over 10 parameters"].append(name.format(n))
            elif isinstance(node, ast.ClassDef):
                sizes[node.name] = n = code_lines(node, lines)
                if n > 350:
                    places["classes over 350 lines"].append(f"{module}.{node.name} ({n})")
    level = floors(rooms)
    figures: dict[str, object] = {
        "rooms": len(rooms), "floors": max(level.values()), "arrows": sum(map(len, rooms.values())),
        "cycles": len(cycles(rooms)), "lines of code": n_lines, "titles that are questions": riddles,
        "lines of Workbench": sizes.get("Workbench", 0), **{name: len(found) for name, found in places.items()}}
    return figures, places


def main(checkouts: list[str]) -> None:
    paths = [Path(path) for path in checkouts] or [Path(__file__).resolve().parent.parent]
    measured = [measure(path / "hitl_widgets") for path in paths]
    print(f"{'':<32}" + "".join(f"{str(path)[-18:]:>20}" for path in paths))
    for name in measured[0][0]:
        print(f"{name:<32}" + "".join(f"{figures[name]!s:>20}" for figures, _ in measured))
    for path, (_, places) in zip(paths, measured, strict=True):
        rooms = rooms_of(path / "hitl_widgets")
        level = floors(rooms)
        print(f"\n{path}")
        for room in sorted(rooms, key=lambda room: (level[room], room)):
            print(f"  {level[room]:>3} {room:<14} <- {', '.join(sorted(rooms[room]))}")
        for group in cycles(rooms):
            print(f"  cycle: {', '.join(sorted(group))}")
        for name, found in places.items():
            print(f"  {name}: {', '.join(found) or 'none'}")


if __name__ == "__main__":
    main(sys.argv[1:])
