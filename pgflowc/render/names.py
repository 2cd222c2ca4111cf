"""Python names for slugs, types and JSON fields.

The rules are stable: a name depends on the slug alone, unless two slugs of one flow would get the same name;
then the one that comes first in the order of `claim` calls has it, and the others get trailing underscores.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# These lists are written out, because those of `keyword`, `builtins` and pydantic grow with their versions,
# and names
# must not depend on what is installed where the compiler runs.
_KEYWORDS = _words(
    """
    False None True and as assert async await break class continue def del elif else except finally for from
    global if import in is lambda nonlocal not or pass raise return try while with yield
    """
)
# Linters refuse these letters, because they look like digits.
_LOOK_ALIKES = frozenset({"l", "O", "I"})
# A name of ours would shadow these in handwritten code, or make a file that Python treats specially.
_MEANINGFUL = _words(
    """
    _ case match type __init__ __main__ __debug__
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex
    copyright credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr
    globals hasattr hash help hex id input int isinstance issubclass iter len license list locals map max
    memoryview min next object oct open ord pow print property quit range repr reversed round set setattr
    slice sorted staticmethod str sum super tuple vars zip NotImplementedError
    """
)
_UNUSABLE = _KEYWORDS | _LOOK_ALIKES | _MEANINGFUL
# Attributes of pydantic's BaseModel.
_MODEL_ATTRIBUTES = _words(
    """
    construct copy dict from_orm json parse_file parse_obj parse_raw schema schema_json update_forward_refs
    validate model_computed_fields model_config model_construct model_copy model_dump model_dump_json
    model_extra model_fields model_fields_set model_json_schema model_parametrized_name model_post_init
    model_rebuild model_validate model_validate_json model_validate_strings
    """
)

_NO_WORD = re.compile(r"[^A-Za-z0-9]+")


def identifier(slug: str) -> str:
    """The Python name of a slug, for modules and functions: the slug itself, or `class_` for `class`.

    `class_` is `class__` then, whether there is a `class` or not: no two slugs have one name, and a slug that
    is added later takes none away.
    """
    word = slug
    while word not in _UNUSABLE:
        if not word.endswith("_"):
            return slug
        word = word[:-1]
    return f"{slug}_"


def function_name(slug: str) -> str:
    """What the handler of a step is called: its slug, but never private, because the registry uses it.

    Underscores at the beginning go to the end: without them the function would be another step's, should a
    step `charge` ever stand beside `_charge`.
    """
    public = slug.lstrip("_")
    if not public.isidentifier():
        return f"step_{public}".rstrip("_")
    return identifier(public + "_" * (len(slug) - len(public)))


def pascal_case(text: str) -> str:
    """`process_order` as `ProcessOrder`; any text gives a name that can begin a class name."""
    words = _NO_WORD.split(text)
    joined = "".join(word[0].upper() + word[1:] for word in words if word)
    return joined if joined and not joined[0].isdigit() else f"X{joined}"


def constant_case(slug: str) -> str:
    """The name of a step's constant."""
    return slug.upper().lstrip("_") or "X"


def is_class_key(slug: str) -> bool:
    """Whether a class body can declare the key: not a keyword, and not `__name`, which would be mangled."""
    return slug not in _KEYWORDS and not slug.startswith("__")


class Scope:
    """The names of one Python scope: a name that is claimed again gets trailing underscores."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def copy(self) -> Scope:
        """A scope with the same names taken, to which claims here mean nothing."""
        return Scope(self._taken)

    def claim(self, name: str) -> str:
        """`name`, with as many underscores as make it free and usable."""
        if not (name.isascii() and name.isidentifier()):
            name = re.sub(r"\W", "_", name, flags=re.ASCII)
            if not name.isidentifier():
                name = f"X{name}"
        while name in self._taken or name in _UNUSABLE:
            name += "_"
        self._taken.add(name)
        return name


def attributes(names: Iterable[str], used_in_annotations: Iterable[str], *, model: bool) -> dict[str, str]:
    """Python attribute names for the keys of a JSON object, by key.

    A key is its own attribute when it can be: it is an identifier, no keyword, without leading underscore,
    not the name of a type that the same class uses in an annotation (the attribute would hide the type), and
    for a pydantic `model` not one of its methods. Otherwise it gets a name close to it, and needs an alias.
    The keys of a deps class are slugs, and are named as everywhere.
    """
    # What gives the others their aliases must not be hidden either.
    refused = {"Annotated", "Field", *used_in_annotations}
    refused |= _KEYWORDS | _LOOK_ALIKES | _MODEL_ATTRIBUTES if model else _UNUSABLE
    names = tuple(names)
    plain = {name for name in names if _is_attribute(name) and name not in refused}
    taken = {*refused, *plain}
    found: dict[str, str] = {}
    for name in names:
        attribute = name
        if name not in plain:
            attribute = _near_attribute(name)
            while attribute in taken:
                attribute += "_"
            taken.add(attribute)
        found[name] = attribute
    return found


def _is_attribute(name: str) -> bool:
    # Python normalises identifiers, so a name that changes under NFKC would not be the JSON key any more.
    return name.isidentifier() and not name.startswith("_") and unicodedata.normalize("NFKC", name) == name


def _near_attribute(name: str) -> str:
    words = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    if not words:
        return "field"
    return f"field_{words}" if words[0].isdigit() else words
