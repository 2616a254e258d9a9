"""What is seen: a module for each step of a job and each page beside them, each with its `ROUTES`."""
