"""From the words of the command and YAML files to validated plans."""
