"""`cnnc cache`: what compilations have left on disk."""

from __future__ import annotations

import json

import click

from cnnc.cli.failure import note
from cnnc.cli.options import as_json
from cnnc.runtime.store import Store, user_store


@click.group("cache", short_help="Show or clear what was compiled before.")
def command() -> None:
    """Networks that were compiled once are loaded from a cache, in CNNC_CACHE_DIR or where the user keeps caches."""


@command.command("info")
@as_json
def info(format: str) -> None:
    """Where the cache is and how much it holds."""
    store = _store()
    entries = store.entries() if store else []
    size = sum(path.stat().st_size for path in entries)
    if format == "json":
        facts = {"folder": str(store.folder) if store else None, "entries": len(entries), "bytes": size}
        click.echo(json.dumps({**facts, "most_bytes": store.most_bytes if store else 0}, indent=2))
    elif store:
        plural = "entry" if len(entries) == 1 else "entries"
        click.echo(f"{store.folder}: {len(entries)} {plural}, {size / 1e6:,.1f} MB of {store.most_bytes / 1e6:,.0f} MB")


@command.command("clear")
def clear() -> None:
    """Delete all that the cache holds."""
    if store := _store():
        count = len(store.entries())
        store.clear()
        note(f"{count} {'entry' if count == 1 else 'entries'} deleted from {store.folder}")


def _store() -> Store | None:
    store = user_store()
    if store is None:
        note("nothing is cached: CNNC_CACHE_DIR is empty")
    return store
