"""Jobs: what happens between a spreadsheet and its result. The command line, the page and Python all come in here."""

from batchverify.job.doctor import Finding, examine
from batchverify.job.inspecting import Inspection, inspect_file
from batchverify.job.options import Asking, Bounds, Delivery, Mandate, Options, Reading
from batchverify.job.passes import all_jobs, plan_file, render_job, resume_job, run_file
from batchverify.job.plan import Plan, Problem
from batchverify.job.rendering import Rendered
from batchverify.job.rerunning import asks_edited, rerun_file, rerun_job, statuses_to_rerun
from batchverify.job.session import Session, Watcher

__all__ = [
    "Asking",
    "Bounds",
    "Delivery",
    "Finding",
    "Inspection",
    "Mandate",
    "Options",
    "Plan",
    "Problem",
    "Reading",
    "Rendered",
    "Session",
    "Watcher",
    "all_jobs",
    "asks_edited",
    "examine",
    "inspect_file",
    "plan_file",
    "render_job",
    "rerun_file",
    "rerun_job",
    "resume_job",
    "run_file",
    "statuses_to_rerun",
]
