"""`make demo`: compiles both examples, starts PostgreSQL, applies, runs them, and shows what came out.

It does its work through the commands that it prints. It may run any number of times: the servers are reused,
nothing is compiled or applied twice, and every time there are new runs.
"""

from __future__ import annotations

import json
import mailbox
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
from pgflowc_runtime import Client
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from demo_board import Board, Watched
from demo_shell import BIN, CHECKOUT, DemoError, Shell, mail_server

ARTICLES, ORDERS = "examples/articles", "examples/orders"
PROJECTS = (ARTICLES, ORDERS)
# Runs that have not ended by then are stuck.
DEADLINE_SECONDS = 60.0
CARTS = (
    ("ada@shop.example", "tok_visa", "web", {"kettle": 1, "assam": 2}),
    ("joan@shop.example", "tok_flaky", "phone", {"teapot": 1, "mug": 4}),
)


def main() -> int:
    """Tell the story; 0 if it came to its end, 1 if something failed."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without UTF-8 shows ? for ✔
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        with ExitStack() as stack:
            tell(console, stack)
    except DemoError as error:
        console.print(f"The demo failed: {error}", style="bold red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped, and the workers with it. `make clean` stops the PostgreSQL servers.")
        return 1
    return 0


def tell(console: Console, stack: ExitStack) -> None:
    """The story, in order. Raises DemoError."""
    shell = Shell(console)

    headline(console, "1  Compile the specs to SQL and typed Python")
    for project in PROJECTS:
        shell.run("compile", "--project", project)
    show_migration(console, CHECKOUT / ORDERS / "migrations")

    headline(console, "2  Start PostgreSQL and apply the migrations")
    for project in PROJECTS:
        shell.run("db", "up", "--project", project)
    dsns = {project: database(shell, project) for project in PROJECTS}

    headline(console, "3  Start runs, and a worker for each project")
    runs = start_runs(shell, dsns)
    inbox = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pgflowc-demo-"))) / "mail"
    shell.environment["SHOP_SMTP"] = stack.enter_context(mail_server(inbox))
    workers = [stack.enter_context(shell.worker(project)) for project in PROJECTS]
    console.print()
    board = Board(console, {project: stack.enter_context(Client(dsn)) for project, dsn in dsns.items()})
    deadline = time.monotonic() + DEADLINE_SECONDS
    if not board.watch(
        runs, lambda: time.monotonic() > deadline or any(not worker.alive for worker in workers)
    ):
        for worker in workers:
            console.print(f"the end of {worker.log}:\n{worker.tail()}", markup=False, soft_wrap=True)
        raise DemoError("not all runs have completed")
    console.print()

    headline(console, "4  What came out")
    show_articles(console, dsns[ARTICLES])
    shell.run("runs", "show", runs[-1].run_id, "--project", ORDERS)
    show_mail(console, inbox)
    show_next(console, runs[-1].run_id)


def headline(console: Console, text: str) -> None:
    """Begin a part of the story."""
    console.rule(f"[bold]{text}[/]", align="left")


def show_migration(console: Console, directory: Path) -> None:
    """The statements of the migration that defines the flow process_order."""
    [path] = directory.glob("*_create_process_order.sql")
    console.print(path.relative_to(CHECKOUT), style="bold")
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("SELECT"):
            console.print(f"  {line}", markup=False, no_wrap=True, overflow="ellipsis")
    console.print()


def database(shell: Shell, project: str) -> str:
    """DSN of the project's embedded server."""
    status = shell.ask("db", "status", "--json", "--project", project, show=False)
    return str(json.loads(status)["dsn"])


def start_runs(shell: Shell, dsns: dict[str, str]) -> list[Watched]:
    """One run that loads the articles, and one for each cart."""
    with psycopg.connect(dsns[ORDERS]) as connection:
        row = connection.execute("select coalesce(max(order_id), 1000) from shop.orders").fetchone()
    highest = int(row[0]) if row else 1000
    runs = [start(shell, ARTICLES, "load_articles", "articles", {"directory": "html"})]
    for order_id, (email, card, channel, cart) in enumerate(CARTS, highest + 1):
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in cart.items()]
        order = {"order_id": order_id, "email": email, "card": card, "channel": channel, "items": items}
        runs.append(start(shell, ORDERS, "process_order", f"order {order_id}", order))
    return runs


def start(shell: Shell, project: str, flow: str, name: str, value: object) -> Watched:
    """Start a run from the command line."""
    answer = shell.ask("start", flow, "--project", project, "--json", "--input", json.dumps(value))
    return Watched(name, project, json.loads(answer)["run_id"])


def show_articles(console: Console, dsn: str) -> None:
    """The table `articles`, read back from PostgreSQL."""
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for heading, width in (("title", 30), ("author", 16), ("published", 10), ("lang", 4)):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", width=width)
    table.add_column("minutes", justify="right", width=7)
    table.add_column("keywords", no_wrap=True, overflow="ellipsis", ratio=1)
    query = "select title, author, published, language, minutes, keywords from public.articles order by slug"
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(query).fetchall()
    for title, author, published, language, minutes, keywords in rows:
        table.add_row(title, author, str(published or ""), language, str(minutes), ", ".join(keywords))
    console.print(table)
    console.print(f"{len(rows)} rows in the table articles\n", style="green")


def show_mail(console: Console, inbox: Path) -> None:
    """The mails that arrived at the SMTP server."""
    for message in sorted(mailbox.Maildir(inbox), key=lambda mail: str(mail["Subject"])):
        content = message.get_payload(decode=True)
        text = content.decode() if isinstance(content, bytes) else ""
        head = f"From: {message['From']}\nTo: {message['To']}\nSubject: {message['Subject']}\n\n"
        console.print(
            Panel(head + text.strip(), title="delivered over SMTP", title_align="left", expand=False)
        )


def show_next(console: Console, run_id: str) -> None:
    """Commands that work now: the servers are still running."""
    pgflowc = (BIN / "pgflowc").relative_to(CHECKOUT) if BIN.is_relative_to(CHECKOUT) else BIN / "pgflowc"
    headline(console, "Next: try")
    for line in (
        f"{pgflowc} runs list --project {ORDERS}",
        f"{pgflowc} runs show {run_id} --project {ORDERS} --json",
        f"{pgflowc} db status --project {ARTICLES}",
        f"{pgflowc} validate {ORDERS}/flows",
        "make clean    # stops the two PostgreSQL servers, which run until then",
    ):
        console.print(f"  {line}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
