"""The audit report as sections of words, tables and charts: what HTML, PDF and workbook have in common.

The one thing to know: everything is taken from the document, as text, and nothing here is markup. Names, headers and
operators are whatever somebody typed; each writer escapes them in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from batchverify.model import Field, RowSource, RowStatus
from batchverify.report.audit_words import audit_word
from batchverify.report.blocks import Block, Chart, Facts, Grid, Kind, Note, Pages, Section, SignOff
from batchverify.report.chart import Bar, bars, columns
from batchverify.rules.prices import yuan
from batchverify.words import Lang, label_of_field, label_of_source, label_of_status, message
from batchverify.words.findings import finding_text

_COLORS: Mapping[RowStatus, str] = {
    RowStatus.MATCHED: "#2e7d4f",
    RowStatus.MISMATCHED: "#b3261e",
    RowStatus.CARD_PROBLEM: "#c2661c",
    RowStatus.UNVERIFIABLE: "#6a4c93",
    RowStatus.LOCKED: "#2f6ca3",
    RowStatus.INVALID: "#a37c00",
    RowStatus.BLOCKED: "#c9a227",
    RowStatus.FAILED: "#616161",
    RowStatus.IN_DOUBT: "#d1491b",
    RowStatus.NOT_RUN: "#9aa3ad",
}
_SETTINGS = (
    *("checks", "upgrade_15", "allow_minors", "skip_hidden", "reuse_days_matched", "reuse_days_other"),
    "low_balance_percent",
)
_FEN = 100
_TIME, _DAY = 19, 10


def pages_of(document: Mapping[str, Any], lang: Lang) -> Pages:
    """Lay out a signed document."""
    return _Layout(document, lang).pages()


class _Layout:
    """One document in one language."""

    def __init__(self, document: Mapping[str, Any], lang: Lang) -> None:
        self.doc = document
        self.lang = lang

    def pages(self) -> Pages:
        doc = self.doc
        mark = f"{self.word('simulated_short')} · " if doc["simulated"] else ""
        return Pages(
            lang=self.lang,
            title=self.word("title"),
            subtitle=doc["input"]["name"],
            banner=self.word("simulated") if doc["simulated"] else "",
            foot=f"{mark}{doc['job']} · {doc['merkle']['root'][:16]}…",
            page_word=self.word("page_of"),
            ended_at=doc["ended_at_utc"],
            sections=(
                self.glance(),
                self.subject(),
                self.mandate(),
                self.rows(),
                self.cost(),
                self.windows(),
                self.runs(),
                self.reconciliation(),
                self.evidence(),
                self.sample(),
                self.outputs(),
                self.proof(),
                self.sign_off(),
            ),
        )

    def glance(self) -> Section:
        doc, cost = self.doc, self.doc["cost"]
        status = doc["status"]
        final = sum(count for name, count in status.items() if not RowStatus(name).is_open)
        price = cost["min"] if cost["min"] == cost["max"] else f"{cost['min']} – {cost['max']}"
        facts = (
            self.fact("ending", self.word(f"ending {doc['ending']}")),
            self.fact("rows_verified", f"{doc['rows']['total']:,}"),
            self.fact("final_rows", f"{final:,} ({_share(final, doc['rows']['total'])})"),
            self.fact("cost_interval", price),
            self.fact("period", _span(doc["started_at"], doc["ended_at"])),
            self.fact("job", doc["job"], Kind.CODE),
            self.fact("root", doc["merkle"]["root"], Kind.CODE),
        )
        drawn = [
            Bar(label=label_of_status(one, self.lang), value=status[one.value], color=_COLORS[one])
            for one in RowStatus
            if status[one.value]
        ]
        return self.section("glance", Facts(rows=facts), Chart(svg=bars(drawn, title=self.word("status"))))

    def subject(self) -> Section:
        doc, source = self.doc, self.doc["input"]
        product = self.word("auto") if doc["product"] == "auto" else doc["product"]
        facts = [
            self.fact("file", source["name"]),
            self.fact("bytes", f"{source['size_bytes']:,}"),
            self.fact("sha256", source["sha256"], Kind.CODE),
            *([self.fact("sheet", source["sheet"])] if source["sheet"] else []),
            *([self.fact("encoding", source["encoding"])] if source["encoding"] else []),
            self.fact("product", product, Kind.CODE),
            self.fact("host", doc["endpoint_host"], Kind.CODE),
        ]
        for name in self.fields():
            label = self.word("column_of").format(label_of_field(name, self.lang))
            facts.append((label, doc["mapping"][name.value], Kind.TEXT))
        return self.section("subject", Facts(rows=tuple(facts)))

    def mandate(self) -> Section:
        doc, mandate = self.doc, self.doc["mandate"]
        who = [self.fact(word, mandate[word] or self.word("not_recorded")) for word in ("operator", "purpose", "authorization")]
        if mandate["approved_by"]:
            who.append(self.fact("approved_by", mandate["approved_by"]))
        both = self.word("beijing_utc")
        when = [
            self.fact(word, both.format(_local(doc[f"{word}_at"]), _local(doc[f"{word}_at_utc"])))
            for word in ("started", "ended")
        ]
        tool = self.fact("tool", f"{doc['tool']['name']} {doc['tool']['version']}")
        chosen = [self.fact(word, self.setting(doc["settings"][word])) for word in _SETTINGS if word in doc["settings"]]
        return self.section("mandate", Facts(rows=(*who, *when, tool, *chosen)))

    def rows(self) -> Section:
        doc, rows = self.doc, self.doc["rows"]
        total = rows["total"]
        counts = [(one, doc["status"][one.value]) for one in RowStatus]
        by_status = [(label_of_status(one, self.lang), f"{count:,}", _share(count, total)) for one, count in counts]
        by_kind = [(self.word(word), f"{rows[word]:,}", _share(rows[word], total)) for word in ("unique", "duplicate", "blocked")]
        everything = (self.word("total"), f"{total:,}", _share(total, total))
        errors = [
            (self.status(one["status"]), one["code"], message(one["code"], self.lang), f"{one['rows']:,}")
            for one in doc["outcomes"]
            if one["status"] != RowStatus.MATCHED
        ]
        return self.section(
            "rows",
            self.grid(("status", "rows_verified", "share"), (*by_status, everything), "tff", (6, 2, 2), sums=True),
            self.grid(("kind", "rows_verified", "share"), (*by_kind, everything), "tff", (6, 2, 2), sums=True),
            Facts(rows=(self.fact("reused", f"{rows['reused']:,}"),)),
            Note(text=self.word("classes"), strong=True),
            self.grid(("status", "code", "meaning", "rows_verified"), errors, "tctf", (4, 3, 11, 2)),
        )

    def cost(self) -> Section:
        doc, asks, cost = self.doc, self.doc["asks"], self.doc["cost"]
        price = Decimal(cost["unit_price"])
        kinds = (("billed", asks["billed"]), ("in_doubt", asks["in_doubt"]), ("free", 0), ("not_billed", 0))
        by_kind = [(self.word(word), f"{asks[word]:,}", yuan(price * costs)) for word, costs in kinds]
        # The sum is what it may come to; what is certain stands beside it in the facts below.
        by_kind.append((self.word("sent"), f"{asks['sent']:,}", cost["max"]))
        by_status = [(self.status(one["status"]), f"{one['asks']:,}", one["yuan"]) for one in doc["billed_by_status"]]
        by_status.append((self.word("total"), f"{asks['billed']:,}", cost["min"]))
        classes = [
            (self.word(f"state {one['state']}"), one["code"], message(one["code"], self.lang), one["billed"], f"{one['asks']:,}")
            for one in doc["ask_classes"]
        ]
        facts = [
            self.fact(word, f"¥ {cost[key]}")
            for word, key in (("unit_price", "unit_price"), ("cost_min", "min"), ("cost_max", "max"), ("saved", "saved"))
        ]
        facts.append(self.fact("packages", self.packages()))
        return self.section(
            "cost",
            Facts(rows=tuple(facts)),
            Chart(svg=self.cost_chart()),
            self.grid(("ask_kind", "asks", "yuan"), by_kind, "tff", (6, 2, 2), sums=True),
            self.grid(("billed_by_status", "asks", "yuan"), by_status, "tff", (6, 2, 2), sums=True),
            Note(text=self.word("ask_classes"), strong=True),
            self.grid(("state", "code", "meaning", "billed", "asks"), classes, "tctff", (3, 3, 10, 2, 2)),
            *self.groups(),
        )

    def groups(self) -> tuple[Block, ...]:
        """The bill split by a column of the sheet, where one was chosen."""
        split = self.doc.get("cost_by")
        if split is None:
            return ()
        rows = [
            (
                self.word("elsewhere") if one["value"] is None else one["value"] or self.word("blank"),
                *(f"{one[key]:,}" for key in ("asks", "billed", "in_doubt", "saved")),
                one["min"] if one["min"] == one["max"] else f"{one['min']} – {one['max']}",
            )
            for one in split["groups"]
        ]
        title = Note(text=self.word("groups").format(split["column"]), strong=True)
        return (title, self.grid(("value", "asks", "billed", "in_doubt", "saved", "yuan"), rows, "tfffff", (6, 2, 2, 3, 2, 4)))

    def cost_chart(self) -> str:
        cost = self.doc["cost"]
        least, most, saved = (Decimal(cost[key]) for key in ("min", "max", "saved"))
        shown = f"¥ {cost['min']}" if least == most else f"¥ {cost['min']} – {cost['max']}"
        rows = (
            Bar(label=self.word("cost_bar"), value=int(least * _FEN), more=int((most - least) * _FEN), shown=shown),
            Bar(label=self.word("saved"), value=int(saved * _FEN), shown=f"¥ {cost['saved']}", color="#2e7d4f"),
        )
        return bars(rows, title=self.word("cost_interval"))

    def packages(self) -> str:
        quota = self.doc["quota"]
        if not quota["known"]:
            return self.word("packages_unknown")
        counts = " · ".join("–" if quota[key] is None else f"{quota[key]:,}" for key in ("total", "left_before", "left_after"))
        low = self.word("low").format(self.doc["settings"]["low_balance_percent"])
        return f"{counts} ({low})" if quota["low"] else counts

    def windows(self) -> Section:
        windows, price = self.doc["windows"], Decimal(self.doc["cost"]["unit_price"])
        spans = [
            (
                _span(one["from"], one["to"]),
                f"{one['asks']:,}",
                f"{one['billed']:,}",
                yuan(price * one["billed"]),
            )
            for one in windows
        ]
        asks = self.doc["asks"]
        spans.append((self.word("total"), f"{asks['sent']:,}", f"{asks['billed']:,}", self.doc["cost"]["min"]))
        drawn = [
            Bar(label=one["from"][5:16].replace("T", " "), value=one["billed"], more=one["asks"] - one["billed"])
            for one in windows
        ]
        chart = columns(drawn, title=self.word("windows_chart"), words=(self.word("billed"), self.word("other_asks")))
        grid = self.grid(("from_to", "asks", "billed", "yuan"), spans, "tfff", (8, 2, 2, 2), sums=True)
        return self.section("windows", Note(text=self.word("windows_note")), *((Chart(svg=chart),) if windows else ()), grid)

    def runs(self) -> Section:
        listed = [
            (
                one["run"],
                self.word(f"kind {one['kind']}"),
                _span(one["started_at"], one["ended_at"]),
                one["reason"],
                f"{one['asks']:,}",
                _count(one["cap_asks"]),
                one["qps"] or "",
            )
            for one in self.doc["runs"]
        ]
        rate = self.doc["rate"]
        return self.section(
            "runs",
            self.grid(("run", "run_kind", "period", "reason", "asks", "cap", "qps"), listed, "cttcfff", (5, 3, 8, 4, 3, 3, 4)),
            Facts(rows=tuple(self.fact(word, f"{rate[word]:,}") for word in ("most_in_one_second", "most_in_flight"))),
        )

    def reconciliation(self) -> Section:
        found = self.doc["reconciliation"]
        facts = [self.fact(word, f"{found[word]:,}") for word in ("found_billed", "found_not_billed", "left_in_doubt")]
        said = found["statements"]
        reached = len({one["from"] for one in said} & {one["from"] for one in self.doc["windows"]})
        counts = ("vendor", "certain", "doubt")
        state = "not reconciled" if not reached else "reconciled" if reached == len(self.doc["windows"]) else "partly"
        rows = [
            (_local(one["from"]), *(f"{one[key]:,}" for key in counts), finding_text(one["finding"], self.lang)) for one in said
        ]
        heads = ("window_from", "vendor_count", "certain", "doubt", "meaning")
        table = (Note(text=self.word("statements")), self.grid(heads, rows, "tffft", (5, 3, 3, 3, 9))) if rows else ()
        return self.section("reconciliation", Note(text=self.word(state)), Facts(rows=tuple(facts)), *table)

    def evidence(self) -> Section:
        found = self.doc["evidence"]
        numbers = self.word("none") if found["first"] is None else f"{found['first']} – {found['last']}"
        facts = (
            self.fact("attempts", f"{found['attempts']:,}"),
            self.fact("first_last", numbers),
            self.fact("request_ids", f"{found['request_ids']:,}"),
            self.fact("evidence_sha256", found["sha256"], Kind.CODE),
            *(self.fact(f"erased {kind}", f"{count:,}") for kind, count in sorted(self.doc["erased"].items()) if count),
        )
        listed = [
            (str(one["attempt"]), _local(one["asked_at"]), one["code"], one["billed"], one["request_id"])
            for one in found["listed"]
        ]
        left_out = found["in_doubt"] - len(listed)
        more = (Note(text=self.word("doubts_more").format(f"{left_out:,}")),) if left_out else ()
        return self.section(
            "evidence",
            Facts(rows=facts),
            Note(text=self.word("doubts"), strong=True),
            self.grid(("attempt", "asked_at", "code", "billed", "request_id"), listed, "ftcfc", (2, 5, 4, 2, 8)),
            *more,
        )

    def sample(self) -> Section:
        fields = self.fields()
        heads = [label_of_field(name, self.lang) for name in fields]
        listed = [
            (
                str(one["row"]),
                *(one["masked"].get(name.value, "") for name in fields),
                self.status(one["status"]),
                f"{one['code']} {label_of_source(RowSource(one['source']), self.lang)}",
                _local(one["asked_at"])[5:] if one["asked_at"] else "",
                " ".join(filter(None, ("" if one["attempt"] is None else f"№{one['attempt']}", one["request_id"]))),
            )
            for one in self.doc["sample"]
        ]
        kinds = "f" + "c" * len(fields) + "tctc"
        grid = Grid(
            heads=(
                self.word("row"),
                *heads,
                *(self.word(word) for word in ("status", "code", "asked_at")),
                f"{self.word('attempt')} · {self.word('request_id')}",
            ),
            kinds=_kinds(kinds),
            rows=tuple(listed),
            weights=(3, *(4 if name == Field.NAME else 7 for name in fields), 5, 5, 5, 13),
        )
        return self.section("sample", Note(text=self.word("sample_note")), grid if listed else Note(text=self.word("nothing")))

    def outputs(self) -> Section:
        listed = [(one["name"], one["sha256"]) for one in self.doc["outputs"]]
        return self.section("outputs", self.grid(("output", "sha256"), listed, "tc", (3, 7)))

    def proof(self) -> Section:
        doc, signer = self.doc, self.doc["signer"]
        chains = [(self.word("chain").format(one["run"], f"{one['events']:,}"), one["head"], Kind.CODE) for one in doc["runs"]]
        facts = (
            self.fact("root", doc["merkle"]["root"], Kind.CODE),
            self.fact("leaves", f"{doc['merkle']['leaves']:,}"),
            *chains,
            self.fact("public_key", signer["public_key"], Kind.CODE),
            self.fact("fingerprint", signer["fingerprint"], Kind.CODE),
            self.fact("signature", doc["signature"], Kind.CODE),
        )
        return self.section("proof", Facts(rows=facts), Note(text=self.word("how")), Note(text=self.word("limit"), strong=True))

    def sign_off(self) -> Section:
        mandate = self.doc["mandate"]
        named = (("prepared", mandate["operator"]), ("checked", ""), ("approved", mandate["approved_by"]))
        roles = tuple(f"{self.word(word)} {name}".strip() for word, name in named)
        return self.section("sign_off", SignOff(roles=roles, date=self.word("date")))

    def fields(self) -> list[Field]:
        """The fields that have a column, in our order: that of a document's keys means nothing."""
        return [name for name in Field if name.value in self.doc["mapping"]]

    def word(self, word: str) -> str:
        return audit_word(word, self.lang)

    def fact(self, word: str, value: str, kind: Kind = Kind.TEXT) -> tuple[str, str, Kind]:
        return self.word(word), value, kind

    def status(self, name: str) -> str:
        return label_of_status(RowStatus(name), self.lang)

    def setting(self, value: object) -> str:
        match value:
            case bool():
                return self.word("yes" if value else "no")
            case _:
                return str(value)

    def section(self, word: str, *blocks: Block) -> Section:
        return Section(title=self.word(word), blocks=blocks)

    def grid(
        self, heads: Sequence[str], rows: Sequence[tuple[str, ...]], kinds: str, weights: tuple[int, ...], *, sums: bool = False
    ) -> Grid | Note:
        """A table, or a word where it would have no rows. `kinds` has a letter for each column: t, f or c."""
        if not rows:
            return Note(text=self.word("nothing"))
        return Grid(
            heads=tuple(self.word(head) for head in heads), kinds=_kinds(kinds), rows=tuple(rows), weights=weights, sums=sums
        )


def _kinds(letters: str) -> tuple[Kind, ...]:
    return tuple({"t": Kind.TEXT, "f": Kind.FIGURE, "c": Kind.CODE}[letter] for letter in letters)


def _local(at: str) -> str:
    return at[:_TIME].replace("T", " ")


def _span(start: str, end: str) -> str:
    """From when until when; the day is said once where it is one."""
    start, end = _local(start), _local(end)
    return f"{start} – {end[_DAY + 1 :] if end[:_DAY] == start[:_DAY] else end}"


def _share(part: int, total: int) -> str:
    return f"{part / total:.1%}" if total else "–"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
