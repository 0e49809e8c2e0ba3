"""From a scenario's terminals to what optics/ works with: sender, receiver, modes, their choice."""

from __future__ import annotations

import math
from dataclasses import replace

from linkemu.optics import background, coupling, modem, sensitivity
from linkemu.optics.background import Sky
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
    """What the terminal can receive in the dark."""
    return tuple(
        modem.Mode(mode.rate_bps, 10.0 * math.log10(mode.sensitivity_W * 1e3), mode.slope_dB)
        for mode in terminal.modes
    )


def modes_under(sky: Sky, sender: Terminal, receiver: Terminal) -> tuple[modem.Mode, ...]:
    """What the receiver can receive of the sender while the sky shines in; quantised to 0.001 dB."""
    shining_W = background_W(sky, sender, receiver)
    costs = [background_dB(shining_W, sender, receiver, place) for place in range(len(receiver.modes))]
    return tuple(
        replace(mode, sensitivity_dBm=round(mode.sensitivity_dBm + cost, 3))
        for mode, cost in zip(modes(receiver), costs, strict=True)
    )


def background_W(sky: Sky, sender: Terminal, receiver: Terminal) -> float:
    """Background that reaches the receiver's detector behind its optics."""
    front = receiver.front
    light = background.radiance(sky, sender.wavelength_m)
    whole = background.power_W(front.field_of_view_rad, receiver.aperture_m, front.filter_m * 1e6, light)
    clear = 1.0 - (receiver.obscuration_m / receiver.aperture_m) ** 2
    return float(whole * clear * 10.0 ** (-receiver.receive_loss_dB / 10.0))


def background_dB(shining_W: float, sender: Terminal, receiver: Terminal, place: int) -> float:
    """What that costs the receiver's mode at this place of its table."""
    mode = receiver.modes[place]
    noise = (shining_W, mode.sensitivity_W, mode.rate_bps, sender.wavelength_m)
    return float(sensitivity.background_dB(*noise, Detection(receiver.front.detection)))


def control(terminal: Terminal) -> modem.Control:
    """How the modes that the terminal receives are chosen."""
    settings = terminal.modem
    return modem.Control(
        modem.Adaptation(settings.adaptation),
        *(settings.margin_dB, settings.step_up_dB, settings.step_down_dB),
        *(settings.dwell_s, settings.report_s, settings.filter_s, settings.silence_s),
    )
