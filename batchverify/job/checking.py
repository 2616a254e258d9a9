"""Is a report genuine: its signature, its sums, what it shows, and, where the ledger is at hand, everything in it once more.

The one thing to know: a signature is worth as much as the key it is compared with. That key comes from the person who
checks, or from the home that made the report; never from the report itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import Any

from batchverify.errors import BatchVerifyError, InputError
from batchverify.job.comparing import Checked, compare_proof, compare_report, named_places
from batchverify.job.passes import ended_job
from batchverify.job.realm import Realm, open_realm
from batchverify.job.reporting import FORMS, PROOF_KIND, prove_row, signed_document
from batchverify.job.session import Session
from batchverify.report.audit import KIND, SCHEMA, signed_bytes
from batchverify.report.book import book_of, embedded_in_book
from batchverify.report.html import embedded_in_html
from batchverify.report.pdf import embedded_in_pdf
from batchverify.rules.canonical import parse
from batchverify.rules.leaves import row_leaf
from batchverify.rules.merkle import root_from_path
from batchverify.rules.sums import check_sums
from batchverify.settings import Settings
from batchverify.store.ledger import Run
from batchverify.store.signing import fingerprint, is_public_key, is_signed
from batchverify.tables.our_book import differing_cells, odd_looks, texts_of_book, texts_of_sheets
from batchverify.words import Lang

MAX_SIZE_BYTES = 64 << 20
_CERTIFICATE = "certificate"
#: What comes of a signed document whose parts are missing or of another kind than in any report.
_NO_FORM = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
#: No chain is longer, and no larger number fits into a ledger.
_MOST_EVENTS = 1 << 48


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A file: its document and how it is drawn around it. `form` is the end of a report's name, "" for a proof, or `_CERTIFICATE`."""

    document: dict[str, Any]
    form: str
    lang: Lang
    content: bytes


def check_report(path: Path, session: Session, *, key: str | None) -> Checked:
    """Check a report in any of its forms, the proof of a row, or the certificate of an erasure.

    `key` is the public key that must have signed it.

    Raises:
        InputError: It is no report of ours, or there is no key to compare it with: neither `key` nor the home that made it.
        HomeError: The home cannot be read.
    """
    if key is not None and not is_public_key(key):
        raise InputError("A public key has 64 hex digits, written in small letters. Copy it from where it was kept.")
    opened = _opened(path)
    checked = Checked(name=path.name)
    job = str(opened.document.get("job", ""))
    with tempfile.TemporaryDirectory() as folder:
        if not _has_ledger(session, simulated=job.lower().startswith("s-")):
            _check_alone(opened, path, Path(folder), checked, key=key)
            return checked
        with open_realm(session.home, simulated=job.lower().startswith("s-"), clock=session.clock) as realm:
            own_key = realm.vault.signer.public_key
            known = any(one.id == job for one in realm.ledger.jobs())
            runs = realm.ledger.runs(job) if known else []
            is_ours = known or _key_named(opened.document) == own_key
            _check_alone(opened, path, Path(folder), checked, key=key, own_key=own_key if is_ours else None)
            if known:
                is_comparable = _check_chains(opened.document, realm, runs, checked)
        if known and is_comparable:
            _check_anew(opened, session, checked)
        elif known or opened.form == _CERTIFICATE:
            return checked
        elif is_ours and key is None:
            checked.wrong.append(f"The job {job} is not in this home any more, and the home's own key signed the report.")
        elif is_ours:
            checked.notes.append(f"The job {job} is not in this home any more: its ledger could not be compared.")
    return checked


def _opened(path: Path) -> _Opened:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SIZE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read ({error.strerror}). Check the name and the folder.") from None
    if len(content) > MAX_SIZE_BYTES:
        raise InputError(f"{path.name} has more than {MAX_SIZE_BYTES >> 20} MB: no report is that large.")
    text, form, lang = _embedded(content, path)
    try:
        document = parse(text)
        signed_bytes(document if isinstance(document, dict) else {})
    except (ValueError, RecursionError):
        raise InputError(f"{path.name} holds no report that can be read: it was cut off or changed.") from None
    kind = document.get("kind", _CERTIFICATE if "certificate" in document else None) if isinstance(document, dict) else None
    if kind not in (KIND, PROOF_KIND, _CERTIFICATE):
        raise InputError(f"{path.name} is no audit report and no proof of batchverify. Name one that `batchverify report` wrote.")
    if document.get("schema") != SCHEMA:
        raise InputError(f"{path.name} was written by another version of batchverify, and this one does not know its form.")
    form = {PROOF_KIND: "", _CERTIFICATE: _CERTIFICATE}.get(kind, form)
    return _Opened(document=document, form=form, lang=lang, content=content)


