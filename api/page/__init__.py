"""Pages for people, made on the server and without scripts."""
