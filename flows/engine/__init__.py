"""The engine: campaigns driven from the record, pass by pass, with or without Prefect."""

from flows.engine.best import believed, best
from flows.engine.campaigns import add_campaign
from flows.engine.deciding import approve, ban, decisions, edit, lift, pin
from flows.engine.examining import examine
from flows.engine.explaining import explain, explained
from flows.engine.halting import halt
from flows.engine.halting import lift as lift_halt
from flows.engine.importing import bring_in
from flows.engine.instruments import IngestError, ingest_files
from flows.engine.literature import tell_source
from flows.engine.passes import tick
from flows.engine.pausing import pause_runs, resume_runs
from flows.engine.persons import resolve, resume, retract, stop
from flows.engine.previewing import preview, preview_spec
from flows.engine.reanalysing import reanalyse
from flows.engine.replaying import replay
from flows.engine.reports import Best, ImportReport, ReplayReport, StatusReport, TellReport, TickReport
from flows.engine.running import run
from flows.engine.simulating import simulate
from flows.engine.standing import status
from flows.engine.telling import TellError, tell, tell_rows
from flows.engine.view import View

__all__ = [
    "Best",
    "ImportReport",
    "IngestError",
    "ReplayReport",
    "StatusReport",
    "TellError",
    "TellReport",
    "TickReport",
    "View",
    "add_campaign",
    "approve",
    "ban",
    "believed",
    "best",
    "bring_in",
    "decisions",
    "edit",
    "examine",
    "explain",
    "explained",
    "halt",
    "ingest_files",
    "lift",
    "lift_halt",
    "pause_runs",
    "pin",
    "preview",
    "preview_spec",
    "reanalyse",
    "replay",
    "resolve",
    "resume",
    "resume_runs",
    "retract",
    "run",
    "simulate",
    "status",
    "stop",
    "tell",
    "tell_rows",
    "tell_source",
    "tick",
]