def _embedded(content: bytes, path: Path) -> tuple[str, str, Lang]:
    """The document's text, the form it is in, and the language of that form."""
    found: tuple[str, Lang] | None
    if content.startswith(b"%PDF"):
        form, found = ".pdf", embedded_in_pdf(content)
    elif content.startswith(b"PK\x03\x04"):
        with tempfile.TemporaryDirectory() as folder:
            form, found = ".xlsx", embedded_in_book(texts_of_book(path, temporary=Path(folder), max_size_bytes=MAX_SIZE_BYTES))
    else:
        text = content.decode(errors="replace")
        if text.lstrip().startswith("<"):
            form, found = ".html", embedded_in_html(text)
        else:
            form, found = ".json", (text, Lang.EN)
    if found is None:
        raise InputError(f"{path.name} is no audit report of batchverify: no signed document is embedded in it.")
    return found[0], form, found[1]


def _has_ledger(session: Session, *, simulated: bool) -> bool:
    """Look without making anything: an auditor's machine has no home, and gets none."""
    folder = session.home
    return (folder.is_dir() and not folder.is_symlink()) and (
        (folder / "sandbox" if simulated else folder) / "ledger.sqlite"
    ).exists()


def _check_alone(
    opened: _Opened, path: Path, folder: Path, checked: Checked, *, key: str | None, own_key: str | None = None
) -> None:
    """What can be checked without a ledger."""
    document = opened.document
    trusted = {"the key given": key, "this home's key": own_key}
    wanted = {whose: one for whose, one in trusted.items() if one is not None}
    if not wanted:
        named = _key_named(document)
        shown = fingerprint(named) if is_public_key(named) else "unreadable"
        raise InputError(
            f"Whose signature is under {path.name} cannot be told: this home did not make it. Name the signer's public key with --key; "
            f"the report says that its fingerprint is {shown}. Take the key from the signer, not from the report."
        )
    for whose, one in wanted.items():
        if not is_signed(signed_bytes(document), public_key=one, signature=str(document.get("signature"))):
            checked.wrong.append(
                f"The signature does not hold under {whose} ({fingerprint(one)}): the document was changed or signed by another."
            )
        elif document.get("signer") != {"algorithm": "Ed25519", "public_key": one, "fingerprint": fingerprint(one)}:
            checked.wrong.append(f"It names another signer than {whose} ({fingerprint(one)}).")
        else:
            checked.well.append(f"The signature holds under {whose} ({fingerprint(one)}).")
    if checked.wrong or opened.form == _CERTIFICATE:
        return  # what is not signed by anybody trusted is not worth adding up, and a certificate has nothing more to add up
    try:
        if opened.form:
            _check_report_alone(opened, path, folder, checked)
        else:
            _check_path(document, checked)
    except _NO_FORM:  # whoever holds the key may sign anything
        checked.wrong.append("What is signed has not the form of a report.")


def _key_named(document: Mapping[str, Any]) -> str:
    """The key that a document says is its signer's. Whose it is, it cannot say."""
    signer = document.get("signer")
    return str(signer.get("public_key")) if isinstance(signer, dict) else ""


def _check_report_alone(opened: _Opened, path: Path, folder: Path, checked: Checked) -> None:
    if faults := check_sums(opened.document):
        checked.wrong += faults
        return
    checked.well.append("The sums agree.")
    if opened.form == ".json":
        return
    if shown := list(_drawing_faults(opened, path, folder)):
        checked.wrong += shown
    else:
        checked.well.append("It shows what was signed, and nothing else.")


def _drawing_faults(opened: _Opened, path: Path, folder: Path) -> Iterator[str]:
    """Draw the document again and compare: a page can be made to show other figures than those that are signed."""
    try:
        drawn = FORMS[opened.form](opened.document, opened.lang)
    except InputError as error:
        yield f"What it shows could not be compared with what is signed. {error}"
        return
    if drawn == opened.content:
        return
    tool = opened.document["tool"]["version"]
    hint = f"It was drawn by batchverify {tool}; only that version draws the same."
    if opened.form == ".xlsx":
        # A program that saves a workbook again keeps its texts, and those are what a reader sees.
        expected = texts_of_sheets(book_of(opened.document, opened.lang))
        cells = list(differing_cells(texts_of_book(path, temporary=folder, max_size_bytes=MAX_SIZE_BYTES), expected))
        if cells:
            yield f"Cells do not show what was signed: {named_places(cells)}. {hint}"
        elif looks := list(odd_looks(opened.content)):
            yield f"The workbook was changed to look otherwise than what was signed: {named_places(looks)}. {hint}"
    elif opened.form == ".html":
        lines = zip(BytesIO(opened.content), BytesIO(drawn), strict=False)
        place = next((number for number, (one, other) in enumerate(lines, 1) if one != other), None)
        yield f"The page does not show what was signed{'' if place is None else f': line {place} of its source was changed'}. {hint}"
    else:
        yield (
            f"The pages are not those that this machine draws of what is signed: they were changed, or drawn with other fonts or another typst. {hint}"
        )


