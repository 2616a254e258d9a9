"""What is well and what is not: the home, the ledger, the chains, the AppCode. Looks only; mends and sends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from batchverify.errors import BatchVerifyError
from batchverify.job.alerts import try_places
from batchverify.job.clock import SystemClock
from batchverify.job.realm import Realm, open_realm
from batchverify.job.renewing import is_cut_short
from batchverify.job.uploads import folders_of
from batchverify.settings import KEY_FILE, Settings, app_code
from batchverify.store.home import Home
from batchverify.store.modes import loose_files
from batchverify.store.signing import fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `detail` says what was seen, or what to do; `zh` the same in Chinese, "" for an error's text."""

    what: str
    is_well: bool
    detail: str
    zh: str = ""


def examine(home: Path, settings: Settings, *, alert: bool = False) -> list[Finding]:
    """Look at everything that a run will need; with `alert`, send a test message to the places of alerts."""
    found = [*_home(home), *_realm(home, simulated=False), *_realm(home, simulated=True), _app_code(home, settings)]
    return [*found, *_alerts(settings)] if alert else found


def _home(folder: Path) -> Iterator[Finding]:
    try:
        Home.open(folder).check_writable()
    except BatchVerifyError as error:
        yield Finding(what="home", is_well=False, detail=str(error))
    else:
        if loose := loose_files(folder):
            detail = " ".join([*loose, f"Close all of it with `chmod -R go= {folder}`."])
            yield Finding(what="home", is_well=False, detail=detail)
            return
        yield Finding(
            what="home", is_well=True, detail=f"{folder} is private and can be written.", zh=f"{folder} 仅本人可用，可以写入。"
        )


def _realm(folder: Path, *, simulated: bool) -> Iterator[Finding]:
    what = "sandbox ledger" if simulated else "ledger"
    try:
        with open_realm(folder, simulated=simulated, clock=SystemClock()) as realm:
            damages = realm.ledger.damages()
            count = len(realm.ledger.jobs())
            yield Finding(
                what=what,
                is_well=not damages,
                detail="; ".join(damages) or f"{count} jobs, no damage.",
                zh="" if damages else f"任务 {count} 个，未发现损坏。",
            )
            runs = [run for job in realm.ledger.jobs() for run in realm.ledger.runs(job.id)]
            broken = [
                run.id
                for run in runs
                if not realm.ledger.audit().verify_chain(run.id) or realm.ledger.audit().misfits(run.id, realm.vault.before)
            ]
            if not realm.ledger.retention().chain_holds():
                broken.append("the chain of erasures")
            detail = (
                f"Runs whose record was changed: {', '.join(broken)}."
                if broken
                else f"{len(runs)} runs, every record follows from the one before."
            )
            zh = f"记录曾被改动的批次：{'、'.join(broken)}。" if broken else f"批次 {len(runs)} 个，每条记录均与前一条衔接。"
            yield Finding(what=f"{what} chains", is_well=not broken, detail=detail, zh=zh)
            yield _key(realm, what)
            yield from _uploads(realm)
            key = realm.vault.signer.public_key
            yield Finding(
                what=f"{what} report key",
                is_well=True,
                detail=f"{key}, fingerprint {fingerprint(key)}.",
                zh=f"{key}，指纹 {fingerprint(key)}。",
            )
    except BatchVerifyError as error:
        yield Finding(what=what, is_well=False, detail=str(error))


def _uploads(realm: Realm) -> Iterator[Finding]:
    """What a desk keeps, where there is one."""
    folders = list(folders_of(realm))
    if not folders:
        return
    damaged = [folder.id for folder in folders if folder.is_damaged]
    megabytes = sum(folder.size_bytes for folder in folders) / (1 << 20)
    yield Finding(
        what="sandbox uploads" if realm.simulated else "uploads",
        is_well=not damaged,
        detail=(
            f"The documents of these jobs cannot be read: {', '.join(damaged)}. Their folders are in {str(folders[0].path.parent)!r}; "
            "what was asked of them is in the ledger. `batchverify purge` takes them in time."
            if damaged
            else f"{len(folders)} jobs of the page, {megabytes:,.0f} MB with their results. `batchverify purge` takes what is old."
        ),
        zh="" if damaged else f"页面任务 {len(folders)} 个，连同结果共 {megabytes:,.0f} MB。batchverify purge 清除过期文件。",
    )


def _key(realm: Realm, what: str) -> Finding:
    if is_cut_short(realm):
        detail = (
            "A renewal was cut short; the home works, and the old key is still kept. Run `batchverify key rotate` to finish it."
        )
        zh = "更换密钥中途停止；工作目录可用，旧密钥仍保留。请运行 batchverify key rotate 完成更换。"
        return Finding(what=f"{what} key", is_well=False, detail=detail, zh=zh)
    renewed = realm.vault.generation
    detail = f"Renewed {renewed} times." if renewed else "Never renewed."
    return Finding(what=f"{what} key", is_well=True, detail=detail, zh=f"已更换 {renewed} 次。" if renewed else "未曾更换。")


def _alerts(settings: Settings) -> Iterator[Finding]:
    tried = try_places(settings)
    if not tried:
        detail = "No place is named. Name some in 'alert_urls' of config.toml in the home, or in BATCHVERIFY_ALERT_URLS."
        yield Finding(what="alerts", is_well=False, detail=detail)
    for place, problem in tried:
        yield Finding(what=f"alerts, {place}", is_well=not problem, detail=problem or "It took the test message.")


def _app_code(home: Path, settings: Settings) -> Finding:
    try:
        app_code(settings, home)
    except BatchVerifyError as error:
        # None is no illness, for the sandbox works without one; one that others may read is.
        is_there = (home / KEY_FILE).exists()
        zh = "" if is_there else "尚未设置。请在设置中填写，或设置环境变量 BATCHVERIFY_APPCODE；沙箱模式无需。"
        return Finding(what="AppCode", is_well=not is_there, detail=str(error), zh=zh)
    return Finding(what="AppCode", is_well=True, detail="There is one.", zh="已设置。")
