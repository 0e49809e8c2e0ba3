"""Transfer of files over links that break: chunks by content, frames, repair. No sockets, no clock."""
