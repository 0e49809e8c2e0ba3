"""The only floor that knows sockets, wall clocks and event loops: import the module that you need."""
