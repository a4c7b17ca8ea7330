"""Parts of this package as one Python script that needs no other part of it. Read `standalone` first.

The script has the unchanged source of the named functions and classes, and of everything of the package that they use,
so that it can't diverge from the package.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import re
import sys
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

PACKAGE = __name__.partition(".")[0]
ERRORS = f"{PACKAGE}.errors"
# Notes for this package's linters and type checker, which a script doesn't need.
_NOTES = re.compile(r"\s+# (?:type: ignore|noqa).*$", re.MULTILINE)
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__"}
# Methods that display or copy an object; no script needs them.
_NEVER = frozenset({"__repr__", "_repr_html_", "__reduce__", "__deepcopy__", "extra_repr"})

# A name in a module.
Place = tuple[str, str]
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def standalone(*roots: Place) -> str:
    """The source of some functions and classes, and of everything that they use from this package.

    Parameters
    ----------
    *roots : tuple of (str, str)
        Module, such as "hitl_widgets.learn.light", and name of each function or class.

    Returns
    -------
    str
        Imports of other packages, then definitions, each after those that it needs when it is executed. Errors of the
        package become plain `ValueError`s. Methods that nothing in the script calls are left out, except the public
        ones of the named classes.

    Raises
    ------
    ValueError
        When two modules define different things under one name, or something can't be read from the source.
    """
    found = _Found()
    for module, name in roots:
        found.roots.add((module, name))
        found.need(module, name)
    found.complete()
    return found.text()


@dataclass
class _Use:
    """What a piece of source uses: names, names in annotations, attributes of `self`, other attributes."""

    names: set[str] = field(default_factory=set)
    annotated: set[str] = field(default_factory=set)
    of_self: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)


class _Module:
    """The source of a module, by the names that its statements define."""

    def __init__(self, name: str) -> None:
        self.name = name
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        with open(spec.origin, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.statements: dict[str, list[ast.stmt]] = {}
        self.inside: dict[str, tuple[str, str]] = {}  # name -> module of the package, and the name there
        self.outside: dict[str, set[str]] = {}  # name -> the lines that import it
        for statement in ast.parse("\n".join(self.lines)).body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self._take_import(statement)
            else:
                for defined in _defined(statement):
                    self.statements.setdefault(defined, []).append(statement)

    def _take_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        if isinstance(statement, ast.ImportFrom):
            relative = "." * statement.level + (statement.module or "")
            origin = importlib.util.resolve_name(relative, self.name.rpartition(".")[0])
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            suffix = f" as {alias.asname}" if alias.asname else ""
            if isinstance(statement, ast.Import):
                self.outside.setdefault(bound, set()).add(f"import {alias.name}{suffix}")
            elif origin.partition(".")[0] == PACKAGE:
                self.inside[bound] = origin, alias.name
            elif origin != "__future__":
                self.outside.setdefault(bound, set()).add(f"from {origin} import {alias.name}{suffix}")

    def source(self, statement: ast.stmt, leaving_out: Iterable[ast.stmt] = ()) -> str:
        """The source of a statement with the comments above it, leaving out the lines of some of its parts."""
        first, last = self._span(statement)
        gone = {line for part in leaving_out for line in range(self._span(part)[0], self._span(part)[1] + 1)}
        text = "\n".join(line for number, line in enumerate(self.lines[first - 1:last], first) if number not in gone)
        return re.sub(r"\n{2,}(?=\n    \S)", "\n", _NOTES.sub("", text)).rstrip()

    def _span(self, statement: ast.stmt) -> tuple[int, int]:
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(one.lineno for one in decorators)])
        while first > 1 and self.lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return first, statement.end_lineno or statement.lineno


@cache
def _module(name: str) -> _Module:
    return _Module(name)


@dataclass
class _Class:
    """A class in the script."""

    place: Place
    node: ast.ClassDef
    bases: list[Place]
    kept: set[str] = field(default_factory=set)

    def methods(self) -> Iterator[_Function]:
        return (part for part in self.node.body if isinstance(part, _Function))


class _Found:
    """The content of a script so far."""

    def __init__(self) -> None:
        self._places: dict[Place, None] = {}
        self._classes: dict[Place, _Class] = {}
        self._outside: dict[str, set[str]] = {}
        self._aliases: dict[str, str] = {}
        self._errors: set[str] = set()
        self._attributes: set[str] = set()
        self._of_self: dict[Place, set[str]] = {}
        self._owners: dict[str, Place] = {}
        self.roots = set[Place]()

    def need(self, module: str, name: str) -> None:
        """Add what a name in a module stands for, with everything that it uses."""
        of_module = _module(module)
        if name in of_module.inside:
            origin, original = of_module.inside[name]
            if origin == ERRORS:
                self._errors.add(original)
            else:
                self.need(origin, original)
            if name != original:
                self._alias(name, original)
        elif name in of_module.outside:
            self._import(name, of_module.outside[name])
        elif name in of_module.statements:
            self._define(of_module, name)
        elif name not in _BUILTINS:
            raise ValueError(f"{name!r} isn't defined in {module}.")

    def complete(self) -> None:
        """Add the methods that are called, until there are no further ones."""
        changed = True
        while changed:
            changed = False
            for one in list(self._classes.values()):
                is_face = bool(self._family(one.place) & self.roots)
                called = self._attributes | set().union(*(self._of_self.get(place, set())
                                                          for place in self._family(one.place)))
                for method in one.methods():
                    if method.name not in one.kept and method.name not in _NEVER \
                            and (method.name in called or _is_special(method.name)
                                 or (is_face and not method.name.startswith("_"))):
                        one.kept.add(method.name)
                        self._use(one.place[0], _used(method), one.place)
                        changed = True

    def text(self) -> str:
        """The script."""
        parts = ["\n".join(_import_lines(set().union(*self._outside.values())))]
        parts += [f"class {name}(ValueError):\n    \"\"\"What was given can't be used; the message says why.\"\"\""
                  for name in sorted(self._errors)]
        for module in self._order():
            names = [name for origin, name in self._places if origin == module]
            of_module = _module(module)
            statements = {id(one): one for name in names for one in of_module.statements[name]}
            pieces = list[tuple[bool, str]]()
            for statement in sorted(statements.values(), key=lambda one: one.lineno):
                dropped = []
                if isinstance(statement, ast.ClassDef):
                    of_class = self._classes[module, statement.name]
                    dropped = [method for method in of_class.methods() if method.name not in of_class.kept]
                pieces.append((isinstance(statement, (*_DEFINITIONS,)), of_module.source(statement, dropped)))
            parts += _joined(pieces)
            parts += [f"{alias} = {name}" for alias, name in self._aliases.items() if name in names]
        return "\n\n\n".join(parts) + "\n"

    def _define(self, module: _Module, name: str) -> None:
        place = module.name, name
        if place in self._places:
            return
        if (other := self._owners.setdefault(name, place)) != place:
            raise ValueError(f"{name!r} is defined in {other[0]} and in {module.name}; one script can't have both.")
        self._places[place] = None
        for statement in module.statements[name]:
            for together in _defined(statement):
                if (module.name, together) not in self._places:
                    self._owners.setdefault(together, (module.name, together))
                    self._places[module.name, together] = None
            if isinstance(statement, ast.ClassDef):
                bases = [self._origin(module, base.id) for base in statement.bases
                         if isinstance(base, ast.Name) and base.id not in _BUILTINS]
                self._classes[place] = _Class(place, statement, bases)
                for part in (*statement.decorator_list, *statement.bases,
                             *(one for one in statement.body if not isinstance(one, _Function))):
                    self._use(module.name, _used(part), place)
            else:
                self._use(module.name, _used(statement), None)

    def _use(self, module: str, use: _Use, owner: Place | None) -> None:
        self._attributes |= use.attributes
        if owner is None:
            self._attributes |= use.of_self
        else:
            self._of_self.setdefault(owner, set()).update(use.of_self)
        for name in sorted(use.names):
            self.need(module, name)
        outside = _module(module).outside
        for name in sorted(use.annotated & outside.keys()):
            self._import(name, outside[name])

    def _origin(self, module: _Module, name: str) -> Place:
        return module.inside.get(name, (module.name, name))

    def _family(self, place: Place) -> set[Place]:
        """A class with all its base classes and all its subclasses."""
        family = {place}
        while True:
            more = {base for one in family if one in self._classes for base in self._classes[one].bases} \
                | {one.place for one in self._classes.values() if family & set(one.bases)}
            if more <= family:
                return family
            family |= more

    def _import(self, name: str, lines: Iterable[str]) -> None:
        for line in lines:
            known = self._outside.setdefault(name, set())
            # Modules of one package, such as torch and torch.nn, are imported under one name.
            if any(other != line and not _is_of_package(other, line) for other in known):
                raise ValueError(f"{name!r} is imported by {sorted(known)} and by {line!r}; a script can't have both.")
            known.add(line)

    def _alias(self, alias: str, name: str) -> None:
        if self._aliases.setdefault(alias, name) != name:
            raise ValueError(f"{alias!r} stands for {self._aliases[alias]!r} and for {name!r}.")

    def _order(self) -> list[str]:
        """The modules in order of dependency: each after those from which it imports."""
        wanted = list(dict.fromkeys(module for module, _ in self._places))
        order: dict[str, None] = {}

        def visit(module: str, above: tuple[str, ...]) -> None:
            for origin, _ in _module(module).inside.values():
                if origin not in above and origin != ERRORS and origin not in order:
                    visit(origin, (*above, module))
            order[module] = None
        for module in wanted:
            visit(module, ())
        return [module for module in order if module in wanted]


def _is_of_package(line: str, other: str) -> bool:
    return all(one.startswith("import ") and " as " not in one for one in (line, other))


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _joined(pieces: list[tuple[bool, str]]) -> list[str]:
    """The pieces of a module as text; consecutive statements form one paragraph."""
    joined: list[str] = []
    plain = False
    for is_definition, text in pieces:
        if joined and plain and not is_definition:
            joined[-1] += f"\n{text}"
        else:
            joined.append(text)
        plain = not is_definition
    return joined


def _import_lines(lines: Iterable[str]) -> list[str]:
    """The imports: the standard library first; those from one module joined in one line."""
    plain, of_module = set[str](), dict[str, set[str]]()
    for line in lines:
        if line.startswith("from "):
            origin, _, name = line[5:].partition(" import ")
            of_module.setdefault(origin, set()).add(name)
        else:
            plain.add(line)
    every = [*sorted(plain), *(f"from {origin} import {', '.join(sorted(names))}"
                               for origin, names in sorted(of_module.items()))]

    def is_standard(line: str) -> bool:
        return line.split()[1].partition(".")[0] in sys.stdlib_module_names
    standard = [line for line in every if is_standard(line)]
    others = [line for line in every if not is_standard(line)]
    return [*standard, *([""] if standard and others else []), *others]


def _is_special(name: str) -> bool:
    return name == "forward" or (name.startswith("__") and name.endswith("__"))


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines, or changes."""
    if isinstance(statement, _DEFINITIONS):
        return [statement.name]
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
                 and isinstance(node.ctx, ast.Store)]
        if isinstance(statement, ast.For):  # what its body assigns to, such as a table
            names = [node.value.id for node in ast.walk(statement) if isinstance(node, ast.Subscript)
                     and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name)]
        return names
    return []


