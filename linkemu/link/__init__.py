"""The link: a compiled timeline, and the channel that plays it. Knows no physics and no sockets."""
