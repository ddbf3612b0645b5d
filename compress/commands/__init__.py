"""The bodies of the commands, imported only when one runs."""