def _used(node: ast.AST) -> _Use:
    visitor = _Uses()
    visitor.visit(node)
    return visitor.use


class _Uses(ast.NodeVisitor):
    """Collects what a piece of source uses; annotations aren't evaluated, so only other packages count there."""

    def __init__(self) -> None:
        self.use, self._bound = _Use(), list[set[str]]()

    def visit_Name(self, node: ast.Name) -> None:
        """Record a name that isn't bound in the piece itself."""
        if isinstance(node.ctx, ast.Load) and not any(node.id in names for names in self._bound):
            self.use.names.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Record an attribute, of `self` or of anything else."""
        of_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        (self.use.of_self if of_self else self.use.attributes).add(node.attr)
        self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Visit a function with its own names bound."""
        for outside in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if outside is not None:
                self.visit(outside)
        arguments = node.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs,
                 *filter(None, (arguments.vararg, arguments.kwarg)))
        for annotation in (node.returns, *(one.annotation for one in every)):
            self._annotated(annotation)
        self._within({one.arg for one in every}, node.body)
        if self._bound:
            self._bound[-1].add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Visit a lambda with its arguments bound."""
        for outside in node.args.defaults:
            self.visit(outside)
        self._within({one.arg for one in node.args.args}, [node.body])

    def visit_For(self, node: ast.For) -> None:
        """Visit a loop with its own names bound."""
        self._within({one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)},
                     [node.iter, *node.body, *node.orelse])

    def visit(self, node: ast.AST) -> None:
        """Visit a piece of source; the names that a comprehension binds are its own, also outside of functions."""
        if not isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            super().visit(node)
            return
        self._bound.append({one.id for part in ast.walk(node) if isinstance(part, ast.comprehension)
                            for one in ast.walk(part.target) if isinstance(one, ast.Name)})
        self.generic_visit(node)
        self._bound.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Record the names of the annotation separately."""
        self._annotated(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Refuse imports of the package inside a function: the script has no such module."""
        if node.level or (node.module or "").partition(".")[0] == PACKAGE:
            raise ValueError(f"line {node.lineno} imports {node.module} inside a function; the "
                             f"script can't contain this, since it doesn't import {PACKAGE}.")
        for alias in node.names:
            if self._bound:
                self._bound[-1].add(alias.asname or alias.name)

    def _annotated(self, annotation: ast.expr | None) -> None:
        if annotation is not None:
            self.use.annotated |= {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}

    def _within(self, names: set[str], body: Iterable[ast.AST]) -> None:
        body = list(body)
        inside = {node.id for part in body for node in ast.walk(part)
                  if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        inside |= {node.name for part in body for node in ast.walk(part)
                   if isinstance(node, (*_DEFINITIONS, ast.ExceptHandler)) and node.name}
        self._bound.append(names | inside)
        for part in body:
            self.visit(part)
        self._bound.pop()


def place_of(value: type | types.FunctionType) -> Place:
    """Module and name of a function or class of this package."""
    return value.__module__, value.__name__
