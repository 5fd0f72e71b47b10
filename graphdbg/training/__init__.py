"""Training: update rules, one step as one graph, runs, sweeps, and what goes wrong in them.

Import `train` from `loop`, `Run` from `runs`, `Data` from `data`, rules and schedules from `rules`,
many runs from `sweeps`, diagnoses from `watching`; `folders` keeps a run, `plots` draws it, `locks`
keep a second process out, and `signals` tell who asks for the end.
"""