def _check_path(proof: Mapping[str, Any], checked: Checked) -> None:
    leaf = row_leaf(proof["row"], bytes.fromhex(proof["salt"]))
    path = [bytes.fromhex(one) for one in proof["path"]]
    root = root_from_path(leaf, index=proof["leaf"], size=proof["leaves"], path=path)
    if root is None or root.hex() != proof["root"]:
        checked.wrong.append("The row does not stand under the root.")
    else:
        checked.well.append(f"Row {proof['row']['row']} stands under the root {proof['root']}.")


def _check_chains(document: Mapping[str, Any], realm: Realm, runs: list[Run], checked: Checked) -> bool:
    """Hold the report's heads against the chains. True where the ledger still stands where the report was made."""
    if faults := list(_ledger_faults(realm, runs)):
        checked.wrong += faults
        return False  # what such a ledger says is worth nothing
    listed = document.get("runs")
    if not isinstance(listed, list):  # the proof of a row: its root stands for all heads
        return True
    known = {run.id for run in runs}
    stands = len(listed) >= len(runs)
    for one in listed:
        run_id, events, head = (
            (one.get(word) for word in ("run", "events", "head")) if isinstance(one, dict) else (None, None, None)
        )
        if not isinstance(run_id, str) or run_id not in known:
            faults.append(f"The ledger has no run {run_id!r} of this job.")
        elif (
            not (isinstance(events, int) and 0 <= events < _MOST_EVENTS)
            or realm.ledger.audit().link(run_id, events=events) != head
        ):
            faults.append(f"The chain of {run_id} never had the head that the report names, after {events!r} events.")
        else:
            stands = stands and events == realm.ledger.audit().chain_length(run_id)
    if not faults:
        checked.well.append(f"Every run's chain holds and has the head that the report names ({len(listed)}).")
    checked.wrong += faults
    if not stands:
        checked.notes.append("The ledger has grown since: rows and figures were not compared. Report again to compare them.")
    return stands


def _ledger_faults(realm: Realm, runs: list[Run]) -> Iterator[str]:
    """What the ledger says of itself that does not fit together."""
    for run in runs:
        if not realm.ledger.audit().verify_chain(run.id):
            yield f"The ledger's record of the run {run.id} was changed: its chain does not hold."
        if misfits := realm.ledger.audit().misfits(run.id, realm.vault.before):
            yield f"The ledger's attempts {named_places([str(one) for one in misfits])} are not what the record of {run.id} says."


def _check_anew(opened: _Opened, session: Session, checked: Checked) -> None:
    """Make the report again from input and ledger, and name what differs."""
    document = opened.document
    settings = _settings_of(document, session.settings)
    again = Session(
        settings=settings,
        watcher=session.watcher,
        built_in=session.built_in,
        clock=session.clock,
        stop=session.stop,
        passwords=session.passwords,
    )
    try:
        if opened.form:
            with ended_job(document["job"], again) as found:
                expected = signed_document(found, settings)
        else:
            expected = prove_row(document["job"], document["row"]["row"], again)
    except (BatchVerifyError, *_NO_FORM) as error:
        said = str(error) if isinstance(error, BatchVerifyError) else "It has not the form of a report."
        (checked.notes if not checked.wrong else checked.wrong).append(f"Rows and figures could not be compared. {said}")
        return
    (compare_report if opened.form else compare_proof)(
        document, expected, checked, lambda: _was_decided_elsewhere(document["job"], session)
    )


def _was_decided_elsewhere(job: str, session: Session) -> bool:
    with open_realm(session.home, simulated=job.lower().startswith("s-"), clock=session.clock) as realm:
        return realm.ledger.audit().was_decided_elsewhere(realm.ledger.runs(job)[-1].id)


def _settings_of(document: Mapping[str, Any], settings: Settings) -> Settings:
    """The settings with which the report was made, as far as they change what it says."""
    try:
        kept = document["settings"]
        changed = {
            "unit_price": Decimal(document["cost"]["unit_price"]),
            "low_balance_percent": int(kept["low_balance_percent"]),
        }
    except (LookupError, TypeError, ValueError, InvalidOperation):
        return settings
    return settings.model_copy(update=changed)
