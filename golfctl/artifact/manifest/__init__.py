"""The manifest: its JSON text, its fields as frozen values, and the rules that hold between them."""
