"""The journal in a database that is named by a URL, through SQLAlchemy Core: PostgreSQL.

place       the seam's other end; imports SQLAlchemy (the extra `postgres`) only when it is opened
tables, migrations   the schema, as Core sees it and as it is made
store       the store; its parts: writing, reading, upkeep, checking
copying     moving a journal there
failures    what a failure of the database means

The same code speaks SQLite (`sqlite:///FILE`), which is how docs/adr/0011 was measured; nodes use `SqliteFile`.
"""

from actors.journal.url.place import Copied, UrlPlace, check_url, copy_journal

__all__ = ["Copied", "UrlPlace", "check_url", "copy_journal"]
