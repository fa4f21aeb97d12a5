"""The running node: settings, daemon, socket gateway, command line, metrics endpoint. Knows every floor below."""
