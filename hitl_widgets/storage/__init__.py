"""Files in the project's folder: the log, its schema, backups, caches and archives."""
