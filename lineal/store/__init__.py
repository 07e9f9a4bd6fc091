"""Where state lives on one machine: the database, objects, the search index, memo and gathering."""
