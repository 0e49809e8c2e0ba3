"""Every error that linkemu raises on purpose, drawn as a tree by whom it blames.

    LinkemuError                    exit code 1
      InputError                    exit code 2: what the user gave us is wrong, and says where
        ScenarioError               a key of a scenario file
        ElementsError               a line of a TLE, 3LE or OMM file
        UnitError                   a quantity without its unit, or with the wrong one
        RecordError                 a file of a recorded run
        AbsentError                 something is named that isn't there
      FormatError                   bytes that another program gave us are not what they claim to be
        FrameError                  a transfer frame
        ContractError               a datagram between a node and the emulator
        TimelineError               a sky or timeline file
      ResourceError                 the machine refuses: port in use, disk full, no permission
      IntegrityError                stored bytes are not what they were
      ClockError                    a clock asked to do what it can't

Attributes carry what a program needs; the text is one line for a person, whatever of the user's it quotes.
Errors of libraries and of the operating system are translated into these once, at the shell that met them.
"""

from __future__ import annotations


class LinkemuError(Exception):
    """Root of the tree; ``exit_code`` is what a command ends with when it meets one."""

    exit_code = 1


class InputError(LinkemuError):
    """What the user gave is wrong: ``where`` names the place, ``problem`` says why."""

    exit_code = 2

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(_line(f"{where}: {problem}"))
        self.where = where
        self.problem = problem


class ScenarioError(InputError):
    """A scenario file is wrong; ``problems`` lists every (dotted path, problem) found."""

    def __init__(self, file: str, problems: list[tuple[str, str]]) -> None:
        text = "; ".join(f"{path}: {problem}" if path else problem for path, problem in problems)
        super().__init__(file, text)
        self.file = file
        self.problems = problems


class ElementsError(InputError):
    """An element set is wrong: ``file``, ``line`` (1-based, or None) and the problem."""

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        super().__init__(file if line is None else f"{file}:{line}", problem)
        self.file = file
        self.line = line


class UnitError(InputError):
    """A quantity lacks its unit or has one of another dimension."""


class RecordError(InputError):
    """A recorded run is damaged, foreign or changed: ``file``, ``line`` (1-based, or None), the problem."""

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        super().__init__(file if line is None else f"{file}:{line}", problem)
        self.file = file
        self.line = line


class AbsentError(InputError):
    """Something is named that isn't there: a door, an override."""


class FormatError(LinkemuError):
    """Bytes are not what they claim to be: wrong magic, version, length or checksum."""


class FrameError(FormatError):
    """A transfer frame that can't be read (docs/wire-format.md)."""


class ContractError(FormatError):
    """A datagram that breaks the contract between node and emulator (docs/node-contract.md)."""


class TimelineError(FormatError):
    """A sky or timeline file that can't be read (docs/timeline-format.md)."""


class ResourceError(LinkemuError):
    """The machine refuses a resource: ``resource`` names it, ``problem`` says why."""

    def __init__(self, resource: str, problem: str) -> None:
        super().__init__(f"{resource}: {problem}")
        self.resource = resource
        self.problem = problem


class IntegrityError(LinkemuError):
    """Stored bytes are not what they were when they were stored."""


class ClockError(LinkemuError):
    """A clock is asked for what it can't do, such as virtual time with real sockets."""


def _line(text: str) -> str:
    """With escapes for what can't be printed, such as line ends in the names of files."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
