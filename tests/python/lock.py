"""Takes the write lock of an SQLite database and lets go of it, as told line by line. `lock.py DATABASE`."""

import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
# Opened, and not only named.
connection.execute("PRAGMA user_version").fetchone()
print("ready", flush=True)
for order in sys.stdin:
    if order.strip() == "take":
        connection.execute("BEGIN IMMEDIATE")
        print("taken", flush=True)
    else:
        connection.execute("ROLLBACK")
        print("released", flush=True)
