"""Faults of files and of the project's configuration: 050-069."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

MISSING = Code(
    "PGF050",
    Severity.ERROR,
    "a file does not exist",
    cause="The path was given on the command line or in pgflowc.toml, and nothing is there.",
    example="$ pgflowc validate flows/ordr.yaml",
    cure="Correct the path. It is taken relative to the directory the command runs in.",
    cured="$ pgflowc validate flows/order.yaml",
)

NOT_A_FILE = Code(
    "PGF051",
    Severity.ERROR,
    "something else stands where a file belongs",
    cause="The path names a directory, a pipe or a device; specs and configuration are regular files.",
    example="$ mkdir flows/copy.yaml && pgflowc validate",
    cure="Rename or remove what stands there.",
    cured="$ rmdir flows/copy.yaml && pgflowc validate",
)

UNREADABLE = Code(
    "PGF052",
    Severity.ERROR,
    "a file cannot be read",
    cause="The operating system refused: most often the permissions of the file or of a directory above it.",
    example="$ chmod 000 flows/order.yaml && pgflowc validate",
    cure="Give yourself the right to read it, for example with chmod u+r.",
    cured="$ chmod u+r flows/order.yaml && pgflowc validate",
)

NOT_UTF8 = Code(
    "PGF053",
    Severity.ERROR,
    "a file is not encoded in UTF-8",
    cause="The file holds bytes that are not valid UTF-8; perhaps it was saved as Latin-1 or UTF-16.",
    example="$ printf 'flow: menu\\ndescription: caf\\351\\nsteps: {cook: }\\n' > flows/menu.yaml "
    "&& pgflowc validate",
    cure="Save it as UTF-8, for example with: iconv -f latin1 -t utf-8 flows/order.yaml",
    cured="$ printf 'flow: menu\\ndescription: caf\\303\\251\\nsteps: {cook: }\\n' > flows/menu.yaml "
    "&& pgflowc validate",
)

NO_MATCH = Code(
    "PGF054",
    Severity.ERROR,
    "no spec was found",
    cause="No file matches the patterns, or the directory holds no .yaml, .yml or .toml file.",
    example='package = "shop"\nflows = ["workflows/*.yaml"]',
    cure="Correct the path or pattern. Quote patterns, so that the shell leaves them alone.",
    cured='package = "shop"\nflows = ["flows/*.yaml"]',
)

TOO_LARGE = Code(
    "PGF055",
    Severity.ERROR,
    "a file is too large to be a spec",
    cause="Specs are written by hand. A file of more than 8 MiB is something else, such as data or a log.",
    example="$ head -c 9000000 /dev/zero > flows/dump.yaml && pgflowc validate",
    cure="Name the spec instead, or split it: one flow per file is usual.",
    cured="$ rm flows/dump.yaml && pgflowc validate",
)

NO_PROJECT = Code(
    "PGF060",
    Severity.ERROR,
    "there is no pgflowc.toml",
    cause="The command needs a project: the directory, or one above it, that holds a file pgflowc.toml.",
    example="$ cd / && pgflowc validate",
    cure="Change to the project's directory, name it with --project DIR, or create the file:\n\n"
    'package = "shop"   # the Python package to write to',
    cured="$ pgflowc validate --project .",
)

UNKNOWN_SETTING = Code(
    "PGF061",
    Severity.ERROR,
    "an unknown setting in pgflowc.toml",
    cause="pgflowc.toml knows the settings package, flows, source_dir, migrations_dir, "
    "migrations_format and dsn, and the tables target (with cron) and worker.",
    example='packge = "shop"',
    cure="Correct the name or remove the line.",
    cured='package = "shop"',
)

BAD_SETTING = Code(
    "PGF062",
    Severity.ERROR,
    "a setting in pgflowc.toml has a value it cannot have",
    cause="package is a dotted Python name, flows a list of patterns, and the others are texts.",
    example='package = "my-shop"',
    cure="Give it a value of that kind.",
    cured='package = "my_shop"',
)

OUTSIDE = Code(
    "PGF063",
    Severity.ERROR,
    "a path leads out of the project",
    cause="pgflowc writes only below the directory of pgflowc.toml. Absolute paths, `..` and symbolic "
    "links that lead elsewhere are refused.",
    example='package = "shop"\nmigrations_dir = "../other/migrations"',
    cure="Move pgflowc.toml to the directory that holds both, or use a directory inside the project.",
    cured='package = "shop"\nmigrations_dir = "migrations"',
)

NO_PACKAGE = Code(
    "PGF064",
    Severity.ERROR,
    "the project names no package",
    cause="compile writes Python into a package of yours, and has to know which.",
    example='source_dir = "."',
    cure='Add package = "shop" (your package\'s name) to pgflowc.toml, or pass --package shop.',
    cured='package = "shop"',
)
