"""The embedded bus: topics as rows of the embedded database, for one machine and many processes."""
