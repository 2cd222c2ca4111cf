"""The Python of former versions: found in what the last compilation wrote, and kept from then on.

The spec of a former version is gone, so its module and its handlers are the files as they were. Which
handlers it has, the registry of the last compilation says; from then on the lock does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.plan import FlowCode, Lock, LockedFlow, LockedVersion, definition_hash
from pgflowc.plan.versions import module_slug, stored_slug
from pgflowc.render.header import is_untouched, seal
from pgflowc.render.names import identifier
from pgflowc.render.written_handlers import read_handlers

KnownCode = Callable[[str, int, LockedFlow], FlowCode | str]
"""From a name, a version and its entry in the lock to its Python, or to what is wrong with it."""


def module_name(slug: str) -> str:
    """What the modules of a flow are called."""
    return identifier(slug.lower())


def known_code(package: str, directory: str, present: Mapping[str, bytes]) -> KnownCode:
    """Looks at the files of the package in `directory`, when it is asked."""

    @cache
    def registered() -> dict[str, FlowCode]:
        text = present.get(f"{directory}/registry.py", b"").decode("utf-8", "replace")
        return _registered(package, text) if is_untouched(text) else {}

    def code(name: str, version: int, entry: LockedFlow) -> FlowCode | str:
        hash_ = definition_hash(stored_slug(name, version), entry.shape)
        current, former = module_name(name), module_name(module_slug(name, version))
        # The former one is there when the lock of before was restored.
        for module in (former, current):
            path = f"{directory}/_generated/{module}.py"
            if not is_version(present.get(path), hash_):
                continue
            found = registered().get(module)
            if found is None or found.functions.keys() != _handled(entry):
                return f"{directory}/registry.py is not what was compiled before; restore it (git checkout)"
            own = {one for one in found.functions.values() if ":" not in one}
            if problem := _lacking(f"{directory}/handlers/{module}.py", own, present):
                return problem
            return FlowCode(former, found.flow, found.handlers, found.functions)
        path = f"{directory}/_generated/{current}.py"
        return f"{path} is not what was compiled before; restore it (git checkout)"

    return code


def _handled(entry: LockedFlow) -> set[str]:
    return {step.slug for step in entry.steps if not step.is_approval}


def _lacking(path: str, functions: Set[str], present: Mapping[str, bytes]) -> str:
    """Why a file of handlers is not that of the version any more; empty if it is, or nobody can tell."""
    if functions and path not in present:
        return f"{path} is missing; restore it (git checkout)"
    try:
        bound = read_handlers(path, present.get(path, b"").decode("utf-8").removeprefix("\ufeff"), "").bound
    except (SyntaxError, ValueError, RecursionError):
        return ""  # told where stubs are added to it
    lost = sorted(functions - bound) if "*" not in bound else []
    if not lost:
        return ""
    return f"{path} has no '{lost[0]}' any more; compile with the handlers as they were, and change them then"


def is_version(content: bytes | None, hash_: str) -> bool:
    """Whether a file is the generated module of the definition with that hash, as it was written."""
    if content is None:
        return False
    text = content.decode("utf-8", "replace")
    return f'definition_hash="{hash_}"' in text and is_untouched(text)


def former_module(text: str, name: str, version: int) -> str:
    """The generated module of the current version as that of a former one."""
    first, _, _, rest = text.replace("\r\n", "\n").split("\n", 3)
    second = f"# Do not edit: version {version} of {name}, until `pgflowc versions retire {name} {version}`."
    return seal(f"{first}\n{second}\n{rest}")


def _registered(package: str, text: str) -> dict[str, FlowCode]:
    """What a registry of ours says, by generated module."""
    tree = ast.parse(text)
    names = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found = {}
    for node in tree.body:
        match node:
            case ast.Expr(
                ast.Call(
                    ast.Attribute(ast.Name("registry"), "add"),
                    [ast.Name(flow), ast.Call(ast.Name(table), [ast.Dict(keys, values)])],
                )
            ):
                origin, flow_name = names[flow]
                module = origin.rpartition(".")[2]
                functions = {
                    str(ast.literal_eval(key)): _function(package, module, names, value)
                    for key, value in zip(keys, values, strict=True)
                    if key is not None
                }
                found[module] = FlowCode(module, flow_name, names[table][1], functions)
            case _:
                pass
    return found


def _function(package: str, module: str, names: Mapping[str, tuple[str, str]], value: ast.expr) -> str:
    """A function of the flow's own file of handlers, or `module:function`."""
    if isinstance(value, ast.Call):
        value = value.args[1]  # cast(Any, function)
    base, dot, rest = ast.unparse(value).partition(".")
    origin, name = names[base]
    if (origin, name) == (f"{package}.handlers", module):
        return rest
    return rest if f"{origin}.{name}" == f"{package}.handlers.{module}" else f"{origin}:{name}{dot}{rest}"


