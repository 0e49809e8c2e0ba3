"""From a scenario's terminals to what optics/ works with: sender, receiver, modes, their choice."""

from __future__ import annotations

import math

from linkemu.optics import coupling, modem
from linkemu.optics.budget import Receiver, Transmitter
from linkemu.optics.sensitivity import Detection
from linkemu.scenario.model import Terminal


def transmitter(terminal: Terminal) -> Transmitter:
    """The terminal as the sending end."""
    return Transmitter(
        wavelength_m=terminal.wavelength_m,
        power_W=terminal.power_W,
        divergence_rad=terminal.divergence_rad,
        jitter_rad=terminal.jitter_rad,
        loss_dB=terminal.transmit_loss_dB,
        bias_rad=terminal.bias_rad,
        truncation=terminal.truncation,
        obscuration=terminal.obscuration_m / terminal.aperture_m,
    )


def receiver(terminal: Terminal) -> Receiver:
    """The terminal as the receiving end."""
    return Receiver(
        terminal.aperture_m, terminal.obscuration_m, terminal.receive_loss_dB, _coupling(terminal)
    )


def _coupling(terminal: Terminal) -> coupling.Coupling:
    match terminal.front.coupling:
        case "detector":
            return coupling.Detector()
        case "fibre":
            return coupling.Fibre()
        case "tip-tilt":
            return coupling.TiltedFibre()
        case "adaptive":
            return coupling.CorrectedFibre(terminal.front.ao_bandwidth_Hz, terminal.front.ao_pitch_m)


def modes(terminal: Terminal) -> tuple[modem.Mode, ...]:
    """What the terminal can receive."""
    return tuple(
        modem.Mode(mode.rate_bps, 10.0 * math.log10(mode.sensitivity_W * 1e3), mode.slope_dB)
        for mode in terminal.modes
    )


def control(terminal: Terminal) -> modem.Control:
    """How the modes that the terminal receives are chosen."""
    settings = terminal.modem
    return modem.Control(
        modem.Adaptation(settings.adaptation),
        *(settings.margin_dB, settings.step_up_dB, settings.step_down_dB),
        *(settings.dwell_s, settings.report_s, settings.filter_s, settings.silence_s),
    )


def detection(terminal: Terminal) -> Detection:
    """How the terminal receives."""
    return Detection(terminal.front.detection)
