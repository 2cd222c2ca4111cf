"""0xx: the text is not YAML or TOML, or uses a part of YAML that specs do without."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

INVALID_YAML = Code(
    "PGF001",
    Severity.ERROR,
    "the text is not valid YAML",
    cause="The YAML parser refuses what stands here. The value or step was passed over; the rest of the file "
    "was checked, but for what may depend on it.",
    example='flow: orders\nsteps:\n  charge: "now" please',
    cure="Mend the place under the carets; the text that belongs there is usually named in the message.",
    cured='flow: orders\nsteps:\n  charge: {description: "now please"}',
)
INVALID_TOML = Code(
    "PGF002",
    Severity.ERROR,
    "the text is not valid TOML",
    cause="The TOML parser refuses what stands here. The statement, or the whole table if its header is at "
    "fault, was passed over; the rest of the file was checked.",
    example="flow = orders\n[steps.charge]",
    cure='Mend the place under the carets. Texts need quotes in TOML (flow = "orders"), keys are set with '
    '"=".',
    cured='flow = "orders"\n[steps.charge]',
)
DUPLICATE_KEY = Code(
    "PGF003",
    Severity.ERROR,
    "a key occurs twice in the same mapping",
    cause="YAML parsers silently keep one of the two values; which one depends on the parser. pgflowc "
    "refuses the second.",
    example="flow: orders\nsteps:\n  charge: {timeout: 30}\n  charge: {timeout: 60}",
    cure="Rename or remove one of the two. Steps need distinct slugs.",
    cured="flow: orders\nsteps:\n  charge: {timeout: 30}\n  charge_again: {timeout: 60}",
)
TAB = Code(
    "PGF004",
    Severity.ERROR,
    "a tab in the indentation",
    cause="YAML allows only spaces before a key or a list item.",
    example="flow: orders\nsteps:\n\tcharge: {timeout: 30}",
    cure="Indent with spaces, two per level.",
    cured="flow: orders\nsteps:\n  charge: {timeout: 30}",
)
INDENTATION = Code(
    "PGF005",
    Severity.ERROR,
    "the indentation fits no open level",
    cause="A line is indented more or less than the keys it should stand beside.",
    example="flow: orders\nsteps:\n  charge:\n      timeout: 30\n    max_attempts: 3",
    cure="Give all keys of one mapping the same indentation.",
    cured="flow: orders\nsteps:\n  charge:\n    timeout: 30\n    max_attempts: 3",
)
UNQUOTED = Code(
    "PGF006",
    Severity.ERROR,
    "a text begins with a character that has a meaning of its own in YAML",
    cause="A value that begins with * & ! % @ ` | or > is not a plain text: * names an alias, & an anchor, "
    "! a tag.",
    example="description: *every* order",
    cure="Put the text in quotes.",
    cured='flow: orders\ndescription: "*every* order"\nsteps: {charge: }',
)
ALIAS = Code(
    "PGF007",
    Severity.ERROR,
    "anchors, aliases and merge keys are not part of the spec language",
    cause="A few lines of aliases can expand to gigabytes, and a shared value has no place of its own to "
    "point at.",
    example="flow: orders\nsteps:\n  a: &slow {timeout: 600}\n  b: *slow",
    cure="Write the value out. Options that all steps share belong to the flow; payload types that are "
    "shared, to `types:`.",
    cured="flow: orders\ntimeout: 600\nsteps:\n  a: {}\n  b: {}",
)
TAG = Code(
    "PGF008",
    Severity.ERROR,
    "tags are not part of the spec language",
    cause="A word that begins with ! asks the YAML parser to build something other than texts, numbers, "
    "lists and mappings.",
    example="flow: orders\ntimeout: !!int 30\nsteps: {charge: }",
    cure="Remove the tag, or put the value in quotes if it is a text that begins with !.",
    cured="flow: orders\ntimeout: 30\nsteps: {charge: }",
)
UNCLOSED = Code(
    "PGF009",
    Severity.ERROR,
    "a bracket or a quote is not closed",
    cause="A list, mapping or quoted text was opened and its end is missing, or something stands in it that "
    "cannot stand there.",
    example="input: {order_id: int, items: [Item}",
    cure="Close it, and check commas between the members. Inside brackets, quote texts that hold brackets "
    "or commas.",
    cured="flow: orders\ninput: {order_id: int, items: [str]}\nsteps: {charge: }",
)
TOO_DEEP = Code(
    "PGF010",
    Severity.ERROR,
    "the nesting is too deep",
    cause="Lists and mappings are nested more than 64 levels deep, which no spec needs.",
    example=f"flow: orders\ninput: {'[' * 65}int{']' * 65}\nsteps: {{charge: }}",
    cure="Give the inner parts names under `types:` and use the names.",
    cured="flow: orders\ninput: [[int]]\nsteps: {charge: }",
)
EMPTY = Code(
    "PGF011",
    Severity.ERROR,
    "there is no flow in the file",
    cause="The file is empty, or holds only comments.",
    example="# flows of the shop",
    cure="Write a flow (`flow: NAME` and `steps:`) or a job (`job: NAME` and `perform:`), or remove the "
    "file.",
    cured="# flows of the shop\nflow: orders\nsteps: {charge: }",
)
KEY_NOT_TEXT = Code(
    "PGF012",
    Severity.ERROR,
    "a key is not a text",
    cause="A list or mapping stands where a key belongs. This is what `{{ name }}` of a template language "
    "looks like to YAML.",
    example="{{ flow_name }}: 1",
    cure="Use a plain word as the key. Values that begin with a brace need quotes.",
    cured="flow: orders\nsteps: {charge: }",
)
CHARACTER = Code(
    "PGF013",
    Severity.ERROR,
    "a character that cannot be part of a spec",
    cause="Control characters, NUL and lone surrogates are either invisible or cannot be stored by "
    "PostgreSQL.",
    example='flow: orders\ndescription: "ends with \\0"\nsteps: {charge: }',
    cure="Remove the character. A file full of them is probably not a text file, or not in UTF-8.",
    cured="flow: orders\ndescription: ends with nothing odd\nsteps: {charge: }",
)
NOT_JSON = Code(
    "PGF014",
    Severity.ERROR,
    "a value that JSON does not have",
    cause="Infinity, NaN, numbers beyond any double, and the dates and times of TOML have no counterpart in "
    "JSON.",
    example="flow: orders\ntimeout: .inf\nsteps: {charge: }",
    cure="Write a number, or put the value in quotes to make it a text.",
    cured="flow: orders\ntimeout: 30d\nsteps: {charge: }",
)
COLON = Code(
    "PGF015",
    Severity.ERROR,
    "a colon in the middle of a text",
    cause="A colon followed by a blank makes a key of what stands before it, and a key cannot stand here.",
    example="description: Two steps: charge and confirm",
    cure="Put the text in quotes. If a key was meant, begin a new line for it.",
    cured='flow: orders\ndescription: "Two steps: charge and confirm"\n'
    "steps: {charge: , confirm: {depends_on: [charge]}}",
)