@dataclass(frozen=True, slots=True)
class FormerFiles:
    """The modules of former versions, and the files of handlers that are written for them, by path."""

    generated: dict[str, str]
    handlers: dict[str, str]


def former_files(
    package: str,
    python: Callable[..., str],
    lock: Lock,
    flows: Mapping[str, LockedFlow],
    present: Mapping[str, bytes],
    report: Report,
) -> FormerFiles:
    """The files of all former versions of `flows`; those that the `lock` has not yet are made from the files
    that are there, and the others are kept. `python` gives the path of a file of the package.

    Reported is what is missing, and handlers that two versions have in common.
    """
    files = FormerFiles({}, {})
    for name, entry in flows.items():
        locked = lock.flows.get(name)
        known = {one.version for one in locked.former} if locked else set[int]()
        for former in entry.former:
            _add(files, package, python, name, former, present, report, is_new=former.version not in known)
    return files


def _add(
    files: FormerFiles,
    package: str,
    python: Callable[..., str],
    name: str,
    former: LockedVersion,
    present: Mapping[str, bytes],
    report: Report,
    *,
    is_new: bool,
) -> None:
    code, current = former.code, module_name(name)
    hash_ = definition_hash(stored_slug(name, former.version), former.shape)
    path, source = python("_generated", f"{code.module}.py"), python("_generated", f"{current}.py")
    if is_version(present.get(path), hash_):
        files.generated[path] = present[path].decode()
    elif is_new:
        files.generated[path] = former_module(present[source].decode(), name, former.version)
    else:
        _report_gone(path, name, former.version, path in present, report)
        if path in present:
            # Told once, and left as it is.
            files.generated[path] = present[path].decode("utf-8", "replace")
    own = [one for one in code.functions.values() if ":" not in one]
    path, source = python("handlers", f"{code.module}.py"), python("handlers", f"{current}.py")
    if own and path not in present:
        if not is_new:
            _report_gone(path, name, former.version, False, report)
            return
        # Slow to import, and needed only when a version is new.
        from pgflowc.render.copied_handlers import copy_handlers

        # A file that cannot be read is reported where stubs are added to it.
        with suppress(UnicodeDecodeError, SyntaxError, RecursionError):
            text = present[source].decode("utf-8")
            files.handlers[path] = copy_handlers(text, package, current, code.module)
    shared = sorted(one for one in code.functions.values() if ":" in one)
    if is_new and shared:
        message = f"version {former.version} of {former.kind} '{name}' goes on calling {', '.join(shared)}"
        help = ("let it take the payloads of both versions, or name another function for the new one",)
        report.add(Diagnostic(generated.SHARED_HANDLER, message, help=help))


def _report_gone(path: str, name: str, version: int, is_there: bool, report: Report) -> None:
    problem = "was edited by hand" if is_there else "is missing"
    message = f"{path} {problem}, and version {version} of '{name}' may have runs alive that need it"
    help = (f"git checkout -- {path}", f"or end the version: pgflowc versions retire {name} {version}")
    report.add(Diagnostic(generated.FORMER_CODE, message, help=help))
