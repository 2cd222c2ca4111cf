"""3xx: payload types: `types`, `input` and `output`."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

MALFORMED = Code(
    "PGF301",
    Severity.ERROR,
    "a payload type cannot be read",
    cause="Payload types are names, 'T | U', 'map of T', '[T]' as texts; [T] as a list; {field: T} as a "
    "mapping.",
    example="flow: orders\ninput: {note: str or null}\nsteps: {charge: {}}",
    cure="Write the type as the help line shows. Quote a text that holds brackets.",
    cured="flow: orders\ninput: {note: str | null}\nsteps: {charge: {}}",
)
UNKNOWN_NAME = Code(
    "PGF302",
    Severity.ERROR,
    "a payload type has an unknown name",
    cause="The name is neither built in (str int float bool decimal date datetime time uuid bytes json any "
    "null) nor an "
    "entry of the flow's `types:`.",
    example="flow: orders\ninput: {order_id: integer}\nsteps: {charge: {}}",
    cure="Correct the name, or define it under `types:`.",
    cured="flow: orders\ninput: {order_id: int}\nsteps: {charge: {}}",
)
BAD_NAME = Code(
    "PGF303",
    Severity.ERROR,
    "a name under `types:` cannot be used",
    cause="Names of types are made of letters, digits and underscores (ASCII), and must not hide a built-in "
    "type.",
    example="flow: orders\ntypes:\n  str: {value: int}\nsteps: {charge: {}}",
    cure="Choose another name; by custom names begin with a capital, such as Item.",
    cured="flow: orders\ntypes:\n  Text: {value: str}\ninput: Text\nsteps: {charge: {}}",
)
ENDLESS = Code(
    "PGF304",
    Severity.ERROR,
    "a payload type has no finite values",
    cause="The type is defined by itself without an end: every value would have to hold another value of "
    "the type.",
    example="flow: orders\ntypes:\n  Node: {next: Node}\ninput: Node\nsteps: {charge: {}}",
    cure="Give the recursion an end: 'Node | null', [Node] or 'map of Node' inside an object.",
    cured="flow: orders\ntypes:\n  Node: {next: Node | null}\ninput: Node\nsteps: {charge: {}}",
)
REPEATED_MEMBER = Code(
    "PGF305",
    Severity.ERROR,
    "a union names the same type twice",
    cause="`T | T` is the same as `T`. It may be a slip for another type.",
    example="flow: orders\ninput: {id: int | str | int}\nsteps: {charge: {}}",
    cure="Remove the second mention, or write the type that was meant.",
    cured="flow: orders\ninput: {id: int | str}\nsteps: {charge: {}}",
)
BAD_ENUM = Code(
    "PGF306",
    Severity.ERROR,
    "an enum is not a list of distinct values",
    cause="`$enum` takes a list of at least one value; each is a text, an integer, true, false or null, and "
    "occurs once.",
    example="flow: orders\ninput: {channel: {$enum: [web, web]}}\nsteps: {charge: {}}",
    cure="List the allowed values. Fractions and nested values cannot be enumerated.",
    cured="flow: orders\ninput: {channel: {$enum: [web, phone]}}\nsteps: {charge: {}}",
)
BAD_ARRAY = Code(
    "PGF307",
    Severity.ERROR,
    "an array type does not have exactly one element type",
    cause="[T] is an array whose elements all have the type T. A list of several types is not a type.",
    example="flow: orders\ninput: {size: [int, int]}\nsteps: {charge: {}}",
    cure="Write ['T | U'] for mixed elements, {$enum: [a, b]} for a choice of values, an object for a fixed "
    "structure.",
    cured="flow: orders\ninput: {size: {width: int, height: int}}\nsteps: {charge: {}}",
)
UNKNOWN_DIRECTIVE = Code(
    "PGF308",
    Severity.ERROR,
    "a `$` key in a payload type that means nothing",
    cause="Keys that begin with $ are not fields: `$enum`, `$ref` and `$python` each stand alone in their "
    "mapping.",
    example="flow: orders\ninput: {channel: {$oneof: [web, phone]}}\nsteps: {charge: {}}",
    cure="Use {$enum: [...]} and no other key beside it, or rename the field.",
    cured="flow: orders\ninput: {channel: {$enum: [web, phone]}}\nsteps: {charge: {}}",
)
UNUSED = Code(
    "PGF309",
    Severity.WARNING,
    "a type under `types:` is not used",
    cause="Neither the input nor any output needs it.",
    example="flow: orders\ntypes:\n  Item: {sku: str}\nsteps: {charge: {}}",
    cure="Use it, or remove it.",
    cured="flow: orders\ntypes:\n  Item: {sku: str}\ninput: {items: [Item]}\nsteps: {charge: {}}",
)
RECURSIVE_ALIAS = Code(
    "PGF310",
    Severity.ERROR,
    "a type is defined by itself without an object between",
    cause="Recursive types become Python classes, so the way from a type back to itself must lead through "
    "an object.",
    example="flow: orders\ntypes:\n  Tree: [Tree]\ninput: Tree\nsteps: {charge: {}}",
    cure="Put an object between: Tree: {children: [Tree]}.",
    cured="flow: orders\ntypes:\n  Tree: {children: [Tree]}\ninput: Tree\nsteps: {charge: {}}",
)
BAD_PYTHON = Code(
    "PGF311",
    Severity.ERROR,
    "a value that names no Python class",
    cause="`$python` names an existing pydantic model by its module and its class, with a colon between.",
    example="flow: report\nsteps:\n  build:\n    output: {$python: shop.models.Report}",
    cure="Write module:Class, as in {$python: 'shop.models:Report'}.",
    cured='flow: report\nsteps:\n  build:\n    output: {$python: "shop.models:Report"}',
)
BAD_REFERENCE = Code(
    "PGF312",
    Severity.ERROR,
    "a `$ref` that leads to no schema",
    cause="`$ref` names a JSON Schema file of the project, relative to the file it stands in, and after # "
    "the way to a schema in it. Files outside the project and addresses on the network are never read.",
    example="flow: report\ninput: {$ref: 'schemas/report.json#/$defs/Input'}\nsteps: {build: {}}",
    cure="Correct the path, or put the schema there.",
    cured="flow: report\ninput: {day: date}\nsteps: {build: {}}",
)
UNSUPPORTED_SCHEMA = Code(
    "PGF313",
    Severity.ERROR,
    "a JSON Schema that has no payload type",
    cause="Payload types are read from type, properties, required, additionalProperties, items, enum, const, "
    "anyOf, oneOf, allOf of one schema, format and $ref. Other keywords that shape values cannot be turned "
    "into a type, and leaving them out would accept what the schema refuses.",
    example='{"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}',
    cure="Refer to a simpler schema, or write the type out under `types:`.",
)
UNCHECKED = Code(
    "PGF314",
    Severity.WARNING,
    "a JSON Schema has limits that payload types do not check",
    cause="Lengths, bounds and patterns are no part of payload types, so a payload beyond them is accepted.",
    example='{"type": "object", "properties": {"sku": {"type": "string", "maxLength": 12}}}',
    cure="Check them in the handler, or use `$python` with a pydantic model that does.",
)
NO_SUCH_CLASS = Code(
    "PGF315",
    Severity.ERROR,
    "`$python` names a class that is not there",
    cause="The module is read, without being imported, from the directory that holds your package, and has "
    "no class of that name: neither defined nor imported there.",
    example="flow: report\nsteps:\n  build:\n    output: {$python: 'shop.models:Reprot'}",
    cure="Correct the module or the class, or add the class.",
)
NOT_A_MODEL = Code(
    "PGF316",
    Severity.ERROR,
    "`$python` names something that is no pydantic model",
    cause="With --resolve the module was imported, as a worker would do, and that failed, or what it holds "
    "by that name is no subclass of pydantic's BaseModel.",
    example="$ pgflowc validate --resolve",
    cure="Mend the module so that it can be imported with the project's own Python, or name a model.",
)
