# The lecture's circuit, one event after the other.
step 2
next
step
step
explain
step
continue
path x
nudge x 0.1
undo
quit
