"""What a job did, for people and programs: the summary and its sheets."""
