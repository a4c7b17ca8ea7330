"""TypeScript of the messages: ``python tests/widgets/typescript.py`` writes js/messages.d.ts."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import hitl_widgets
from hitl_widgets.records import Region, Seen
from hitl_widgets.taxonomy.edits import Edit
from hitl_widgets.widgets import messages
from hitl_widgets.widgets.messages import Values

FILE = Path(hitl_widgets.__file__).parent / "widgets" / "js" / "messages.d.ts"
SIMPLE = {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null", Any: "unknown",
          datetime: "string", Values: "Record<string, number | string>", Edit: "object", Region: "RegionEntry"}
HEAD = "// Made of widgets/messages.py by `python tests/widgets/typescript.py`: edit that one.\n"


def type_of(hint: Any) -> str:
    """What TypeScript calls a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in arguments)
    if origin in (Union, UnionType):
        return " | ".join(map(type_of, arguments))
    if origin in (list, tuple) and (origin is list or arguments[1:] == (...,)):
        inner = type_of(arguments[0])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if origin is tuple:
        return f"[{', '.join(map(type_of, arguments))}]"
    if arguments and arguments[0] is str:
        return f"Record<string, {type_of(arguments[1])}>"
    return str(hint.__name__)


def interface(kind: type) -> str:
    """What TypeScript calls an act, a reply, a push, or a part of one."""
    hints = get_type_hints(kind)
    if is_typeddict(kind):
        members = [(name, name in vars(kind)["__optional_keys__"], hints[name]) for name in hints]
    else:
        members = [("kind", False, Literal[kind.KIND])] if hasattr(kind, "KIND") else []
        for field in fields(kind):
            optional = field.default is not MISSING or field.default_factory is not MISSING
            hint = hints[field.name]
            if optional and NoneType in get_args(hint):  # left out where there is none
                hint = Union[tuple(argument for argument in get_args(hint) if argument is not NoneType)]  # noqa: UP007
            members.append((field.name, optional, hint))
    lines = [f"  {name}{'?' if optional else ''}: {type_of(hint)};" for name, optional, hint in members]
    doc = " ".join((kind.__doc__ or "").split("Parameters")[0].split())
    return f"/** {doc} */\nexport interface {kind.__name__} {{\n" + "\n".join(lines) + "\n}\n"


def typescript() -> str:
    """The whole of messages.d.ts."""
    own = [value for name, value in vars(messages).items() if isinstance(value, type) and not name.startswith("_")
           and value.__module__ == messages.__name__]
    kinds = [Seen, *(kind for kind in own if is_typeddict(kind) or is_dataclass(kind))]
    unions = {name: value for name, value in vars(messages).items()
              if get_origin(value) is UnionType and name not in ("AnyAct", "Reply", "Push")}
    aliases = [f"export type {name} = {type_of(value)};\n" for name, value in
               {**unions, "KeyTable": messages.KeyTable, "Certainty": messages.Certainty}.items()]
    bases = (messages.Act, messages.SignedAct)
    return "\n".join([HEAD, *(interface(kind) for kind in kinds if kind not in bases), *aliases])


if __name__ == "__main__":
    FILE.write_text(typescript(), "utf-8")
