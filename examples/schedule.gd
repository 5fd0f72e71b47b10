# A learning rate that starts large and decays: half a cosine, here at step t of 100.
#
#   graphdbg examples/schedule.gd t=25 lr0=0.1

lr = cosine_decay(t, lr0, total=100)
