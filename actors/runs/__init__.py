"""Runs as actors: the dispatcher that lets them in, a PipelineActor for each, a StepActor for each step at work.

events, values, messages, errors   what others see
voice, workbench, definition_cache, former_lives   what the actors of all runs share
dispatcher         lets runs in; its parts: entrance, trees (watched and judged), endings, roll (who lives),
                   lookup, idling (who only waits)
pipeline_actor     drives one run; its parts: beginning, frames, crew (its StepActors), composites, pausing (holding),
                   herald, finale (how it ends)
step_actor         one step; its parts: deadline, splicing, step_records
recording, closing, restoring, showing   between the runs and the journal
"""

from actors.runs.beginning import began_s
from actors.runs.definition_cache import DefinitionCache, find_known, load_known
from actors.runs.dispatcher import RunDispatcher
from actors.runs.errors import (
    DrainingError,
    KillSwitchedError,
    NoSuchRunError,
    RunError,
    RunNotFailedError,
    RunNotStartedError,
    RunStillRunningError,
    RunSuspendedError,
    TooManyRunsError,
)
from actors.runs.events import TERMINAL_KINDS, RunEvent, RunEventKind
from actors.runs.messages import AwaitRun, CancelRun, Drain, GetRun, ListRuns, ReopenFailedRun, RunEvents, SubmitRun
from actors.runs.names import pipeline_name, run_name, step_name, steps_name
from actors.runs.pipeline_actor import PipelineActor
from actors.runs.preview import MOST_NAMED, PreviewSwitch, SwitchPreview
from actors.runs.restoring import meta_of, request_of
from actors.runs.step_actor import StepActor
from actors.runs.values import RunInfo, RunOrigin, RunOutcome, RunRequest, RunStatus, TakenOver
from actors.runs.voice import RunVoice
from actors.runs.workbench import Workbench

__all__ = [
    "MOST_NAMED",
    "TERMINAL_KINDS",
    "AwaitRun",
    "CancelRun",
    "DefinitionCache",
    "Drain",
    "DrainingError",
    "GetRun",
    "KillSwitchedError",
    "ListRuns",
    "NoSuchRunError",
    "PipelineActor",
    "PreviewSwitch",
    "ReopenFailedRun",
    "RunDispatcher",
    "RunError",
    "RunEvent",
    "RunEventKind",
    "RunEvents",
    "RunInfo",
    "RunNotFailedError",
    "RunNotStartedError",
    "RunOrigin",
    "RunOutcome",
    "RunRequest",
    "RunStatus",
    "RunStillRunningError",
    "RunSuspendedError",
    "RunVoice",
    "StepActor",
    "SubmitRun",
    "SwitchPreview",
    "TakenOver",
    "TooManyRunsError",
    "Workbench",
    "began_s",
    "find_known",
    "load_known",
    "meta_of",
    "pipeline_name",
    "request_of",
    "run_name",
    "step_name",
    "steps_name",
]
