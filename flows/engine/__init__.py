"""The engine: campaigns driven from the record, pass by pass, with or without Prefect."""

from flows.engine.campaigns import add_campaign, read_campaign_file
from flows.engine.changes.versions import overtaken, said_of_edits, taken_back
from flows.engine.clients.handing import AskError, ask, experiment, experiments_of, give_back
from flows.engine.clients.own import tell_own
from flows.engine.clients.results import tell_result
from flows.engine.instruments.bringing import IngestError, ingest_files
from flows.engine.instruments.reanalysing import reanalyse
from flows.engine.looking.answering import RehearseError
from flows.engine.looking.best import believed, best
from flows.engine.looking.comparing import CompareError, compare
from flows.engine.looking.examining import examine, examined
from flows.engine.looking.explaining import explain, is_about_molecules, rests_on, told_by_design
from flows.engine.looking.insights import insights_of
from flows.engine.looking.laying import laid_out
from flows.engine.looking.predicting import PredictError, predict
from flows.engine.looking.previewing import preview, preview_file
from flows.engine.looking.rehearsing import rehearse
from flows.engine.looking.replaying import replay
from flows.engine.looking.reports import Best, ImportReport, ReplayReport, StatusReport, TellReport, TickReport
from flows.engine.looking.simulating import simulate
from flows.engine.looking.standing import status
from flows.engine.looking.trying import as_tried, on_a_copy
from flows.engine.looking.view import View
from flows.engine.looking.waiting import waiting_rows
from flows.engine.looking.window import WindowError, window
from flows.engine.passes import tick
from flows.engine.people.approving import approve
from flows.engine.people.deciding import ban, decisions, lift, pin
from flows.engine.people.editing import edit
from flows.engine.people.halting import halt, let_go, stops
from flows.engine.people.halting import lift as lift_halt
from flows.engine.people.pairing import PairsError, PairsReport, pairs, run_pairs
from flows.engine.people.pausing import cannot_pause, pause_runs, resume_runs
from flows.engine.people.persons import resolve, resume, retract, stop
from flows.engine.people.reminding import on_approve, on_ban, on_edit, on_lift, on_pin, on_retract
from flows.engine.people.telling import TellError, tell, tell_rows
from flows.engine.running import run
from flows.engine.sources.importing import bring_in
from flows.engine.sources.literature import tell_source

__all__ = [
    "AskError",
    "Best",
    "CompareError",
    "ImportReport",
    "IngestError",
    "PairsError",
    "PairsReport",
    "PredictError",
    "RehearseError",
    "ReplayReport",
    "StatusReport",
    "TellError",
    "TellReport",
    "TickReport",
    "View",
    "WindowError",
    "add_campaign",
    "approve",
    "as_tried",
    "ask",
    "ban",
    "believed",
    "best",
    "bring_in",
    "cannot_pause",
    "compare",
    "decisions",
    "edit",
    "examine",
    "examined",
    "experiment",
    "experiments_of",
    "explain",
    "give_back",
    "halt",
    "ingest_files",
    "insights_of",
    "is_about_molecules",
    "laid_out",
    "let_go",
    "lift",
    "lift_halt",
    "on_a_copy",
    "on_approve",
    "on_ban",
    "on_edit",
    "on_lift",
    "on_pin",
    "on_retract",
    "overtaken",
    "pairs",
    "pause_runs",
    "pin",
    "predict",
    "preview",
    "preview_file",
    "read_campaign_file",
    "reanalyse",
    "rehearse",
    "replay",
    "resolve",
    "rests_on",
    "resume",
    "resume_runs",
    "retract",
    "run",
    "run_pairs",
    "said_of_edits",
    "simulate",
    "status",
    "stop",
    "stops",
    "taken_back",
    "tell",
    "tell_own",
    "tell_result",
    "tell_rows",
    "tell_source",
    "tick",
    "told_by_design",
    "waiting_rows",
    "window",
]
