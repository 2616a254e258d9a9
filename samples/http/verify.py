"""Verify a spreadsheet over HTTP: python verify.py FILE RESULT MOST_ASKS.

BATCHVERIFY_URL is where `batchverify serve` listens, BATCHVERIFY_TOKEN a token of `batchverify people token`.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import httpx

file, result, most_asks = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
token = {"Authorization": f"Bearer {os.environ['BATCHVERIFY_TOKEN']}"}
with httpx.Client(base_url=f"{os.environ['BATCHVERIFY_URL']}/api", headers=token, timeout=600) as desk:
    # The same file with the same key is one job, however often it is sent.
    key = {"Idempotency-Key": hashlib.sha256(file.read_bytes()).hexdigest()}
    options = {"options": json.dumps({"product": "bank3", "lang": "en"})}
    answer = desk.post("/jobs", headers=key, data=options, files={"file": (file.name, file.open("rb"))})
    opened = answer.raise_for_status().json()
    if opened["plan"] is None:
        sys.exit(f"{opened['needs']}: {opened['problem']}")
    job = f"/jobs/{opened['job']['id']}"

    # From here on it may cost money, and never more than MOST_ASKS asks.
    confirmation = {"digest": opened["plan"]["hash"], "max_asks": most_asks, "purpose": "onboarding"}
    desk.post(f"{job}/confirm", json=confirmation).raise_for_status()
    with desk.stream("GET", f"{job}/events") as events:
        for line in events.iter_lines():  # ends when the job does
            if line.startswith("data: "):
                now = json.loads(line.removeprefix("data: "))
                sys.stderr.write(f"{now['stage']} {now['done']}/{now['total']}, {now['billed']} billed\n")
    result.write_bytes(desk.get(f"{job}/result").raise_for_status().content)
