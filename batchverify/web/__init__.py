"""The page and the HTTP API: doors to the desk, without rules of their own."""
