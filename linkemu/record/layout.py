"""Where what lies in a recorded run (docs/replay.md). Beside these: NAME.json for each thing that it said."""

SKY = "sky"
SCENARIO = "scenario.toml"
FAULTS = "faults.json"
STRIKES = "node_faults"  # .json, where nodes were struck by an operator
PLANS = "plans"  # NODE.json
PRESETS = "presets"  # the preset files of the scenario room, as they were
INPUTS = "inputs"  # every file that the scenario names
TRACES = "traces"  # NAME.jsonl
SKY_TRACE = "sky"  # of a run with doors: the sky as it was played, whoever the clients were
