"""Ctrl-C at a chosen place: where Python would look for signals, and nowhere else."""

import dis
import signal
import sys

# After these instructions the interpreter runs signal handlers (3.11 to 3.13).
_CHECKS = {"CALL", "CALL_KW", "CALL_FUNCTION_EX", "RESUME", "JUMP_BACKWARD"}
_CODES = {dis.opmap[name] for name in _CHECKS if name in dis.opmap}


class Interruption:
    """A block that is interrupted at the `at`-th place inside jaxtape.

    The signal is a real one, so code that holds signals back is respected; the
    KeyboardInterrupt ends the block and goes no further.

    Attributes:
        count: Places passed so far; below `at` at the end if the block was not
            interrupted.
    """

    def __init__(self, at):
        self.at, self.count = at, 0

    def __enter__(self):
        sys.settrace(self._enter_call)
        return self

    def __exit__(self, kind, error, traceback):
        sys.settrace(None)
        return kind is KeyboardInterrupt

    def _enter_call(self, frame, event, argument):
        if not frame.f_globals.get("__name__", "").startswith("jaxtape."):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        code, before = frame.f_code.co_code, None

        def trace(frame, event, argument):
            nonlocal before
            if event == "opcode":
                if before in _CODES:
                    self._pass_place()
                before = code[frame.f_lasti]
            return trace

        return trace

    def _pass_place(self):
        self.count += 1
        if self.count == self.at:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)


def interrupted_everywhere(step, check, stride=1):
    """Runs `step` again and again, interrupted `stride` places later each time.

    Calls `check` after each; returns how many places a whole step has.
    """
    with Interruption(at=0) as whole:
        step()
    for at in range(1, whole.count + 1, stride):
        with Interruption(at):
            step()
        check()
    return whole.count
